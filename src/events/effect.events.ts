import { z } from "zod";

/**
 * How an effect ended (E4): done, failed, stopped (by us), never-started (stopped before its start
 * was in the log), lost (its process died), unknown (a write whose result nobody can tell).
 */
export const EffectHow = z.enum(["done", "failed", "stopped", "never-started", "lost", "unknown"]);
export type EffectHow = z.infer<typeof EffectHow>;

/**
 * What is counted, each quantity once: tokens read from a cache are no `inputTokens`, tokens of
 * reasoning no `outputTokens`. Times in ms.
 */
const METERS = [
  "requests",
  "inputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "outputTokens",
  "reasoningTokens",
  "audioOutTokens",
  "characters",
  "audioMs",
  "connectionMs",
  "images",
  "pixels",
] as const;
export const Meter = z.enum(METERS);
export type Meter = z.infer<typeof Meter>;

/** What is paid for. */
export const Service = z.enum([
  "stt",
  "llm",
  "tts",
  "vision",
  "embedding",
  "tool",
  "room",
  "compute",
]);
export type Service = z.infer<typeof Service>;

/** One metered quantity of a provider; the ledger rates it. */
export const Usage = z.strictObject({
  service: Service,
  provider: z.string(),
  /** The model that really answered. */
  model: z.string(),
  meter: Meter,
  quantity: z.number().nonnegative(),
  /** True where the provider was silent and the count is ours. */
  estimated: z.boolean(),
  /** Which try at this model it was for, where it was not the first. */
  attempt: z.int().min(2).optional(),
  /** What became of the request, where it was not done: it costs all the same. */
  how: z.enum(["stopped", "failed"]).optional(),
});
export type Usage = z.infer<typeof Usage>;

/** Something a running effect met; `event` is of the catalogue and goes to the effect's actor. */
export const EffectProgress = z.strictObject({
  type: z.literal("effect.progress"),
  effect: z.string(),
  event: z.looseObject({ type: z.string() }),
});

/** The one terminal input of an effect. */
export const EffectEnded = z.strictObject({
  type: z.literal("effect.ended"),
  effect: z.string(),
  how: EffectHow,
  /** Playout ms of a reply at its end. */
  position: z.number().optional(),
  usage: z.array(Usage).optional(),
  result: z.json().optional(),
  error: z.string().optional(),
});
export type EffectEnded = z.infer<typeof EffectEnded>;

/** A due timer, stamped with the record that armed it; another arming's firing is ignored (E6). */
export const TimerFired = z.strictObject({
  type: z.literal("timer.fired"),
  timer: z.string(),
  arm: z.string(),
});

/** What a tool's result may ask of the call, beside its output. */
export interface ToolDirective {
  /** Name of the agent that goes on with the call, from this answer on. */
  readonly handoff?: string;
  /** The call ends once this turn is over. */
  readonly hangUp?: boolean;
}

/** What every chart may get for the end of one of its effects; its type is `<src>.ended`. */
export interface EndEvent {
  readonly child: string;
  readonly how: EffectHow;
  /** False where the same child was asked for again: then only usage counts. */
  readonly current: boolean;
  readonly position?: number;
  readonly result?: unknown;
  readonly error?: string;
  readonly at: number;
}
