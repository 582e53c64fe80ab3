import type { Voice } from "../actors/agent-parts.ts";
import type { Shelf } from "../agent/shelf.ts";
import type { VendorName, VendorsConfig } from "../config.ts";
import type { Llm } from "../providers/llm.port.ts";
import type { Tts } from "../providers/tts.port.ts";
import { defaultOf, findModel, MODEL_DATA, stateOf } from "../providers/vendor-models.ts";
import { accessOf, AdapterSet, type Adapters } from "./adapters.ts";
import { namedCandidate, planOf, usable, type Candidate, type PlanPorts } from "./plan.ts";

/** Models and voices of this machine and of every vendor that has a key. */
export interface ShelfPorts {
  readonly vendors: VendorsConfig;
  readonly adapters: Adapters;
  /** Ms since the Unix epoch. */
  readonly at: number;
  readonly local: {
    /** The receptionist, by its name. */
    readonly models: Readonly<Record<string, Llm>>;
    readonly tts: Tts;
    /** The default first. */
    readonly voices: readonly string[];
  };
  /** What is to be said once, as that a model leaves its API. */
  readonly warn: (message: string) => void;
}

/**
 * Loads the adapter of every vendor that has a key, so that a name in an agent's file needs no
 * waiting. Errors `provider.missing`, `config.invalid` where what was chosen cannot be had.
 */
export async function openShelf(ports: ShelfPorts): Promise<Shelf & AsyncDisposable> {
  const shelf = new VendorShelf(ports, {
    llm: await AdapterSet.load<"llm">(ports.adapters.llm, ports.vendors),
    tts: await AdapterSet.load<"tts">(ports.adapters.tts, ports.vendors),
  });
  try {
    shelf.choose();
  } catch (error) {
    await shelf[Symbol.asyncDispose]();
    throw error;
  }
  return shelf;
}

interface Loaded {
  readonly llm: AdapterSet<"llm">;
  readonly tts: AdapterSet<"tts">;
}

class VendorShelf implements Shelf, AsyncDisposable {
  readonly #ports: ShelfPorts;
  readonly #plan: PlanPorts;
  readonly #loaded: Loaded;
  readonly #models = new Map<string, Llm>();
  readonly #speakers = new Map<string, Tts>();
  readonly #warned = new Set<string>();
  #defaults: Shelf["defaults"] = { models: [], voices: [] };

  constructor(ports: ShelfPorts, loaded: Loaded) {
    this.#ports = ports;
    this.#plan = { vendors: ports.vendors, at: ports.at, localVoices: ports.local.voices };
    this.#loaded = loaded;
  }

  get defaults(): Shelf["defaults"] {
    return this.#defaults;
  }

  get names(): Shelf["names"] {
    const { local, at } = this.#ports;
    const models = this.#loaded.llm.names.flatMap((name) => modelNames(name, at));
    return {
      models: [...Object.keys(local.models), ...models],
      voices: [...local.voices, ...this.#loaded.tts.names.flatMap(voiceNames)],
    };
  }

  choose(): void {
    this.#defaults = {
      models: usable(planOf("llm", this.#plan), (one) => this.#modelOf(one), this.#warn),
      voices: usable(planOf("tts", this.#plan), (one) => this.#voiceOf(one), this.#warn),
    };
  }

  model(name: string): Llm | undefined {
    const candidate = namedCandidate("llm", name, this.#plan);
    return candidate && this.#modelOf(candidate);
  }

  voice(name: string): Voice | undefined {
    const candidate = namedCandidate("tts", name, this.#plan);
    return candidate && this.#voiceOf(candidate);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#speakers.values()].map((tts) => tts[Symbol.asyncDispose]()));
  }

  readonly #warn = (message: string): void => {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#ports.warn(message);
  };

  #modelOf(candidate: Candidate): Llm {
    this.#check(candidate);
    const { provider, model } = candidate;
    const { local, vendors } = this.#ports;
    if (provider === "local") return local.models[model]!;
    return kept(this.#models, `${provider}/${model}`, () => {
      const effort = findModel(model, provider)?.effort;
      const options = { ...accessOf(vendors, provider), model, ...(effort && { effort }) };
      return this.#loaded.llm.of(provider)(options);
    });
  }

  #voiceOf(candidate: Candidate): Voice {
    this.#check(candidate);
    const { provider, model, voice: name = "" } = candidate;
    const { local, vendors } = this.#ports;
    if (provider === "local") return { tts: local.tts, name };
    const tts = kept(this.#speakers, `${provider}/${model}`, () =>
      this.#loaded.tts.of(provider)({ ...accessOf(vendors, provider), model }),
    );
    return { tts, name };
  }

  #check({ problem, warnings }: Candidate): void {
    if (problem) throw problem;
    for (const warning of warnings) this.#warn(warning);
  }
}

function kept<T>(all: Map<string, T>, key: string, make: () => T): T {
  const there = all.get(key) ?? make();
  all.set(key, there);
  return there;
}

/** Those that can still be had; the last stands for what our table does not know. */
function modelNames(provider: VendorName, at: number): readonly string[] {
  const there = MODEL_DATA.models.filter(
    (one) =>
      one.provider === provider && one.kinds.includes("llm") && stateOf(one, at) !== "retired",
  );
  return [...there.map(({ id }) => `${provider}/${id}`), `${provider}/…`];
}

function voiceNames(provider: VendorName): readonly string[] {
  return [`${provider}/${defaultOf(provider, "tts")?.voice}`, `${provider}/…`];
}
