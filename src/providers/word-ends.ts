/**
 * Ends of the words of a text, out of a vendor's times for its characters or for words of its own.
 * They are matched by their letters: where those are not the text's, there is no alignment, for a
 * wrong one is worse.
 */
export class WordEnds {
  /** Letters up to the end of each word, without any space. */
  readonly #lengths: readonly number[];
  readonly #letters: string;
  readonly #ends: number[] = [];
  #at = 0;
  #differs = false;

  constructor(text: string) {
    const words = text.match(/\S+/g) ?? [];
    let length = 0;
    this.#lengths = words.map((word) => (length += word.length));
    this.#letters = words.join("");
  }

  /** Takes the next piece of the text and when it ends, in ms of the sentence. */
  take(piece: string, endMs: number): void {
    const letters = piece.replaceAll(/\s+/g, "");
    this.#differs ||= !this.#letters.startsWith(letters, this.#at);
    if (this.#differs) return;
    this.#at += letters.length;
    while (this.#lengths[this.#ends.length]! <= this.#at)
      this.#ends.push(Math.max(Math.round(endMs), this.#ends.at(-1) ?? 0));
  }

  /** One end for each word, once all of them came. */
  get all(): readonly number[] | undefined {
    return this.#differs || this.#ends.length < this.#lengths.length ? undefined : this.#ends;
  }

  /** True where what came was of the text, and letters of its end did not come. */
  get isCut(): boolean {
    return !this.#differs && this.#at > 0 && /[\p{L}\p{N}]/u.test(this.#letters.slice(this.#at));
  }
}
