/**
 * What of a reply was heard (3f): whole sentences before the playout position, and of the cut one
 * the words of which at least `minPart` lies before it. heard + unheard = sent, to the character.
 */
export interface SpokenSegment {
  readonly ref: string;
  readonly text: string;
  /** Length in ms and the end of each word; undefined while its audio is not known. */
  readonly ms?: number;
  readonly wordEndsMs?: readonly number[];
}

export interface Heard {
  readonly heard: string;
  readonly unheard: string;
}

export function heardOf(
  segments: readonly SpokenSegment[],
  positionMs: number,
  minPart: number,
): Heard {
  let start = 0;
  let heard = "";
  let unheard = "";
  for (const { text, ms, wordEndsMs = [] } of segments) {
    const length = ms ?? Number.POSITIVE_INFINITY;
    const into = positionMs - start;
    const at =
      into >= length
        ? text.length
        : into <= 0 || ms === undefined
          ? 0
          : cutAt(text, wordEndsMs, { into, minPart });
    heard += (heard && at > 0 ? " " : "") + text.slice(0, at);
    unheard += (unheard && at < text.length ? " " : "") + text.slice(at);
    start += length;
  }
  return { heard: heard.trimEnd(), unheard: unheard.trimStart() };
}

/** Index in `text` behind the last word that was heard. */
function cutAt(
  text: string,
  ends: readonly number[],
  { into, minPart }: { readonly into: number; readonly minPart: number },
): number {
  let at = 0;
  let index = 0;
  for (const match of text.matchAll(/\S+/g)) {
    const from = index === 0 ? 0 : (ends[index - 1] ?? Infinity);
    const to = ends[index] ?? Infinity;
    if (into < from + (to - from) * minPart) break;
    at = match.index + match[0].length;
    index++;
  }
  return at;
}

/** Word ends spread by characters, for a voice that gives no alignment: an estimate. */
export function spreadWordEnds(text: string, ms: number): readonly number[] {
  const total = Math.max(1, text.length);
  return [...text.matchAll(/\S+/g)].map((match) =>
    Math.round((ms * (match.index + match[0].length)) / total),
  );
}
