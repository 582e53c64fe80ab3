import type { Usage } from "../events/effect.events.ts";

export type EmbeddingInput =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly mime: string; readonly bytes: Uint8Array };

export interface EmbedOptions {
  /** What one looks for things with, or a thing to be found: some models tell them apart. */
  readonly kind: "query" | "document";
  readonly signal: AbortSignal;
}

export interface Embedded {
  /** One of each input, in their order, all of the same length. */
  readonly vectors: readonly Float32Array[];
  /**
   * Of each request that was made: one entry for its texts (`inputTokens`), one for its images
   * (`pixels`).
   */
  readonly usage: readonly Usage[];
}

/** Vectors of texts and images: what is alike lies near. */
export interface Embeddings {
  readonly provider: string;
  readonly model: string;
  /** Length of the vectors, where it was asked for; else the model's own. */
  readonly dimensions?: number;
  readonly takesImages: boolean;
  /**
   * Any number of inputs, in as many requests as the vendor wants, one after the other. The first
   * that fails ends it; `detail.usage` of its error is what those before it have used.
   *
   * Errors: `provider.*`; `effect.stopped` when the signal aborts; `input.invalid` for images where
   * it takes none.
   */
  embed(inputs: readonly EmbeddingInput[], options: EmbedOptions): Promise<Embedded>;
}
