import { AppError } from "../base/errors.ts";
import { providerError, type Vendor } from "./provider-error.ts";
import { hasWords, type Tts, type TtsEvent, type TtsRequest } from "./tts.port.ts";

/** What every vendor's voice is made with. */
export interface VendorTtsOptions {
  readonly key: string;
  readonly model: string;
  /** Where it is, instead of the vendor's own address. */
  readonly baseUrl?: string | undefined;
  /** As the vendor writes it: `en`. Its voices have one of their own where it is absent. */
  readonly language?: string | undefined;
}

/** What a vendor's adapter has to give. */
export interface VendorVoice {
  readonly vendor: Vendor;
  readonly model: string;
  readonly rateHz: number;
  /** May throw whatever the SDK throws; heeds the signal. */
  readonly say: (request: TtsRequest) => AsyncIterable<TtsEvent>;
  readonly warm?: () => Promise<void>;
  readonly close?: () => Promise<void>;
}

/**
 * A vendor's voice as ours.
 *
 * I1 whatever is thrown is an `AppError` without the key; a refusal names the voice that was asked.
 * I2 once the signal is aborted it throws `effect.stopped`, and the vendor is stopped at once.
 * I3 a caller that leaves stops the vendor too.
 * I4 nothing listens to the caller's signal once the sentence is over.
 */
export function vendorTts({ vendor, model, rateHz, say, warm, close }: VendorVoice): Tts {
  return {
    provider: vendor.provider,
    model,
    rateHz,
    voices: [],
    warm: async () => warm?.(),
    speak: (request) => speak(vendor, request, say),
    [Symbol.asyncDispose]: async () => close?.(),
  };
}

async function* speak(
  vendor: Vendor,
  request: TtsRequest,
  say: VendorVoice["say"],
): AsyncIterable<TtsEvent> {
  const { signal, text, voice } = request;
  if (!hasWords(text)) return;
  // One of our own: SDKs leave their listeners on the signal they are given.
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  signal.addEventListener("abort", onAbort, { once: true });
  let isOver = false;
  try {
    signal.throwIfAborted();
    yield* say({ text, voice, signal: stop.signal });
    signal.throwIfAborted();
    isOver = true;
  } catch (error) {
    if (signal.aborted) throw new AppError("effect.stopped", `${vendor.provider} was stopped`);
    throw naming(request, vendor, providerError(vendor, error));
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (!isOver) stop.abort();
  }
}

/** A voice that is not there is the usual reason of a refusal, and stands nowhere else. */
function naming({ voice }: TtsRequest, { provider }: Vendor, error: AppError): AppError {
  const { code, cause, detail } = error;
  const message = detail["provider"] ? error.message : `${provider}: ${error.message}`;
  const told = { ...detail, provider };
  if (code !== "provider.refused") return new AppError(code, message, { cause, detail: told });
  const named = `${message} (asked for the voice ${voice})`;
  return new AppError(code, named, { cause, detail: { ...told, voice } });
}

/** One frame for the samples, unless there are none yet. */
export function* audio(samples: Int16Array, rateHz: number): Iterable<TtsEvent> {
  if (samples.length > 0) yield { type: "audio", frame: { samples, rateHz } };
}
