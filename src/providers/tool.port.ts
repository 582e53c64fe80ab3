import type { ToolDirective } from "../events/effect.events.ts";
import type { Json } from "../events/record.ts";
import type { ToolSpec } from "./llm.port.ts";

export interface ToolContext {
  /** Stable over retries and takeovers: the idempotency key of a write (E8). */
  readonly key: string;
  /** Aborted when the caller's barge-in cancels the tool, when it times out, when the call ends. */
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
  /** Said once where the tool takes its time; without one, the agent's own filler. */
  readonly sayWhile?: string;
  /** What the caller's barge-in does to it; default: a write finishes, a read is cancelled. */
  readonly onBargeIn?: "finish" | "cancel";
  /** The input as `run` sees it; throws `input.invalid` where it does not fit. */
  check?(input: Json): unknown;
  /** Throws `input.invalid` where the input does not fit. */
  run(input: Json, context: ToolContext): Promise<Json | ToolResult>;
}

/** An output for the model, and what else is to happen in the call. */
export class ToolResult {
  readonly output: Json;
  readonly directive: ToolDirective;

  constructor(output: Json, directive: ToolDirective) {
    this.output = output;
    this.directive = directive;
  }
}
