import type { Json } from "../events/record.ts";

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: Json;
}

export type LlmMessage =
  | { readonly role: "system"; readonly text: string }
  | { readonly role: "user"; readonly text: string; readonly name?: string }
  | { readonly role: "assistant"; readonly text: string; readonly toolCalls?: readonly ToolCall[] }
  | {
      readonly role: "tool";
      readonly callId: string;
      readonly name: string;
      readonly output: Json;
    };

export interface ToolSpec {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the input. */
  readonly parameters: Json;
}

export interface LlmRequest {
  readonly messages: readonly LlmMessage[];
  readonly tools: readonly ToolSpec[];
}

export interface LlmUsage {
  readonly provider: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** True where the provider was silent and the counts are ours. */
  readonly estimated: boolean;
}

export type LlmEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "toolCall"; readonly call: ToolCall }
  | { readonly type: "usage"; readonly usage: LlmUsage };

/** A language model: one stream per request, aborted by the signal. */
export interface Llm {
  readonly provider: string;
  readonly model: string;
  stream(request: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent>;
}
