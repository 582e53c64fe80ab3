import { tokensIn } from "../../base/tokens.ts";
import { VoyageAIClient, type EmbedResponse, type MultimodalEmbedResponse } from "voyageai";
import { AppError } from "../../base/errors.ts";
import type { Usage } from "../../events/effect.events.ts";
import { embedInBatches, type Batches } from "../embed-batches.ts";
import type { EmbeddingInput, Embeddings, EmbedOptions } from "../embeddings.port.ts";

export interface VoyageEmbeddingsOptions {
  readonly key: string;
  readonly model: string;
  /** A multimodal model, which has an endpoint of its own: texts and images. */
  readonly takesImages: boolean;
  readonly baseUrl?: string;
  /** Of text models that can make vectors of several lengths. */
  readonly dimensions?: number;
}

/** What one request may hold, by Voyage's reference. */
const TEXTS_MAX = 128;
/** All tokens of a request together are limited, and a large image has thousands. */
const MIXED_MAX = 64;
/** Deadlines are the caller's. The SDK has no way to have none. */
const NEVER_S = 24 * 60 * 60;

type Answer = EmbedResponse | MultimodalEmbedResponse;

export function createVoyageEmbeddings(options: VoyageEmbeddingsOptions): Embeddings {
  const { key, model, takesImages, dimensions } = options;
  const batchesFor = (kind: EmbedOptions["kind"]): Batches<Answer> => ({
    vendor: { provider: "voyage", keyName: "VOYAGE_API_KEY", key },
    size: takesImages ? MIXED_MAX : TEXTS_MAX,
    request: (inputs, signal) => requestOf(options, { inputs, kind, signal }),
    usageOf: (answer, inputs) => usageOf(answer, inputs, model),
  });
  return {
    provider: "voyage",
    model,
    ...(dimensions !== undefined && { dimensions }),
    takesImages,
    embed: async (inputs, embedOptions) => {
      if (!takesImages && inputs.some(({ type }) => type === "image"))
        throw new AppError("input.invalid", `voyage: ${model} embeds no images`);
      return embedInBatches(batchesFor(embedOptions.kind), inputs, embedOptions);
    },
  };
}

interface Asked extends EmbedOptions {
  readonly inputs: readonly EmbeddingInput[];
}

/**
 * A client for one request: where a request fails, the SDK hides why and leaves its timer running,
 * which would keep the process alive. So it never sees one fail.
 */
async function requestOf(options: VoyageEmbeddingsOptions, asked: Asked): Promise<Answer> {
  const { key, model, takesImages, baseUrl, dimensions } = options;
  let failure: { readonly error: unknown } | undefined;
  const client = new VoyageAIClient({
    apiKey: key,
    ...(baseUrl !== undefined && { baseUrl }),
    maxRetries: 0,
    timeoutInSeconds: NEVER_S,
    fetch: async (...request) => {
      try {
        return await fetch(...request);
      } catch (error) {
        failure = { error };
        return Response.error();
      }
    },
  });
  const { inputs, kind, signal } = asked;
  const shared = { model, inputType: kind };
  const sent = takesImages
    ? client.multimodalEmbed(
        { ...shared, inputs: inputs.map((input) => ({ content: [contentOf(input)] })) },
        { abortSignal: signal },
      )
    : client.embed(
        {
          ...shared,
          input: inputs.map((input) => (input.type === "text" ? input.text : "")),
          ...(dimensions !== undefined && { outputDimension: dimensions }),
        },
        { abortSignal: signal },
      );
  try {
    return await sent;
  } catch (error) {
    throw failure?.error ?? error;
  }
}

function contentOf(input: EmbeddingInput) {
  if (input.type === "text") return { type: "text", text: input.text };
  const base64 = Buffer.from(input.bytes).toString("base64");
  return { type: "image_base64", imageBase64: `data:${input.mime};base64,${base64}` };
}

/** As Voyage counts a multimodal request; the SDK's types know the total alone. */
interface MixedUsage {
  readonly totalTokens?: number;
  readonly text_tokens?: number;
  readonly image_pixels?: number;
}

function usageOf(
  { model: answered, usage }: Answer,
  inputs: readonly EmbeddingInput[],
  model: string,
): readonly Usage[] {
  const {
    totalTokens,
    text_tokens: textTokens,
    image_pixels: pixels,
  } = (usage ?? {}) as MixedUsage;
  const texts = inputs.filter((input) => input.type === "text");
  const mixed = texts.length < inputs.length;
  const counted = (meter: Usage["meter"], quantity: number | undefined, guess: number): Usage => ({
    service: "embedding",
    provider: "voyage",
    model: answered ?? model,
    meter,
    quantity: quantity ?? guess,
    estimated: quantity === undefined,
  });
  const guess = tokensIn(texts.reduce((sum, { text }) => sum + text.length, 0));
  const told = textTokens ?? (mixed ? undefined : totalTokens);
  return [
    ...(texts.length > 0 ? [counted("inputTokens", told, guess)] : []),
    ...(mixed ? [counted("pixels", pixels, PIXELS_MIN * (inputs.length - texts.length))] : []),
  ];
}

/** A smaller image counts as this many. */
const PIXELS_MIN = 50_000;
