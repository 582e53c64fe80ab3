/**
 * What was said, brought to one form: lower case, no punctuation, numbers as digits, the usual
 * mishearings of numbers put right. Rules match on this and never on the raw transcript.
 */
const UNITS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen " +
    "fifteen sixteen seventeen eighteen nineteen"
  )
    .split(" ")
    .map((word, n) => [word, n]),
);
const TENS: Readonly<Record<string, number>> = Object.fromEntries(
  "twenty thirty forty fifty sixty seventy eighty ninety"
    .split(" ")
    .map((word, n) => [word, (n + 2) * 10]),
);
const ORDINALS: readonly string[] = (
  "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth " +
  "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split(" ");
const HOMOPHONES: Readonly<Record<string, string>> = {
  for: "4",
  fore: "4",
  to: "2",
  too: "2",
  tu: "2",
  won: "1",
  ate: "8",
  tree: "3",
  sex: "6",
  tin: "10",
};
const HEADS = "people|persons?|guests|of us|adults|diners|seats";

export function normalise(raw: string): string {
  const text = raw
    .toLowerCase()
    .replace(/[\u2018\u2019]/g, "'")
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/\b([ap])\.\s?m\b\.?/g, "$1m")
    .replace(/\b(\d{1,2})[.](\d\d)\b/g, "$1:$2")
    .replace(/\b(\d{1,2}(?::\d\d)?)\s?([ap])\.?m\b\.?/g, "$1 $2m")
    .replace(/\b(\d{1,2})([0-5]\d) (?=[ap]m\b)/g, "$1:$2 ")
    .replace(/\b(at|around|by|about) (\d{1,2})([0-5]\d)\b/g, "$1 $2:$3")
    .replace(/o'?\s?clock/g, "oclock")
    .replace(/'/g, "")
    .replace(/\b(?:uh huh|uh-huh|mm+-?hm+|mhm)\b/g, "yes")
    .replace(/[^a-z0-9: ]+/g, " ")
    .replace(/:(?!\d\d)|(?<!\d):/g, " ")
    .replace(/\b(?:u+h+m?|u+m+|e+r+m?|h+m+|like you know|you know)\b/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  return mendNumbers(toDigits(text));
}

/** "twenty five" is 25, but "seven thirty" stays two numbers: it is a time. */
function toDigits(text: string): string {
  const out: string[] = [];
  const words = text.split(" ");
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const tens = TENS[word];
    const unit = UNITS[words[i + 1] ?? ""];
    if (tens !== undefined && unit !== undefined && unit > 0 && unit < 10) {
      out.push(String(tens + unit));
      i++;
    } else if (tens !== undefined && ORDINALS.indexOf(words[i + 1] ?? "") > 0) {
      out.push(`${tens + ORDINALS.indexOf(words[++i]!)}th`);
    } else out.push(String(tens ?? UNITS[word] ?? ordinal(word, words[i - 1]) ?? word));
  }
  return out.join(" ");
}

/** "second" and "third" alone are too common as other words: they need "the" or a month before. */
function ordinal(word: string, before: string | undefined): string | undefined {
  if (word === "thirtieth") return "30th";
  const n = ORDINALS.indexOf(word);
  const counts = before !== undefined && (before === "the" || isMonth(before));
  return n > 0 && (n > 3 || counts) ? `${n}th` : undefined;
}

/** One pattern out of several lines: the lists of phrases are long. */
export function toPattern(...parts: readonly string[]): RegExp {
  return new RegExp(parts.join(""));
}

export const MONTHS: readonly string[] =
  "January February March April May June July August September October November December".split(
    " ",
  );

export function isMonth(word: string): boolean {
  return MONTHS.some((month) => month.toLowerCase() === word);
}

/** Small numbers sound like small words; the words around them tell which was meant. */
function mendNumbers(text: string): string {
  const digit = (word: string): string => HOMOPHONES[word] ?? word;
  return text
    .replace(/\b4 (4|for|fore|to|too|2)\b(?= |$)/g, (_, word: string) => `for ${digit(word)}`)
    .replace(/\bfor (for|fore|to|too|tu|won|ate|tree|sex)\b/g, (_, w: string) => `for ${digit(w)}`)
    .replace(/\bat (for|fore|to|too|won|ate|tin|sex)\b/g, (_, w: string) => `at ${digit(w)}`)
    .replace(
      new RegExp(`\\b(for|fore|to|too|tree|sex|ate) (?=${HEADS})`, "g"),
      (_, w: string) => `${digit(w)} `,
    );
}

/** "amber 1", as the booking tool makes them. */
export const REFERENCE = toPattern(
  String.raw`\b(amber|birch|cedar|delta|ember|falcon|garnet|harbou?r|indigo|jasmine|lemon|`,
  String.raw`maple) (\d+)\b`,
);

/** A lone word that was asked to be a number: "for" is four, "to" is two. */
export function loneNumber(text: string): number | undefined {
  const word = text
    .replace(/\b(?:please|just|yes|the|its|it is|about|only|that is|thats)\b/g, "")
    .trim();
  const mended = HOMOPHONES[word] ?? word;
  return /^\d{1,3}$/.test(mended) ? Number(mended) : undefined;
}
