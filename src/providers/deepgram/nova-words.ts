import type { listen } from "@deepgram/sdk";
import { wordsOf } from "../../folds/features.ts";
import type { SttEvent, TimedWord } from "../stt.port.ts";
import { agreedWords } from "../word-times.ts";

/**
 * What Nova tells, as our events. Its `is_final` settles a piece of what is said, not the utterance:
 * such pieces are the stable words in front of the next interim, and become one final together once
 * the speech is over.
 */
type Results = listen.ListenV1Results;

export class NovaWords {
  /** Pieces that it will not take back. */
  #sure: { readonly text: string; readonly words: readonly TimedWord[] }[] = [];
  #fromMs: number | undefined;
  /** All audio up to here has been answered. */
  #toMs = 0;
  /** The guess after the sure pieces. */
  #guess = "";
  #isTold = false;

  results(results: Results): readonly SttEvent[] {
    const alternative = results.channel.alternatives[0]!;
    const text = alternative.transcript;
    const words = alternative.words.map((word) => ({
      text: word.punctuated_word ?? word.word,
      fromMs: toMs(word.start),
      toMs: toMs(word.end),
    }));
    const until = toMs(results.start + results.duration);
    if (text !== "") this.#fromMs ??= words[0]?.fromMs ?? toMs(results.start);
    if (!results.is_final) return text === "" ? [] : [this.#interim(text, until)];
    this.#toMs = Math.max(this.#toMs, until);
    if (text !== "") this.#sure.push({ text, words });
    this.#guess = "";
    if (results.speech_final || results.from_finalize) return this.end();
    return text === "" ? [] : [this.#interim("", until)];
  }

  /** The speech is over: all that is sure is one final. */
  end(): readonly SttEvent[] {
    if (this.#sure.length === 0 && !this.#isTold) return [];
    const text = this.#text("");
    const words = this.#sure.flatMap((piece) => piece.words);
    const fromMs = this.#fromMs ?? this.#toMs;
    this.#sure = [];
    this.#fromMs = undefined;
    this.#guess = "";
    this.#isTold = false;
    return [{ type: "final", fromMs, toMs: this.#toMs, text, words }];
  }

  #interim(guess: string, until: number): SttEvent {
    const stableWords = wordsOf(this.#text("")).length + agreedWords(this.#guess, guess);
    this.#guess = guess;
    this.#isTold = true;
    const fromMs = this.#fromMs ?? until;
    return { type: "interim", fromMs, toMs: until, text: this.#text(guess), stableWords };
  }

  #text(guess: string): string {
    const texts = this.#sure.map(({ text }) => text);
    return (guess === "" ? texts : [...texts, guess]).join(" ");
  }
}

/** The vendor counts in seconds. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1000);
}
