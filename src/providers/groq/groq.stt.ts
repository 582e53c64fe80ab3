import { Groq } from "groq-sdk";
import { systemClock, type Clock } from "../../base/clock.ts";
import type { Vendor } from "../provider-error.ts";
import type { Stt } from "../stt.port.ts";
import { WhisperStream } from "./whisper-stream.ts";

/**
 * Whisper on Groq: a recognizer of whole utterances. The voice detector says where they are, each
 * is one request, and there are finals only.
 */
export interface GroqSttOptions {
  readonly key: string;
  readonly model: string;
  /** As in `en`; Whisper guesses it without. */
  readonly language?: string;
  /** The SDK's own without it. */
  readonly baseUrl?: string;
  readonly clock?: Clock;
}

const RATE_HZ = 16_000;
/** The SDK's own deadline is a real timer; a request has one of the injected clock. */
const NO_DEADLINE_MS = 24 * 60 * 60 * 1000;

export function createGroqStt(options: GroqSttOptions): Stt {
  const { key, model, language, baseUrl, clock = systemClock } = options;
  const vendor: Vendor = { provider: "groq", keyName: "GROQ_API_KEY", key };
  const client = new Groq({
    apiKey: key,
    maxRetries: 0,
    timeout: NO_DEADLINE_MS,
    logLevel: "off",
    fetch: wholeFetch,
    ...(baseUrl !== undefined && { baseURL: baseUrl }),
  });
  return {
    provider: vendor.provider,
    model,
    rateHz: RATE_HZ,
    warm: () => Promise.resolve(),
    open: (on) =>
      new WhisperStream({
        vendor,
        model,
        rateHz: RATE_HZ,
        clock,
        on,
        transcribe: (file, signal) =>
          client.audio.transcriptions.create(
            {
              model,
              file,
              response_format: "verbose_json",
              timestamp_granularities: ["word"],
              temperature: 0,
              ...(language !== undefined && { language }),
            },
            { signal },
          ),
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * `fetch` with the form as one piece. Node reads a form on, part by part, after its request has
 * failed, and what that throws is in nobody's hands: it would end the process.
 */
const wholeFetch: typeof fetch = async (input, init) => {
  if (!(init?.body instanceof FormData)) return fetch(input, init);
  const form = new Response(init.body);
  const headers = new Headers(init.headers);
  headers.set("content-type", form.headers.get("content-type")!);
  return fetch(input, { ...init, headers, body: await form.arrayBuffer() });
};
