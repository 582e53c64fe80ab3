import { tokensIn } from "../../base/tokens.ts";
import OpenAI from "openai";
import { AppError } from "../../base/errors.ts";
import { embedInBatches, type Batches } from "../embed-batches.ts";
import type { EmbeddingInput, Embeddings } from "../embeddings.port.ts";

export interface OpenAiEmbeddingsOptions {
  readonly key: string;
  readonly model: string;
  readonly baseUrl?: string;
  /** Shorter vectors, of models that can make them. */
  readonly dimensions?: number;
}

/** What one request may hold, by OpenAI's reference. */
const INPUTS_MAX = 2048;
/** Deadlines are the caller's; the SDK's own would be ten minutes. */
const NEVER_MS = 2 ** 31 - 1;

/** Texts alone: OpenAI embeds no images. */
export function createOpenAiEmbeddings(options: OpenAiEmbeddingsOptions): Embeddings {
  const { key, model, baseUrl, dimensions } = options;
  const client = new OpenAI({
    apiKey: key,
    organization: null,
    project: null,
    ...(baseUrl !== undefined && { baseURL: baseUrl }),
    maxRetries: 0,
    timeout: NEVER_MS,
  });
  const batches: Batches<OpenAI.CreateEmbeddingResponse> = {
    vendor: { provider: "openai", keyName: "OPENAI_API_KEY", key },
    size: INPUTS_MAX,
    request: (inputs, signal) =>
      client.embeddings.create(
        { model, input: inputs.map(textOf), ...(dimensions !== undefined && { dimensions }) },
        { signal },
      ),
    usageOf: ({ model: answered, usage }, inputs) => [
      {
        service: "embedding",
        provider: "openai",
        model: answered ?? model,
        meter: "inputTokens",
        ...(typeof usage?.prompt_tokens === "number"
          ? { quantity: usage.prompt_tokens, estimated: false }
          : { quantity: guessed(inputs), estimated: true }),
      },
    ],
  };
  return {
    provider: "openai",
    model,
    ...(dimensions !== undefined && { dimensions }),
    takesImages: false,
    embed: async (inputs, embedOptions) => {
      if (inputs.some(({ type }) => type === "image"))
        throw new AppError("input.invalid", `openai: ${model} embeds no images`);
      return embedInBatches(batches, inputs, embedOptions);
    },
  };
}

function textOf(input: EmbeddingInput): string {
  return input.type === "text" ? input.text : "";
}

/** Where OpenAI was silent. */
function guessed(inputs: readonly EmbeddingInput[]): number {
  return tokensIn(inputs.reduce((sum, input) => sum + textOf(input).length, 0));
}
