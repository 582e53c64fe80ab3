/**
 * Cuts a stream of text into sentences as it comes: a sentence is spoken as soon as the next
 * begins. A full stop inside a number, an initial or a known abbreviation ends nothing.
 */
const END = /[.?!…](?:["')\]]*)\s+|\n+/g;
const ABBREVIATION = /(?:^|\s)(?:mr|mrs|ms|dr|st|no|vs|etc|e\.g|i\.e|a\.m|p\.m|[a-z])\.$/i;

/**
 * A text without a full stop is cut at a space here, so that speech begins and records stay small.
 */
const CHARS_MAX = 300;

export class SentenceSplitter {
  #rest = "";

  push(text: string): readonly string[] {
    this.#rest += text;
    const out: string[] = [];
    let from = 0;
    for (const match of this.#rest.matchAll(END)) {
      const end = match.index + match[0].length;
      const sentence = this.#rest.slice(from, end).trim();
      if (sentence === "" || ABBREVIATION.test(sentence)) continue;
      out.push(sentence);
      from = end;
    }
    this.#rest = this.#rest.slice(from);
    while (this.#rest.length > CHARS_MAX) {
      const space = this.#rest.lastIndexOf(" ", CHARS_MAX);
      const end = space > 0 ? space : CHARS_MAX;
      out.push(this.#rest.slice(0, end).trim());
      this.#rest = this.#rest.slice(end);
    }
    return out;
  }

  /** What is left when the stream has ended. */
  finish(): readonly string[] {
    const last = this.#rest.trim();
    this.#rest = "";
    return last === "" ? [] : [last];
  }
}

export function splitSentences(text: string): readonly string[] {
  const splitter = new SentenceSplitter();
  return [...splitter.push(text), ...splitter.finish()];
}
