import type { Shelf } from "../agent/shelf.ts";
import { systemClock } from "../base/clock.ts";
import { systemIds } from "../base/id.ts";
import { stderrLogger } from "../base/logger.ts";
import type { Config } from "../config.ts";
import { Breakers } from "../providers/breakers.ts";
import type { Endpointer } from "../providers/endpointer.port.ts";
import { openFlite } from "../providers/local/flite.tts.ts";
import { findModels, findSmartTurn } from "../providers/local/models.ts";
import { openMoonshine } from "../providers/local/moonshine.stt.ts";
import { createReceptionist } from "../providers/local/receptionist/receptionist.llm.ts";
import { createSilero } from "../providers/local/silero.vad.ts";
import { openSmartTurn } from "../providers/local/smart-turn.endpointer.ts";
import type { Stt } from "../providers/stt.port.ts";
import type { Tts } from "../providers/tts.port.ts";
import type { Vad } from "../providers/vad.port.ts";
import { openEars } from "./ears.ts";
import { openShelf } from "./open-shelf.ts";
import { planOf, type PlanPorts } from "./plan.ts";
import { ADAPTERS } from "./registry.ts";

/**
 * The part of the composition that is about providers: vendors' where there are keys, this
 * machine's, which need no server and no key, where there are none.
 */
export interface Providers extends AsyncDisposable {
  readonly vad: Vad;
  /** By the callers' language. Undefined where nobody can hear: callers type. */
  sttFor(language: string): Stt | undefined;
  /** Why nobody can hear. */
  readonly missing: string | undefined;
  /** An open model that hears when a turn is over, once it was pulled. */
  readonly endpointer: Endpointer | undefined;
  /** The voice of this machine. */
  readonly tts: Tts;
  /** Models and voices by the names an agent calls them. */
  readonly shelf: Shelf;
}

/** Of this process: all its calls ask the same providers. */
export const BREAKERS = new Breakers();

const AGENT_VOICE = "slt";
export const CALLER_VOICE = "rms";

/** Errors `provider.missing`, `config.invalid` where what was chosen cannot be had. */
export async function openProviders(config: Config): Promise<Providers> {
  await using opened = new AsyncDisposableStack();
  const { vendors } = config;
  const clock = systemClock;
  const logger = stderrLogger(config.logLevel, () => clock.now());
  const warn = (message: string): void => logger.log("warn", message);
  const tts = opened.use(openFlite());
  const voices = byDefault(tts.voices);
  const local = { models: { receptionist: createReceptionist() }, tts, voices };
  const at = clock.now();
  const shelf = opened.use(await openShelf({ vendors, adapters: ADAPTERS, at, local, warn }));
  const models = await findModels(config.modelsDir);
  const moonshine = models.ok ? opened.use(openMoonshine(models.paths)) : undefined;
  const ears = opened.use(
    await openEars({
      vendors,
      adapters: ADAPTERS,
      clock,
      local: moonshine,
      warn,
      random: () => systemIds.random(),
      breakers: BREAKERS,
    }),
  );
  const smartTurn = await findSmartTurn(config.modelsDir);
  const endpointer = smartTurn.ok ? opened.use(openSmartTurn(smartTurn.paths)) : undefined;
  const vad = createSilero();
  await Promise.all([tts.warm(), moonshine?.warm(), ears.isEmpty || vad.warm()]);
  const all = opened.move();
  return {
    vad,
    sttFor: (language) => ears.of(language),
    missing: ears.isEmpty && !models.ok ? models.reason : undefined,
    endpointer,
    tts,
    shelf,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Whether nobody hears but the engine of this machine, which wants its models. */
export function needsLocalEars(config: Config): boolean {
  return planOf("stt", planPorts(config, []))[0]?.provider === "local";
}

/** Whether the bundled rules answer where an agent names no model. */
export function isReceptionistAnswering(config: Config): boolean {
  return planOf("llm", planPorts(config, []))[0]?.provider === "local";
}

/** What the choice of providers is made by. */
export function planPorts({ vendors }: Config, localVoices: readonly string[]): PlanPorts {
  return { vendors, at: systemClock.now(), localVoices: byDefault(localVoices) };
}

function byDefault(voices: readonly string[]): readonly string[] {
  return [AGENT_VOICE, ...voices.filter((name) => name !== AGENT_VOICE)];
}
