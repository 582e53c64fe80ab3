import type { Voice } from "./actors/agent-parts.ts";
import { systemClock } from "./base/clock.ts";
import { fromOptional } from "./base/optional-package.ts";
import type {
  LiftLlmOptions,
  LiftSttOptions,
  LiftTtsOptions,
} from "./providers/livekit-plugin/lift-options.ts";
import type { Llm } from "./providers/llm.port.ts";
import type { Stt } from "./providers/stt.port.ts";

export type {
  LiftLlmOptions,
  LiftSttOptions,
  LiftTtsOptions,
} from "./providers/livekit-plugin/lift-options.ts";

/**
 * Makes the plugin's object: `() => new openai.LLM({ ... })`. A function, as a plugin may only be
 * made once the framework's logger is there.
 */
export type MakePlugin<Plugin> = () => Plugin;

/** What of `llm.LLM` of `@livekit/agents` is told by; that package is loaded only here. */
export interface LlmPlugin {
  readonly model: string;
  label(): string;
  chat(options: never): object;
}

/** `tts.TTS`. */
export interface TtsPlugin {
  readonly model: string;
  readonly sampleRate: number;
  synthesize(text: string): object;
}

/** `stt.STT`. */
export interface SttPlugin {
  readonly model: string;
  readonly label: string;
  stream(): object;
}

/**
 * A language model of a LiveKit Agents plugin, for an agent's `model`. Error `provider.missing`
 * without `@livekit/agents`; what the plugin's maker throws is left as it is.
 */
export async function liftLlm(
  make: MakePlugin<LlmPlugin>,
  options: LiftLlmOptions = {},
): Promise<Llm> {
  await setUp();
  const { createPluginLlm } = await import("./providers/livekit-plugin/livekit-plugin.llm.ts");
  return createPluginLlm(make() as Parameters<typeof createPluginLlm>[0], options);
}

/** A voice of a LiveKit Agents plugin, for an agent's `voice`. Errors: as `liftLlm`. */
export async function liftTts(
  make: MakePlugin<TtsPlugin>,
  options: LiftTtsOptions = {},
): Promise<Voice> {
  await setUp();
  const { createPluginTts } = await import("./providers/livekit-plugin/livekit-plugin.tts.ts");
  const tts = createPluginTts(make() as Parameters<typeof createPluginTts>[0], options);
  return { tts, name: options.voice ?? tts.model };
}

/** Speech to text of a LiveKit Agents plugin, for an agent's `stt`. Errors: as `liftLlm`. */
export async function liftStt(
  make: MakePlugin<SttPlugin>,
  options: LiftSttOptions = {},
): Promise<Stt> {
  await setUp();
  const { createPluginStt } = await import("./providers/livekit-plugin/livekit-plugin.stt.ts");
  return createPluginStt(make() as Parameters<typeof createPluginStt>[0], {
    ...options,
    clock: systemClock,
  });
}

async function setUp(): Promise<void> {
  const { setUpLogger } = await fromOptional(
    "@livekit/agents",
    () => import("./providers/livekit-plugin/plugin-calls.ts"),
  );
  setUpLogger();
}
