import type { Json } from "../events/record.ts";
import type { ToolSpec } from "./llm.port.ts";

export interface ToolContext {
  /** Stable over retries and takeovers: the idempotency key of a write (E8). */
  readonly key: string;
  readonly signal: AbortSignal;
}

/** A function the model may call; run by the host as an effect, its result recorded (E8). */
export interface Tool {
  readonly spec: ToolSpec;
  /** Writes change the world: they finish when the user barges in, and are never run twice. */
  readonly write: boolean;
  /** A write whose `key` the far side honours: after a crash it may be asked again (L5). */
  readonly idempotent: boolean;
  readonly timeoutMs: number;
  /** Throws `input.invalid` where the input does not fit. */
  run(input: Json, context: ToolContext): Promise<Json>;
}
