import { AppError } from "../base/errors.ts";
import type { Usage } from "../events/effect.events.ts";
import type { Embedded, EmbeddingInput, EmbedOptions } from "./embeddings.port.ts";
import { providerError, type Vendor } from "./provider-error.ts";

/** What vendors answer, as their SDKs give it: nothing of it is sure. */
export interface EmbeddingAnswer {
  readonly data?: readonly { readonly embedding?: ArrayLike<number>; readonly index?: number }[];
}

export interface Batches<Answer extends EmbeddingAnswer> {
  readonly vendor: Vendor;
  /** Most inputs of one request. */
  readonly size: number;
  /** One request. Its signal is its own: SDKs leave listeners on those they are given. */
  request(inputs: readonly EmbeddingInput[], signal: AbortSignal): Promise<Answer>;
  usageOf(answer: Answer, inputs: readonly EmbeddingInput[]): readonly Usage[];
}

/** All inputs, batch by batch, as `Embeddings.embed` promises it. */
export async function embedInBatches<Answer extends EmbeddingAnswer>(
  batches: Batches<Answer>,
  inputs: readonly EmbeddingInput[],
  { signal }: EmbedOptions,
): Promise<Embedded> {
  const vectors: Float32Array[] = [];
  const usage: Usage[] = [];
  try {
    for (let from = 0; from < inputs.length; from += batches.size) {
      const batch = inputs.slice(from, from + batches.size);
      const answer = await oneRequest(batches, batch, signal);
      // An answer that cannot be used is billed too.
      usage.push(...batches.usageOf(answer, batch));
      const found = vectorsOf(answer, batch.length);
      vectors.push(...found);
      if (found[0]?.length !== vectors[0]?.length) throw garbled("vectors of two lengths");
    }
    return { vectors, usage };
  } catch (thrown) {
    const error = signal.aborted ? stopped(batches.vendor) : providerError(batches.vendor, thrown);
    const { code, message, cause, detail } = error;
    const { provider } = batches.vendor;
    throw new AppError(code, message, { cause, detail: { provider, ...detail, usage } });
  }
}

async function oneRequest<Answer extends EmbeddingAnswer>(
  batches: Batches<Answer>,
  batch: readonly EmbeddingInput[],
  signal: AbortSignal,
): Promise<Answer> {
  const own = new AbortController();
  const stop = (): void => own.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    return await batches.request(batch, own.signal);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function stopped({ provider }: Vendor): AppError {
  return new AppError("effect.stopped", `${provider}: the request was stopped`);
}

function garbled(what: string): AppError {
  return new AppError("provider.garbled", what);
}

/** In the order of the inputs, which is not always that of the answer. */
function vectorsOf({ data }: EmbeddingAnswer, count: number): readonly Float32Array[] {
  if (data?.length !== count) throw garbled(`${data?.length ?? 0} vectors for ${count} inputs`);
  const placed = new Map(data.map(({ embedding, index }, at) => [index ?? at, embedding]));
  const vectors = Array.from({ length: count }, (_, at) => Float32Array.from(placed.get(at) ?? []));
  const { length } = vectors[0]!;
  if (length === 0 || vectors.some((one) => one.length !== length || !one.every(Number.isFinite)))
    throw garbled("vectors of two lengths, or of what are no numbers");
  return vectors;
}
