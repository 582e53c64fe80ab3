/** Numbers as English words, for voices that read digits badly. */
const SMALL =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen " +
  "sixteen seventeen eighteen nineteen";
const ONES = SMALL.split(" ");
const TENS = " ten twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

/** A whole number from 0 to 999,999,999. */
export function numberWords(n: number): string {
  if (n < 20) return ONES[n] ?? String(n);
  if (n < 100) return TENS[Math.floor(n / 10)]! + (n % 10 ? ` ${ONES[n % 10]}` : "");
  if (n < 1000) return scaled(n, 100, "hundred");
  return n < 1_000_000 ? scaled(n, 1000, "thousand") : scaled(n, 1_000_000, "million");
}

function scaled(n: number, unit: number, name: string): string {
  const rest = n % unit;
  return `${numberWords(Math.floor(n / unit))} ${name}${rest ? ` ${numberWords(rest)}` : ""}`;
}

const IRREGULAR: Readonly<Record<string, string>> = {
  one: "first",
  two: "second",
  three: "third",
  five: "fifth",
  eight: "eighth",
  nine: "ninth",
  twelve: "twelfth",
};

export function ordinalWords(n: number): string {
  const words = numberWords(n).split(" ");
  const last = words.pop()!;
  const ordinal =
    IRREGULAR[last] ?? (last.endsWith("y") ? `${last.slice(0, -1)}ieth` : `${last}th`);
  return [...words, ordinal].join(" ");
}

/** Each digit by its name: the way people say phone and order numbers. */
export function digitWords(digits: string): string {
  return [...digits].map((digit) => ONES[Number(digit)]).join(" ");
}
