import type { Clock } from "../base/clock.ts";
import type { VendorsConfig } from "../config.ts";
import type { Guard } from "../providers/breaker.port.ts";
import { SteadyStt } from "../providers/steady-stt.ts";
import type { Stt } from "../providers/stt.port.ts";
import { accessOf, AdapterSet, type Adapters } from "./adapters.ts";
import { planOf, usable, type Candidate } from "./plan.ts";

export interface EarsPorts {
  readonly vendors: VendorsConfig;
  readonly adapters: Adapters;
  readonly clock: Clock;
  /** Undefined: its models are not there. */
  readonly local: Stt | undefined;
  readonly warn: (message: string) => void;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
  /** Shared by all calls of the process. */
  readonly breakers?: Guard;
}

type Maker = (language: string) => Stt;

/** Errors `provider.missing`, `config.invalid`: who was chosen is not there. */
export async function openEars(ports: EarsPorts): Promise<Ears> {
  const { vendors, clock, warn } = ports;
  const plan = planOf("stt", { vendors, at: clock.now(), localVoices: [] });
  const adapters = await AdapterSet.load<"stt">(ports.adapters.stt, vendors);
  const makers = usable(plan, (one) => makersOf(one, ports, adapters), warn);
  return new Ears(makers.flat(), ports);
}

function makersOf(
  { provider, model, problem, warnings }: Candidate,
  { vendors, clock, local, warn }: EarsPorts,
  adapters: AdapterSet<"stt">,
): readonly Maker[] {
  if (problem) throw problem;
  for (const warning of warnings) warn(warning);
  if (provider === "local") return local ? [() => local] : [];
  const make = adapters.of(provider);
  const access = accessOf(vendors, provider);
  return [(language) => make({ ...access, model, language, clock })];
}

/** By the language of the callers, which vendors want to be told. */
export class Ears implements AsyncDisposable {
  readonly #makers: readonly Maker[];
  readonly #ports: EarsPorts;
  readonly #made = new Map<string, Stt>();

  constructor(makers: readonly Maker[], ports: EarsPorts) {
    this.#makers = makers;
    this.#ports = ports;
  }

  get isEmpty(): boolean {
    return this.#makers.length === 0;
  }

  /** Undefined where nobody can hear. */
  of(language: string): Stt | undefined {
    if (this.isEmpty) return undefined;
    const made = this.#made.get(language) ?? this.#make(language);
    this.#made.set(language, made);
    return made;
  }

  /** An engine of this machine has no connection that breaks. */
  #make(language: string): Stt {
    const { local, clock, random, breakers } = this.#ports;
    const stts = this.#makers.map((make) => make(language));
    if (stts.length === 1 && stts[0] === local) return stts[0]!;
    return new SteadyStt({ stts, clock, random, ...(breakers && { breakers }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#made.values()].map((stt) => stt[Symbol.asyncDispose]()));
  }
}
