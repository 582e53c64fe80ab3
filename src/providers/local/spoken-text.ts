import { digitWords, numberWords, ordinalWords } from "./number-words.ts";

/**
 * Text as it is said. One spoken form per written word, so that word times of the audio can be
 * carried back to the words of the request.
 */
export interface SpokenWord {
  readonly written: string;
  /** Empty where there is nothing to say, as for an emoji. */
  readonly spoken: string;
}

export function toSpokenWords(text: string): readonly SpokenWord[] {
  const written = text.split(/\s+/).filter((word) => word !== "");
  return written.map((word, i) => ({
    written: word,
    spoken: spokenForm(toPlain(word), toPlain(written[i - 1] ?? ""), toPlain(written[i + 1] ?? "")),
  }));
}

export function toSpoken(text: string): string {
  return toSpokenWords(text)
    .map((word) => word.spoken)
    .filter((spoken) => spoken !== "")
    .join(" ");
}

/** The written forms that a voice would stumble over. */
const TIME = /^(\d{1,2})[:.](\d\d)(?:([ap])\.?m\.?)?$/i;
const HOUR = /^(\d{1,2})([ap])\.?m\.?$/i;
const HALF_DAY = /^([ap])\.?m\.?$/i;
const MONEY = /^([$£€])(\d[\d,]*)(?:\.(\d\d))?$/;
const PHONE = /^\+?\(?\d[\d()-]*-?\d$/;
/** Their dot ends no sentence. */
const TITLES: Readonly<Record<string, string>> = {
  "mr.": "mister",
  "mrs.": "missus",
  "ms.": "miz",
  "dr.": "doctor",
};
const COINS: Readonly<Record<string, readonly [string, string]>> = {
  $: ["dollar", "cent"],
  "£": ["pound", "penny"],
  "€": ["euro", "cent"],
};

/** ASCII with curly quotes straightened, accents off and markup gone. */
function toPlain(word: string): string {
  return word
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[\u2013\u2014]/g, "-")
    .replace(/\u2026/g, "...")
    .normalize("NFD")
    .replace(/[^\x21-\x7e£€]/g, "")
    .replace(/[*_`"<>[\]{}|\\^~]/g, "");
}

function spokenForm(word: string, before: string, after: string): string {
  const [, head = "", core = "", tail = ""] = /^([(]*)(.*?)([.,;:!?)]*)$/.exec(word) ?? [];
  // A dot inside "a.m." is not the end of the sentence, the one of the last word is.
  const halfDay = HALF_DAY.exec(core + tail.replace(/[^.]/g, ""));
  if (halfDay && /\d/.test(before)) {
    const mark = after === "" ? "." : tail.replace(/\./g, "");
    return `${halfDay[1]!.toUpperCase()} M${mark}`;
  }
  const title = TITLES[word.toLowerCase()];
  if (title) return title;
  const said = spokenCore(core, after);
  return said === "" ? "" : `${head.replace(/\(/g, "")}${said}${tail.replace(/\)/g, "")}`;
}

function spokenCore(core: string, after: string): string {
  const time = TIME.exec(core);
  if (time && core.includes(":")) return timeWords(time, HALF_DAY.test(after.replace(/,/g, "")));
  const hour = HOUR.exec(core);
  if (hour) return `${numberWords(Number(hour[1]))} ${hour[2]!.toUpperCase()} M`;
  const money = MONEY.exec(core);
  if (money) return moneyWords(money[1]!, money[2]!, money[3]);
  const ordinal = /^(\d{1,3})(?:st|nd|rd|th)$/i.exec(core);
  if (ordinal) return ordinalWords(Number(ordinal[1]));
  if (core === "24/7") return "twenty four seven";
  if (core === "1/2") return "one half";
  const range = /^([\d:.]+(?:[ap]m)?)-([\d:.]+(?:[ap]m)?)$/i.exec(core);
  if (range && isShort(range[1]!) && isShort(range[2]!))
    return `${spokenCore(range[1]!, "")} to ${spokenCore(range[2]!, after)}`;
  if (PHONE.test(core) && /[-()+]/.test(core)) return phoneWords(core);
  if (/^\d{5,}$/.test(core)) return digitWords(core);
  if (/^\d{1,3}(,\d{3})+$/.test(core)) return numberWords(Number(core.replaceAll(",", "")));
  return otherWords(core);
}

/** Signs that are read aloud, and hyphens that are not. */
function otherWords(core: string): string {
  const said = core
    .replace(/^#(\d)/, "number $1")
    .replace(/%$/, " percent")
    .replace(/&/g, " and ")
    .replace(/@/g, " at ")
    .replace(/\+/g, " plus ")
    .replace(/[/=#]/g, " ")
    .replace(/^-+$|^-+|-+$/g, "")
    .replace(/(\D)-+(?=\S)/g, "$1 ")
    .replace(/\s+/g, " ")
    .trim();
  return /[A-Za-z0-9]/.test(said) ? said : "";
}

/** "9:00" is "nine o'clock", unless am or pm says it already. */
function timeWords([, hour, minute, half]: RegExpExecArray, halfFollows: boolean): string {
  const hours = numberWords(Number(hour));
  const suffix = half ? ` ${half.toUpperCase()} M` : "";
  if (minute !== "00") {
    const minutes = minute!.startsWith("0") ? `oh ${numberWords(Number(minute))}` : undefined;
    return `${hours} ${minutes ?? numberWords(Number(minute))}${suffix}`;
  }
  return suffix || halfFollows ? hours + suffix : `${hours} o'clock`;
}

function moneyWords(sign: string, whole: string, cents: string | undefined): string {
  const [coin, part] = COINS[sign]!;
  const amount = Number(whole.replaceAll(",", ""));
  const main = `${numberWords(amount)} ${coin}${amount === 1 ? "" : "s"}`;
  if (cents === undefined || cents === "00") return main;
  const parts = part === "penny" ? "pence" : `${part}s`;
  return `${main} and ${numberWords(Number(cents))} ${Number(cents) === 1 ? part : parts}`;
}

/** Groups are kept apart by a comma: a short pause, as a person would make. */
function phoneWords(core: string): string {
  const groups = core.split(/\D+/).filter((group) => group !== "");
  return (core.startsWith("+") ? "plus " : "") + groups.map(digitWords).join(", ");
}

/** A side of "9-5" or "9:00-17:30"; anything longer is a phone number. */
function isShort(side: string): boolean {
  return /^\d{1,2}(?:[:.]\d\d)?(?:[ap]m)?$/i.test(side);
}
