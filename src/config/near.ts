/** Names that were given and that nobody reads, but that look as if they were meant for us. */
export interface UnreadVariable {
  readonly name: string;
  readonly from: "environment" | "file";
  /** The name that is meant; null where none is like it. */
  readonly meant: string | null;
}

const OURS = /^TURNFOLD_/;
/** Wrong letters that a name may have. */
const SLIPS_MAX = 2;
/** Of shorter names too many are alike. */
const LENGTH_MIN = 8;

export function unreadIn(
  names: readonly string[],
  from: UnreadVariable["from"],
  known: readonly string[],
): readonly UnreadVariable[] {
  return names
    .filter((name) => !known.includes(name))
    .map((name) => ({ name, from, meant: nearest(name, known) }))
    .filter(({ name, meant }) => meant !== null || OURS.test(name));
}

function nearest(name: string, known: readonly string[]): string | null {
  if (name.length < LENGTH_MIN) return null;
  const near = known
    .map((one) => ({ one, slips: slipsBetween(name, one) }))
    .filter(({ slips }) => slips <= SLIPS_MAX)
    .toSorted((a, b) => a.slips - b.slips);
  return near[0]?.one ?? null;
}

/** Letters to be put in, left out or exchanged (Levenshtein's distance). */
function slipsBetween(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > SLIPS_MAX) return SLIPS_MAX + 1;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let at = 0; at < b.length; at++) {
      const exchanged = row[at]! + (letter === b[at] ? 0 : 1);
      next.push(Math.min(exchanged, row[at + 1]! + 1, next[at]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
