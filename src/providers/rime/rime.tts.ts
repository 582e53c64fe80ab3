import addresses from "../../../data/addresses.json" with { type: "json" };
import { PcmBytes } from "../pcm-bytes.ts";
import { charactersOf, type Tts, type TtsEvent, type TtsRequest } from "../tts.port.ts";
import { audio, vendorTts, type VendorTtsOptions } from "../vendor-tts.ts";

/**
 * Speech of Rime by its documented HTTP API and plain fetch: there is no SDK of Rime's own among
 * the npm packages. The answer is bare samples; no alignment.
 */
const RATE_HZ = 24_000;

/** An answer that is a refusal, in the shape SDKs throw it. */
class RimeError extends Error {
  readonly status: number;
  readonly headers: Headers;

  constructor(response: Response, body: string) {
    super(`${response.status} ${body.slice(0, 500)}`);
    this.name = "RimeError";
    this.status = response.status;
    this.headers = response.headers;
  }
}

export function createRimeTts(options: VendorTtsOptions): Tts {
  const { key, model, baseUrl = addresses.rime, language } = options;

  async function* say({ text, voice, signal }: TtsRequest): AsyncIterable<TtsEvent> {
    const response = await fetch(`${baseUrl.replace(/\/$/, "")}/v1/rime-tts`, {
      method: "POST",
      headers: {
        accept: "audio/L16",
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        speaker: voice,
        text,
        modelId: model,
        samplingRate: RATE_HZ,
        ...(language !== undefined && { lang: language }),
      }),
      signal,
    });
    if (!response.ok) throw new RimeError(response, await response.text());
    yield { type: "usage", usage: { characters: charactersOf(text) } };
    const pcm = new PcmBytes(RATE_HZ);
    for await (const bytes of response.body ?? []) yield* audio(pcm.push(bytes), RATE_HZ);
    pcm.endUnsaid();
  }

  const vendor = { provider: "rime", keyName: "RIME_API_KEY", key };
  return vendorTts({ vendor, model, rateHz: RATE_HZ, say });
}
