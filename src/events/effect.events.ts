import { z } from "zod";

/**
 * How an effect ended (E4): done, failed, stopped (by us), never-started (stopped before its start
 * was in the log), lost (its process died), unknown (a write whose result nobody can tell).
 */
export const EffectHow = z.enum(["done", "failed", "stopped", "never-started", "lost", "unknown"]);
export type EffectHow = z.infer<typeof EffectHow>;

/** One metered quantity of a provider; the ledger rates it. */
export const Usage = z.strictObject({
  service: z.enum(["stt", "llm", "tts", "tool", "room"]),
  provider: z.string(),
  model: z.string(),
  meter: z.string(),
  quantity: z.number().nonnegative(),
  estimated: z.boolean(),
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
