import { levelDb, samplesOf } from "../../base/audio.ts";
import { AppError } from "../../base/errors.ts";
import { takesVoice, type Tts, type TtsEvent, type TtsRequest } from "../tts.port.ts";
import type { FliteAsk, FliteSpeech, Phone } from "./flite.worker.ts";
import { toSpokenWords } from "./spoken-text.ts";
import { WorkerPort, workerUrl } from "../../base/worker-port.ts";

/**
 * Speech of CMU Flite (its voices come inside the npm package), made in a worker thread.
 *
 * I1 the same text and voice give the same samples.
 * I2 an aborted request throws `effect.stopped` and yields nothing more.
 * I3 the alignment follows the audio: it must not delay the first sound.
 */
const RATE_HZ = 16_000;
const VOICES = ["slt", "rms", "awb", "kal", "kal16"] as const;
/** Silence left at both ends: enough not to clip, and a natural pause between sentences. */
const LEAD_MS = 40;
const TAIL_MS = 120;
const SILENCE_DB = -50;
const WINDOW_MS = 10;

export function openFlite(): Tts {
  return new FliteTts();
}

class FliteTts implements Tts {
  readonly provider = "local";
  readonly model = "flite";
  readonly rateHz = RATE_HZ;
  readonly voices: readonly string[] = VOICES;
  readonly #port = new WorkerPort(workerUrl("flite.worker", import.meta.url));

  async warm(): Promise<void> {
    await this.#ask<FliteSpeech>({ type: "speak", voice: "slt", text: "Hi.", rateHz: RATE_HZ });
  }

  async *speak({ text, voice, signal }: TtsRequest): AsyncIterable<TtsEvent> {
    if (!takesVoice(this, voice))
      throw new AppError("input.invalid", `flite has no voice ${voice}: use ${VOICES.join(", ")}`);
    const words = toSpokenWords(text);
    const said = words.map((word) => word.spoken).filter((spoken) => spoken !== "");
    if (said.length === 0) return;
    const ask: FliteAsk = { type: "speak", voice, text: said.join(" "), rateHz: RATE_HZ };
    const speech = await this.#ask<FliteSpeech>(ask, signal);
    const { from, to } = audibleRange(speech.samples);
    const samples = speech.samples.subarray(from, to);
    yield { type: "audio", frame: { samples, rateHz: RATE_HZ } };
    const counts = await this.#ask<readonly number[]>({ type: "phones", words: said }, signal);
    // Where the lexicon would not keep the words apart, no alignment is better than a wrong one.
    if (counts.length !== said.length) return;
    const shiftMs = (from * 1000) / RATE_HZ;
    const ends = wordEnds(speech.phones, counts).map((endMs) => Math.max(0, endMs - shiftMs));
    let next = 0;
    const wordEndsMs = words.map(
      (word) => (word.spoken === "" ? ends[next - 1] : ends[next++]) ?? 0,
    );
    yield { type: "alignment", wordEndsMs };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#port[Symbol.asyncDispose]();
  }

  #ask<Answer>(ask: FliteAsk, signal?: AbortSignal): Promise<Answer> {
    // Audio goes before the alignment of an earlier sentence: somebody waits for the sound.
    const rank = ask.type === "speak" ? 0 : 1;
    return this.#port.ask<Answer>(ask, signal ? { signal, rank } : { rank });
  }
}

/** The samples without the voice's own padding, a little of it kept at each end. */
export function audibleRange(samples: Int16Array): { readonly from: number; readonly to: number } {
  const window = samplesOf(WINDOW_MS, RATE_HZ);
  const loud = (at: number): boolean => levelDb(samples.subarray(at, at + window)) > SILENCE_DB;
  let from = 0;
  while (from < samples.length && !loud(from)) from += window;
  let to = samples.length;
  while (to > from && !loud(Math.max(0, to - window))) to -= window;
  return {
    from: Math.max(0, from - samplesOf(LEAD_MS, RATE_HZ)),
    to: Math.min(samples.length, to + samplesOf(TAIL_MS, RATE_HZ)),
  };
}

/**
 * Where each word ends, by dealing the phones out to the words. In running speech a phone may be
 * added or dropped against the word alone, so the counts are stretched to the phones there are.
 */
export function wordEnds(phones: readonly Phone[], counts: readonly number[]): number[] {
  const voiced = phones.filter((phone) => phone.name !== "pau");
  const total = counts.reduce((sum, count) => sum + count, 0);
  let dealt = 0;
  return counts.map((count) => {
    dealt += count;
    const at = Math.round((dealt * voiced.length) / Math.max(1, total));
    return voiced[Math.max(0, at - 1)]?.endMs ?? 0;
  });
}
