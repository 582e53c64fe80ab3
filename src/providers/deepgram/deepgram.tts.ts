import { DeepgramClient } from "@deepgram/sdk";
import { PcmBytes } from "../pcm-bytes.ts";
import { fetchFailure, settledFetch } from "../settled-fetch.ts";
import { charactersOf, type Tts, type TtsEvent, type TtsRequest } from "../tts.port.ts";
import { audio, vendorTts, type VendorTtsOptions } from "../vendor-tts.ts";

/**
 * Speech of Deepgram (Aura). Its models are voices: `<model>-<voice>-<language>`, unless the voice
 * is given as such a name in full. The answer is bare samples; no alignment.
 */
const RATE_HZ = 24_000;
/** The longest time Node can wait: deadlines are ours. */
const NEVER_S = 2_147_483;

export function createDeepgramTts({ key, model, baseUrl, language }: VendorTtsOptions): Tts {
  const client = new DeepgramClient({
    apiKey: key,
    ...(baseUrl !== undefined && { baseUrl }),
    maxRetries: 0,
    timeoutInSeconds: NEVER_S,
    fetch: settledFetch,
  });
  const modelOf = (voice: string): string =>
    voice.startsWith(`${model}-`) ? voice : `${model}-${voice}-${language ?? "en"}`;

  async function* say({ text, voice, signal }: TtsRequest): AsyncIterable<TtsEvent> {
    const format = { encoding: "linear16", container: "none", sample_rate: RATE_HZ } as const;
    const answer = await client.speak.v1.audio
      .generate(
        // Its type lists the voices of the day the SDK was made.
        { text, model: modelOf(voice) as never, ...format },
        { abortSignal: signal },
      )
      .withRawResponse()
      .catch((error: unknown) => {
        throw fetchFailure(error);
      });
    const counted = Number(answer.rawResponse.headers.get("dg-char-count"));
    yield { type: "usage", usage: { characters: counted || charactersOf(text) } };
    const pcm = new PcmBytes(RATE_HZ);
    for await (const bytes of answer.data.stream() ?? []) yield* audio(pcm.push(bytes), RATE_HZ);
    pcm.endUnsaid();
  }

  const vendor = { provider: "deepgram", keyName: "DEEPGRAM_API_KEY", key };
  return vendorTts({ vendor, model, rateHz: RATE_HZ, say });
}
