import { samplesOf } from "../../src/base/audio.ts";

/**
 * Speech of numbers: all samples of a word are its number, silence is 0. What an emulator hears of
 * it is exact, wherever the audio is cut.
 */
export const SPEECH_HZ = 16_000;
/** A piece shorter than this is no word: what is left of one that was cut. */
const WORD_MS_MIN = 100;

export interface HeardWord {
  readonly text: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** `[1, 200], [0, 100]`: the word 1 for 200 ms, then 100 ms of silence. */
export function speech(...parts: readonly (readonly [word: number, ms: number])[]): Int16Array {
  const total = parts.reduce((sum, [, ms]) => sum + samplesOf(ms, SPEECH_HZ), 0);
  const out = new Int16Array(total);
  let at = 0;
  for (const [word, ms] of parts) {
    out.fill(word, at, at + samplesOf(ms, SPEECH_HZ));
    at += samplesOf(ms, SPEECH_HZ);
  }
  return out;
}

/** `one two`, as `speech` would have it: words of 200 ms with 100 ms between them. */
export function sentence(...words: readonly number[]): Int16Array {
  return speech(...words.flatMap((word) => [[word, 200] as const, [0, 100] as const]));
}

export function wordText(word: number): string {
  return `word${word}`;
}

/** Hears numbered speech as it comes. Times are ms since the first sample. */
export class NumberedEars {
  readonly words: HeardWord[] = [];
  #samples = 0;
  #word = 0;
  #from = 0;

  get audioMs(): number {
    return (this.#samples * 1000) / SPEECH_HZ;
  }

  /** Silence since the last word; all there was where there is none. */
  get silentMs(): number {
    if (this.#word !== 0) return 0;
    return this.audioMs - (this.words.at(-1)?.toMs ?? 0);
  }

  get isSpeech(): boolean {
    return this.#word !== 0;
  }

  push(samples: Int16Array): void {
    for (const sample of samples) {
      if (sample !== this.#word) this.#change(sample);
      this.#samples++;
    }
  }

  /** The word that is being said, as far as it goes. */
  flush(): void {
    this.#change(this.#word);
  }

  #change(next: number): void {
    const [fromMs, toMs] = [(this.#from * 1000) / SPEECH_HZ, this.audioMs];
    if (this.#word !== 0 && toMs - fromMs >= WORD_MS_MIN)
      this.words.push({ text: wordText(this.#word), fromMs, toMs });
    this.#word = next;
    this.#from = this.#samples;
  }
}
