import { AppError } from "../base/errors.ts";
import type { Json } from "../events/record.ts";
import type { LlmEvent, LlmImage, LlmMessage, LlmUsage } from "./llm.port.ts";
import { providerError, type Vendor } from "./provider-error.ts";

/** What each language model of a vendor is made from. */
export interface VendorLlmOptions {
  readonly key: string;
  /** As the vendor calls it. */
  readonly model: string;
  /** The SDK's own without it. */
  readonly baseUrl?: string;
  /** How much it reasons, in the vendor's words; `none` for not at all, the model's own without. */
  readonly effort?: string;
}

/** Most a timer takes, in ms: deadlines are ours. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** What the SDKs that one generator made share: each try is ours to see, and they log nothing. */
export function clientOptions({ key, baseUrl }: Pick<VendorLlmOptions, "key" | "baseUrl">) {
  const quiet = { maxRetries: 0, timeout: NO_TIMEOUT_MS, logLevel: "off" } as const;
  return { apiKey: key, baseURL: baseUrl, ...quiet };
}

/**
 * One request through an SDK. Its signal is one of its own, so that nothing is left on the
 * caller's, and aborts in the end, so that no connection outlives a reader who left. All it throws
 * is ours.
 */
export async function* vendorStream(
  vendor: Vendor,
  signal: AbortSignal,
  open: (signal: AbortSignal) => AsyncIterable<LlmEvent>,
): AsyncGenerator<LlmEvent> {
  const own = new AbortController();
  const stop = (): void => own.abort();
  const throwIfStopped = (): void => {
    if (signal.aborted) throw new AppError("effect.stopped", `${vendor.provider}: stopped`);
  };
  throwIfStopped();
  signal.addEventListener("abort", stop, { once: true });
  try {
    yield* open(own.signal);
    // Some SDKs end quietly where they are aborted.
    throwIfStopped();
  } catch (thrown) {
    throwIfStopped();
    throw providerError(vendor, thrown);
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** The stream was closed without the vendor's word that the answer is whole. */
export function brokenOff(provider: string): AppError {
  return new AppError("provider.unavailable", `${provider}: the answer broke off before its end`);
}

/** The vendor gives no answer, or no more of it, for what the words are about. */
export function refused(provider: string, why: string): AppError {
  return new AppError("provider.refused", `${provider}: gives no answer: ${why}`);
}

/** The model that answered; a dated snapshot of the asked one counts as that. */
export function answeredBy(asked: string, answered: string | undefined): string {
  if (!answered) return asked;
  const rest = answered.startsWith(asked) ? answered.slice(asked.length) : undefined;
  return rest !== undefined && /^([-@](\d{3}|\d{4}[\d-]*))?$/.test(rest) ? asked : answered;
}

/** A tool's input as it was streamed. Error `provider.garbled`. */
export function toolInput(provider: string, name: string, text: string): Json {
  try {
    return JSON.parse(text.trim() || "{}") as Json;
  } catch (cause) {
    const message = `${provider}: the input of the tool ${name} is no JSON`;
    throw new AppError("provider.garbled", message, { cause });
  }
}

/** Text of what a tool gave. */
export function outputText(output: Json): string {
  return typeof output === "string" ? output : JSON.stringify(output);
}

export function base64Of({ bytes }: LlmImage): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/**
 * Ids of tool calls by their place in the request: ours are longer than vendors take, and have
 * letters they refuse. The same from request to request, so that a cached beginning stays one.
 */
export function numbered(messages: readonly LlmMessage[]): (id: string) => string {
  const calls = messages.flatMap((message) =>
    message.role === "assistant" ? (message.toolCalls ?? []) : [],
  );
  const names = new Map(calls.map(({ id }, index) => [id, `call_${index + 1}`]));
  return (id) => names.get(id) ?? id;
}

type Tokens = Omit<LlmUsage, "provider" | "model" | "estimated">;

/** What each of a vendor's running totals adds to those told before. */
export class RunningUsage {
  readonly #by: Pick<LlmUsage, "provider" | "model">;
  readonly #told: Record<keyof Tokens, number> = {
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };

  constructor(by: Pick<LlmUsage, "provider" | "model">) {
    this.#by = by;
  }

  /** Nothing where the totals, of which some may be missing, hold nothing new. */
  *add(totals: {
    readonly [name in keyof Tokens]?: number | null | undefined;
  }): Generator<LlmEvent> {
    const names = Object.keys(this.#told) as (keyof Tokens)[];
    const added = names.map((name) => {
      const more = Math.max(0, (totals[name] ?? 0) - this.#told[name]);
      this.#told[name] += more;
      return [name, more] as const;
    });
    if (added.every(([, more]) => more === 0)) return;
    const tokens = Object.fromEntries(added) as unknown as Tokens;
    yield { type: "usage", usage: { ...this.#by, ...tokens, estimated: false } };
  }
}
