import type { Json } from "../events/record.ts";

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: Json;
}

export interface LlmImage {
  /** `image/png`, `image/jpeg` or `image/webp`: what every vendor takes. */
  readonly mime: string;
  readonly bytes: Uint8Array;
  /** Told to the model before the image: what it shows, or when it was taken. */
  readonly label?: string;
}

export type LlmMessage =
  | { readonly role: "system"; readonly text: string }
  | {
      readonly role: "user";
      readonly text: string;
      readonly name?: string;
      readonly images?: readonly LlmImage[];
    }
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
  /** The answer ends here, as if it were done; the vendor's own limit without it. */
  readonly maxOutputTokens?: number;
}

/**
 * Tokens, each counted in one class alone: what was read from a cache is no input token, and what
 * was reasoned no output token. The counts of one stream add up.
 */
export interface LlmUsage {
  readonly provider: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens?: number;
  /** True where the provider was silent and the counts are ours. */
  readonly estimated: boolean;
}

export type LlmEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "toolCall"; readonly call: ToolCall }
  | { readonly type: "usage"; readonly usage: LlmUsage };

/**
 * A language model: one stream per request, aborted by the signal. It ends once the vendor said
 * that the answer is whole, or was cut at the most tokens asked for; an answer that breaks off
 * before is an error, never a shorter one.
 */
export interface Llm {
  readonly provider: string;
  readonly model: string;
  stream(request: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent>;
}
