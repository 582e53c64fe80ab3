import { numberWords } from "../../src/providers/local/number-words.ts";

/** Word error rate over what was said, not how it was written: "555-" counts as three digits. */
export interface WordErrors {
  readonly errors: number;
  readonly words: number;
  readonly rate: number;
}

export function wordErrors(said: string, heard: string): WordErrors {
  const a = toWords(said);
  const b = toWords(heard);
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const word of a) {
    const next = [row[0]! + 1];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (word === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, swap));
    }
    row = next;
  }
  const errors = row[b.length]!;
  return { errors, words: a.length, rate: errors / Math.max(1, a.length) };
}

/** The rate over many pairs: errors of all over words of all. */
export function wordErrorRate(pairs: readonly (readonly [said: string, heard: string])[]): number {
  const all = pairs.map(([said, heard]) => wordErrors(said, heard));
  const sum = (pick: (one: WordErrors) => number): number =>
    all.reduce((n, one) => n + pick(one), 0);
  return (
    sum((one) => one.errors) /
    Math.max(
      1,
      sum((one) => one.words),
    )
  );
}

function toWords(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/\$(\d+)\.(\d\d)/g, (_, whole, part) => `${whole} dollars and ${part} cents`)
    .replace(/\$(\d+)/g, "$1 dollars")
    .replace(/\b\d[\d,-]*\b/g, (digits) => digitsToWords(digits))
    .replace(/[^a-z' ]+/g, " ")
    .split(" ")
    .filter((word) => word !== "");
}

/** Up to two digits are a number, more are digits one by one: phone and order numbers. */
function digitsToWords(written: string): string {
  const digits = written.replace(/\D/g, "");
  if (digits.length <= 2) return numberWords(Number(digits));
  return [...digits].map((digit) => numberWords(Number(digit))).join(" ");
}
