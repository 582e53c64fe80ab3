import type { AudioFrame } from "../src/base/audio.ts";
import { samplesOf } from "../src/base/audio.ts";
import { ANSWER, WORD_MS, wordsIn } from "./scenario.ts";

/**
 * The fakes' sound carries meaning instead of waves: all samples of a word are that word's number.
 * So what was recorded of an agent says to the sample which words were played, and when.
 */
export interface Piece {
  readonly at: number;
  readonly ms: number;
  /** Number of the word. */
  readonly id: number;
}

export class WordBook {
  readonly #words: string[] = [];

  /** The sound of a text, with the end of each word in ms. */
  speak(text: string, rateHz: number): { samples: Int16Array; wordEndsMs: readonly number[] } {
    const words = wordsIn(text);
    const length = samplesOf(WORD_MS, rateHz);
    const samples = new Int16Array(words.length * length);
    for (const [i, word] of words.entries())
      samples.fill(this.#words.push(word), i * length, (i + 1) * length);
    return { samples, wordEndsMs: words.map((_, i) => (i + 1) * WORD_MS) };
  }

  wordOf(id: number): string {
    return this.#words[id - 1] ?? "";
  }
}

/** What has left a speaker, a run of each word; times are the clock's. */
export class SoundTrack {
  readonly pieces: Piece[] = [];

  add({ samples, rateHz }: AudioFrame, at: number): void {
    for (let from = 0; from < samples.length;) {
      const id = samples[from]!;
      let to = from;
      while (to < samples.length && samples[to] === id) to++;
      this.#push({ at: at + (from * 1000) / rateHz, ms: ((to - from) * 1000) / rateHz, id });
      from = to;
    }
  }

  #push(piece: Piece): void {
    const last = this.pieces.at(-1);
    const goesOn = last?.id === piece.id && piece.at - (last.at + last.ms) < 1;
    if (goesOn) this.pieces[this.pieces.length - 1] = { ...last, ms: last.ms + piece.ms };
    else this.pieces.push(piece);
  }
}

/** An answer as it was heard: its words of which at least half was played, in order. */
export interface HeardReply {
  readonly words: readonly string[];
  /** Every word of the answer, each once. */
  readonly full: boolean;
}

const ANSWER_WORDS = wordsIn(ANSWER);

/** The answers in what was played, without greetings, fillers and prompts. */
export function repliesIn(pieces: readonly Piece[], book: WordBook): readonly HeardReply[] {
  const playedMs = new Map<number, number>();
  for (const { id, ms } of pieces) playedMs.set(id, (playedMs.get(id) ?? 0) + ms);
  const replies: string[][] = [];
  for (const [id, ms] of playedMs) {
    const word = book.wordOf(id);
    if (ms < WORD_MS / 2 || !ANSWER_WORDS.includes(word)) continue;
    if (word === ANSWER_WORDS[0] || replies.length === 0) replies.push([]);
    replies.at(-1)!.push(word);
  }
  return replies.map((words) => ({ words, full: words.join(" ") === ANSWER }));
}
