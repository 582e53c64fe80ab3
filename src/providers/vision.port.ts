import type { LlmImage, LlmUsage } from "./llm.port.ts";

export interface LookRequest {
  readonly images: readonly LlmImage[];
  /** What is to be told of them. */
  readonly prompt: string;
  readonly maxOutputTokens?: number;
}

/** Tokens of the images are input tokens; beside them, how many images were looked at. */
export interface VisionUsage extends LlmUsage {
  readonly images: number;
}

export type VisionEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "usage"; readonly usage: VisionUsage };

/** A model that tells what it sees: one stream per request, ended and aborted as an `Llm`'s is. */
export interface Vision {
  readonly provider: string;
  readonly model: string;
  look(request: LookRequest, signal: AbortSignal): AsyncIterable<VisionEvent>;
}
