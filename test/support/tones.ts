import { joinSamples, levelDb, samplesOf, type AudioFrame } from "../../src/base/audio.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import type { Stt, SttEvent, SttStream } from "../../src/providers/stt.port.ts";
import type { Tts, TtsEvent, TtsRequest } from "../../src/providers/tts.port.ts";
import type { Vad, VadEvent, VadOptions, VadStream } from "../../src/providers/vad.port.ts";

/**
 * Speech of pure tones, which any codec carries: what stands for a sentence or a word is its pitch.
 * Whoever listens knows exactly what was said, by whom, and when, at no cost.
 */
export const RATE_HZ = 16_000;

/** Pitches a caller's utterances have, by number; the agent's words lie above them. */
const UTTERANCE_HZ = [500, 700, 900, 1_100, 1_300, 1_500] as const;
const WORD_HZ = [1_800, 2_100, 2_400, 2_700, 3_000] as const;
export const UTTERANCES_MAX = UTTERANCE_HZ.length;

const LOUD_DB = -40;
const WINDOW_MS = 20;

function tone(hz: number, ms: number): Int16Array {
  const samples = new Int16Array(samplesOf(ms, RATE_HZ));
  const fade = samplesOf(5, RATE_HZ);
  for (let i = 0; i < samples.length; i++) {
    const gain = Math.min(1, i / fade, (samples.length - 1 - i) / fade);
    samples[i] = Math.round(8_000 * gain * Math.sin((2 * Math.PI * hz * i) / RATE_HZ));
  }
  return samples;
}

/** The sound of utterance `n`, 1000 ms unless said. */
export function utterance(n: number, ms = 1_000): Int16Array {
  return tone(UTTERANCE_HZ[n]!, ms);
}

/** Power of one pitch (Goertzel). */
function powerOf(samples: Int16Array, hz: number): number {
  const k = 2 * Math.cos((2 * Math.PI * hz) / RATE_HZ);
  let [a, b] = [0, 0];
  for (const sample of samples) [a, b] = [sample + k * a - b, a];
  return a * a + b * b - k * a * b;
}

function pitchOf(samples: Int16Array, pitches: readonly number[]): number {
  if (levelDb(samples) < LOUD_DB) return -1;
  const powers = pitches.map((hz) => powerOf(samples, hz));
  return powers.indexOf(Math.max(...powers));
}

/** Frames of any length, cut into windows of 20 ms. */
class Windows {
  audioMs = 0;
  #rest = new Int16Array(0);

  *push({ samples }: AudioFrame): Generator<Int16Array> {
    const all = joinSamples([this.#rest, samples]);
    const size = samplesOf(WINDOW_MS, RATE_HZ);
    let at = 0;
    for (; at + size <= all.length; at += size) {
      this.audioMs += WINDOW_MS;
      yield all.subarray(at, at + size);
    }
    this.#rest = all.slice(at);
  }
}

export class ToneVad implements Vad {
  readonly name = "tones";
  readonly rateHz = RATE_HZ;

  warm(): Promise<void> {
    return Promise.resolve();
  }

  open({ minSpeechMs, minSilenceMs }: VadOptions, on: (event: VadEvent) => void): VadStream {
    const windows = new Windows();
    let [loudMs, quietMs, fromMs, speaking] = [0, 0, 0, false];
    return {
      push: (frame) => {
        for (const window of windows.push(frame)) {
          const loud = levelDb(window) >= LOUD_DB;
          loudMs = loud ? loudMs + WINDOW_MS : 0;
          quietMs = loud ? 0 : quietMs + WINDOW_MS;
          if (!speaking && loudMs >= minSpeechMs) {
            [speaking, fromMs] = [true, windows.audioMs - loudMs];
            on({ type: "started", fromMs });
          } else if (speaking && quietMs >= minSilenceMs) {
            speaking = false;
            on({ type: "ended", fromMs, toMs: windows.audioMs - quietMs, silenceMs: quietMs });
          }
        }
      },
      close: () => undefined,
    };
  }
}

const INTERIM_MS = 200;
const FINAL_MS = 300;

/** Knows the words of each utterance by its pitch. */
export class ToneStt implements Stt {
  readonly provider = "tones";
  readonly model = "tones-stt";
  readonly rateHz = RATE_HZ;
  readonly #texts: readonly string[];

  constructor(texts: readonly string[]) {
    this.#texts = texts;
  }

  warm(): Promise<void> {
    return Promise.resolve();
  }

  open(on: (event: SttEvent) => void): SttStream {
    const windows = new Windows();
    const usage = () => [{ provider: "tones", model: "tones-stt", audioMs: windows.audioMs }];
    let votes: number[] = [];
    let [loudMs, quietMs, fromMs] = [0, 0, 0];
    const text = (): string => this.#texts[mostOf(votes)] ?? "";
    const word = (window: Int16Array): void => {
      const pitch = pitchOf(window, UTTERANCE_HZ);
      if (pitch >= 0) {
        if (votes.length === 0) fromMs = windows.audioMs - WINDOW_MS;
        votes.push(pitch);
        loudMs += WINDOW_MS;
        quietMs = 0;
        if (loudMs === INTERIM_MS) {
          const stableWords = text().split(" ").length;
          on({ type: "interim", fromMs, toMs: windows.audioMs, text: text(), stableWords });
        }
        return;
      }
      quietMs += WINDOW_MS;
      if (quietMs < FINAL_MS || votes.length === 0) return;
      // A click is no word.
      if (loudMs >= INTERIM_MS)
        on({ type: "final", fromMs, toMs: windows.audioMs - quietMs, text: text(), words: [] });
      [votes, loudMs] = [[], 0];
    };
    return {
      push: (frame) => {
        for (const window of windows.push(frame)) word(window);
      },
      speechStarted: () => undefined,
      speechEnded: () => undefined,
      finish: () => Promise.resolve(usage()),
      abort: usage,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function mostOf(votes: readonly number[]): number {
  const count = (n: number): number => votes.filter((vote) => vote === n).length;
  return votes.toSorted((a, b) => count(b) - count(a))[0] ?? -1;
}

/** Word `w<n>` sounds as pitch `n`; all others as the first. */
export class ToneTts implements Tts {
  readonly provider = "tones";
  readonly model = "tones-tts";
  readonly rateHz = RATE_HZ;
  readonly voices = ["tones"];
  readonly #wordMs: number;

  constructor(wordMs = 200) {
    this.#wordMs = wordMs;
  }

  warm(): Promise<void> {
    return Promise.resolve();
  }

  async *speak({ text, signal }: TtsRequest): AsyncIterable<TtsEvent> {
    await sleep(systemClock, 40, signal);
    const words = text.split(/\s+/).filter(Boolean);
    yield { type: "alignment", wordEndsMs: words.map((_, i) => (i + 1) * this.#wordMs) };
    for (const [i] of words.entries()) {
      if (signal.aborted) return;
      const samples = tone(WORD_HZ[i % WORD_HZ.length]!, this.#wordMs);
      yield { type: "audio", frame: { samples, rateHz: RATE_HZ } };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** What a listener hears of one voice: when it sounds, by the time it came. */
export class ToneListener {
  readonly #windows = new Windows();
  /** Each window of 20 ms that had sound: when it came, and its pitch among those of words. */
  readonly heard: { readonly at: number; readonly word: number }[] = [];

  push(frame: AudioFrame, at: number): void {
    for (const window of this.#windows.push(frame)) {
      const word = pitchOf(window, WORD_HZ);
      if (word >= 0) this.heard.push({ at, word });
    }
  }

  /** Ms of sound so far. */
  get soundMs(): number {
    return this.heard.length * WINDOW_MS;
  }
}
