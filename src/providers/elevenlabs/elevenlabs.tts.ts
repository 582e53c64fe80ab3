import { ElevenLabsClient, type ElevenLabs } from "@elevenlabs/elevenlabs-js";
import { AppError } from "../../base/errors.ts";
import { PcmBytes } from "../pcm-bytes.ts";
import { fetchFailure, settledFetch } from "../settled-fetch.ts";
import { charactersOf, type Tts, type TtsEvent, type TtsRequest } from "../tts.port.ts";
import { audio, vendorTts, type VendorTtsOptions } from "../vendor-tts.ts";
import { WordEnds } from "../word-ends.ts";

/** Speech of ElevenLabs, with the time of each character: words are aligned by them. */
const RATE_HZ = 24_000;
/** The longest time Node can wait: deadlines are ours. */
const NEVER_S = 2_147_483;

export function createElevenLabsTts({ key, model, baseUrl, language }: VendorTtsOptions): Tts {
  const client = new ElevenLabsClient({
    apiKey: key,
    ...(baseUrl !== undefined && { baseUrl }),
    maxRetries: 0,
    timeoutInSeconds: NEVER_S,
    fetch: settledFetch,
  });

  async function* say({ text, voice, signal }: TtsRequest): AsyncIterable<TtsEvent> {
    const request = {
      text,
      modelId: model,
      outputFormat: "pcm_24000",
      ...(language !== undefined && { languageCode: language }),
    } as const;
    const chunks = await client.textToSpeech
      .streamWithTimestamps(voice, request, { abortSignal: signal })
      .catch((error: unknown) => {
        throw fetchFailure(error);
      });
    yield { type: "usage", usage: { characters: charactersOf(text) } };
    const pcm = new PcmBytes(RATE_HZ);
    const times = new CharacterTimes(text);
    for await (const { audioBase64, alignment } of chunks) {
      if (alignment) times.take(alignment, pcm.ms);
      yield* audio(pcm.push(Buffer.from(audioBase64, "base64")), RATE_HZ);
      const wordEndsMs = times.told();
      if (wordEndsMs) yield { type: "alignment", wordEndsMs };
    }
    // Nothing in the stream says that it is over, and half a line at its end is dropped unsaid.
    if (times.isCut) throw new AppError("provider.garbled", "the speech lacks its last words");
    pcm.endUnsaid();
  }

  const vendor = { provider: "elevenlabs", keyName: "ELEVENLABS_API_KEY", key };
  return vendorTts({ vendor, model, rateHz: RATE_HZ, say });
}

class CharacterTimes {
  readonly #words: WordEnds;
  #lastMs = 0;
  #isTold = false;

  constructor(text: string) {
    this.#words = new WordEnds(text);
  }

  get isCut(): boolean {
    return this.#words.isCut;
  }

  /** Times count from the start of the sentence, or begin anew with the sound of each chunk. */
  take(
    { characters, characterEndTimesSeconds }: ElevenLabs.CharacterAlignmentResponseModel,
    soundMs: number,
  ): void {
    const first = characterEndTimesSeconds[0] ?? 0;
    const fromMs = first * 1000 < this.#lastMs ? soundMs : 0;
    for (const [i, character] of characters.entries()) {
      this.#lastMs = fromMs + characterEndTimesSeconds[i]! * 1000;
      this.#words.take(character, this.#lastMs);
    }
  }

  /** The ends of all words, the first time they are known. */
  told(): readonly number[] | undefined {
    if (this.#isTold || !this.#words.all) return undefined;
    this.#isTold = true;
    return this.#words.all;
  }
}
