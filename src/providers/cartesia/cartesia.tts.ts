import { PcmBytes } from "../pcm-bytes.ts";
import { charactersOf, type Tts, type TtsEvent, type TtsRequest } from "../tts.port.ts";
import { audio, vendorTts, type VendorTtsOptions } from "../vendor-tts.ts";
import { WordEnds } from "../word-ends.ts";
import { CartesiaLine } from "./cartesia-line.ts";

/**
 * Speech of Cartesia over one WebSocket for all sentences, opened by the first of them and again
 * where it was lost. Words are aligned by the vendor's own times.
 */
const RATE_HZ = 24_000;

export function createCartesiaTts({ key, model, baseUrl, language }: VendorTtsOptions): Tts {
  let line: CartesiaLine | undefined;
  let sentences = 0;

  function lineOf(): CartesiaLine {
    if (!line?.isUsable) line = new CartesiaLine({ key, baseUrl });
    return line;
  }

  async function* say({ text, voice, signal }: TtsRequest): AsyncIterable<TtsEvent> {
    const mine = lineOf();
    await mine.open(signal);
    const id = `sentence-${++sentences}`;
    const events = mine.say(
      {
        context_id: id,
        model_id: model,
        transcript: text,
        voice: { id: voice },
        output_format: { container: "raw", encoding: "pcm_s16le", sample_rate: RATE_HZ },
        add_timestamps: true,
        continue: false,
        ...(language !== undefined && { language }),
      },
      signal,
    );
    const pcm = new PcmBytes(RATE_HZ);
    const words = new WordEnds(text);
    let [isCounted, isAligned] = [false, false];
    for await (const event of events) {
      // A failed request costs nothing, so it is counted with the first thing that comes of it.
      if (!isCounted) yield { type: "usage", usage: { characters: charactersOf(text) } };
      isCounted = true;
      if (event.type === "chunk")
        yield* audio(pcm.push(Buffer.from(event.data, "base64")), RATE_HZ);
      if (event.type === "timestamps" && event.word_timestamps) {
        const { words: said, end } = event.word_timestamps;
        for (const [i, word] of said.entries()) words.take(word, end[i]! * 1000);
        if (words.all && !isAligned) yield { type: "alignment", wordEndsMs: words.all };
        isAligned = words.all !== undefined;
      }
      if (event.type !== "done") continue;
      mine.done(id);
      return pcm.end();
    }
  }

  return vendorTts({
    vendor: { provider: "cartesia", keyName: "CARTESIA_API_KEY", key },
    model,
    rateHz: RATE_HZ,
    say,
    // The first sentence finds it open; why it did not open is told to that sentence.
    warm: async () => void lineOf(),
    close: async () => line?.close(),
  });
}
