import { WEEKDAYS } from "./facts.ts";
import { loneNumber, MONTHS, toPattern } from "./words.ts";

/** Finds what a booking needs in what was said. Takes normalised text, but for names. */
export interface Slots {
  readonly day?: string;
  /** Minutes since midnight. */
  readonly timeMin?: number;
  readonly people?: number;
  readonly name?: string;
}
export type SlotName = keyof Slots;

const DAY_NAMES =
  "sun(?:day)?|mon(?:day)?|tues?(?:day)?|wed(?:nesday)?|thurs?(?:day)?|thu|fri(?:day)?|" +
  "sat(?:urday)?";
const DAY = new RegExp(`\\b(?:(next|this|coming) )?(${DAY_NAMES})s?\\b`, "g");
const MONTH_NAMES = MONTHS.map((month) => month.toLowerCase()).join("|");
const DATE = new RegExp(
  `\\b(?:(\\d{1,2})(?:st|nd|rd|th)?(?: of)? (${MONTH_NAMES})|` +
    `(${MONTH_NAMES})(?: the)? (\\d{1,2})(?:st|nd|rd|th)?)\\b`,
);
const ON_THE = /\bon the (\d{1,2})(?:st|nd|rd|th)?\b(?! (?:of|person|people|table))/;
/** Days with a name of their own; without a calendar they stay words. */
const SPECIAL: readonly (readonly [RegExp, string])[] = [
  [/\bday after tomorrow\b/, "the day after tomorrow"],
  [/\btomorrow\b/, "tomorrow"],
  [/\btonight\b|\bthis evening\b/, "tonight"],
  [/\btoday\b|\bthis afternoon\b/, "today"],
  [/\bchristmas eve\b/, "Christmas Eve"],
  [/\bchristmas\b/, "Christmas Day"],
  [/\bnew years eve\b/, "New Year's Eve"],
  [/\bnew years?\b/, "New Year's Day"],
  [/\bvalentines?\b/, "Valentine's Day"],
];

/** "not Friday" and "instead of seven" name what is not wanted: taken out before looking. */
export function dropNegated(text: string): string {
  const time = "\\d[\\d:]*(?: \\d\\d)?(?: ?[ap]m| oclock)?";
  const value = `(?:next |this )?(?:${DAY_NAMES}|tomorrow|today|tonight|${time})`;
  const people = "(?: (?:people|persons?|guests|of us))?";
  const lead = "(?:not|instead of|rather than|isnt|wasnt|didnt say|dont want)";
  return text
    .replace(new RegExp(`\\b${lead} (?:(?:on|at|for) )?${value}${people}\\b`, "g"), " ")
    .replace(/\s+/g, " ")
    .trim();
}

export function findDay(text: string): string | undefined {
  for (const [pattern, day] of SPECIAL) if (pattern.test(text)) return day;
  const date = DATE.exec(text);
  if (date) {
    const name = date[2] ?? date[3]!;
    const month = MONTHS.find((one) => one.toLowerCase() === name)!;
    const number = Number(date[1] ?? date[4]);
    return number >= 1 && number <= 31 ? `${month} ${number}` : undefined;
  }
  // The last one counts: "Friday, no, Saturday", "from Friday to Saturday".
  const named = [...text.matchAll(DAY)].findLast(
    ([all, , name]) => all.length > 3 || !/^(?:sun|sat|wed)$/.test(name!) || text === all,
  );
  if (named) {
    const weekday = WEEKDAYS.find((day) => day.toLowerCase().startsWith(named[2]!.slice(0, 3)))!;
    return named[1] === "next" ? `next ${weekday}` : weekday;
  }
  const onThe = ON_THE.exec(text);
  return onThe && Number(onThe[1]) <= 31
    ? `the ${Number(onThe[1])}th`.replace(/1th$/, "1st")
    : undefined;
}

const MORNING = /\b(?:morning|breakfast|brunch)\b/;

/** A time with its half of the day; a bare hour from 1 to 9 is taken for the afternoon. */
export function findTime(text: string, asked: boolean, vague = true): number | undefined {
  if (/\b(?:noon|midday|mid day)\b/.test(text)) return 12 * 60;
  if (/\bmidnight\b/.test(text)) return 0;
  const clock = text.replace(/\b(\d{1,2}) (?:oh|o|0) (\d)\b/g, "$1:0$2");
  const half = /\bhalf (?:past |after )?(\d{1,2})\b(?: ([ap]m))?/.exec(clock);
  if (half) return toMinutes({ hour: half[1]!, minute: 30, half: half[2] }, text);
  const past = findPast(clock);
  if (past) return toMinutes(past, text);
  const found = lastTime(clock, vague) ?? (asked ? bareTime(clock) : undefined);
  return found && toMinutes(found, text);
}

/** "Quarter to eight", "ten past seven"; but "ten to twelve people" is a size. */
function findPast(clock: string): FoundTime | undefined {
  const pattern = toPattern(
    String.raw`\b(quarter|\d{1,2})(?: minutes)? (past|after|to|till|before) (\d{1,2})\b`,
    "(?! people| of us)(?: ([ap]m))?",
  );
  const [, amount, side, hour, half] = pattern.exec(clock) ?? [];
  if (amount === undefined || hour === undefined) return undefined;
  const late = side === "past" || side === "after";
  if (amount !== "quarter" && !late) return undefined;
  const minutes = amount === "quarter" ? 15 : Number(amount);
  return { hour, minute: late ? minutes : -minutes, half };
}

interface FoundTime {
  readonly hour: string;
  readonly minute: number;
  readonly half: string | undefined;
}

/**
 * Forms of a time, the surest first: each has the hour, the minutes and the half of the day as its
 * groups, empty where the form has none. A number with people behind it is never a time.
 */
const EXACT = [
  /\b(\d{1,2}):(\d\d)(?: ([ap]m))?\b/g,
  /\b(\d{1,2}) ([0-5]\d)(?: ([ap]m))?\b(?! (?:people|persons?|guests|of us))/g,
  /\b(\d{1,2})()(?: oclock)?(?: ([ap]m))\b/g,
  /\b(\d{1,2})() oclock\b()/g,
  new RegExp(
    toPattern(
      String.raw`\b(?:at|by|before|after|from) (?:about |around |`,
      String.raw`like )?(\d{1,2})\b()(?! (?:people|persons?|guests|of us|adults|more|`,
      String.raw`minutes))()`,
    ),
    "g",
  ),
  new RegExp(
    toPattern(
      String.raw`(?<!for )\b(\d{1,2})() (?:in the|this|tomorrow|on \w+day) (?:morning|`,
      String.raw`afternoon|evening|night)\b()`,
    ),
    "g",
  ),
];

/** "About six" is a time, unless it answers how many people. */
const VAGUE = new RegExp(
  toPattern(
    String.raw`\b(?:around|about|say|like) (\d{1,2})\b()(?! (?:people|persons?|guests|`,
    String.raw`of us|adults|more|minutes))()`,
  ),
  "g",
);

function lastTime(text: string, vague: boolean): FoundTime | undefined {
  for (const pattern of vague ? [...EXACT, VAGUE] : EXACT) {
    const all = [...text.matchAll(pattern)].filter((match) => Number(match[1]) <= 24);
    const match = all.at(-1);
    if (match)
      return { hour: match[1]!, minute: Number(match[2] || 0), half: match[3] || undefined };
  }
  return undefined;
}

/** The answer to "what time?": any number that is not the number of people. */
function bareTime(text: string): FoundTime | undefined {
  const run = /^(\d{1,2})(\d\d)$/.exec(text);
  if (run && Number(run[2]) < 60) return { hour: run[1]!, minute: Number(run[2]), half: undefined };
  const lone = loneNumber(text);
  const loose = toPattern(
    String.raw`(?:^| )(\d{1,2})(?= |$)(?! (?:people|persons?|guests|of us|adults))`,
  ).exec(text);
  const hour = lone ?? (loose ? Number(loose[1]) : undefined);
  return hour !== undefined && hour <= 24
    ? { hour: String(hour), minute: 0, half: undefined }
    : undefined;
}

/** Bare hours lean to the evening, as people do who talk of a restaurant. */
function toMinutes({ hour: hourText, minute, half }: FoundTime, text: string): number {
  let hour = Number(hourText) % 24;
  const evening = half === "pm" || /\b(?:evening|night|tonight|afternoon|dinner)\b/.test(text);
  const morning = half === "am" || (half === undefined && MORNING.test(text));
  if (morning) hour %= 12;
  else if (hour < 12 && (evening || hour < 10)) hour += 12;
  return (hour * 60 + minute + 24 * 60) % (24 * 60);
}

/** "an hour later", "half an hour earlier", "30 minutes later": minutes to move by. */
export function findTimeShift(text: string): number | undefined {
  const found = toPattern(
    String.raw`\b(half an hour|an hour|1 hour|2 hours|(\d{1,2}) minutes|a bit)? ?(later|`,
    String.raw`earlier)\b`,
  ).exec(text);
  if (!found) return undefined;
  const sizes: Readonly<Record<string, number>> = {
    "half an hour": 30,
    "2 hours": 120,
    "a bit": 30,
  };
  const size = found[2] ? Number(found[2]) : (sizes[found[1] ?? ""] ?? 60);
  return found[3] === "later" ? size : -size;
}

/** What makes a number a number of people. */
const GROUP = "people|persons?|guests?|of us|diners|adults|seats|pax|friends coming";

export function findPeople(text: string, asked: boolean): number | undefined {
  const adults = toPattern(
    String.raw`\b(\d{1,2}) adults?(?: and| plus)? (\d{1,2}|a|an) (?:children|kids?|child|`,
    String.raw`bab(?:y|ies))`,
  ).exec(text);
  if (adults) return Number(adults[1]) + (Number(adults[2]) || 1);
  const counted = [...text.matchAll(new RegExp(`\\b(\\d{1,3}) (?:${GROUP})\\b`, "g"))].at(-1);
  if (counted) return Number(counted[1]);
  const party = toPattern(
    String.raw`\b(?:party|group|table|family) (?:of|for) (?:about |`,
    String.raw`up to )?(\d{1,3})\b(?! ?(?::|am|pm|oclock|st|th|nd|rd))`,
  ).exec(text);
  if (party) return Number(party[1]);
  const us = [
    ...text.matchAll(
      new RegExp(
        toPattern(
          String.raw`\b(?:for|were|are|be|there will be|we are) (?:about |`,
          String.raw`just )?(\d{1,2})\b(?! ?(?::|am\b|pm\b|oclock|\d\d\b|st|nd|rd|th|in the|`,
          String.raw`more))`,
        ),
        "g",
      ),
    ),
  ];
  if (us.length > 0) return Number(us.at(-1)![1]);
  if (
    toPattern(
      String.raw`\b(?:just|only) me\b(?! and)|\bby myself\b|\bfor myself\b|\bjust 1\b|`,
      String.raw`\balone\b`,
    ).test(text)
  )
    return 1;
  const pair = toPattern(
    String.raw`\b(?:me|myself|i) and my (?:wife|husband|partner|girlfriend|boyfriend|`,
    String.raw`friend|mother|mom|mum|father|dad|sister|brother|daughter|son)\b|`,
    String.raw`\bmy (?:wife|husband|partner|girlfriend|boyfriend|friend) and (?:me|i|`,
    String.raw`myself)\b|\b(?:a couple|both|the pair) of us\b|\bus 2\b`,
  );
  if (pair.test(text)) return 2;
  return asked ? askedPeople(text) : undefined;
}

/** The answer to "how many?": the last number counts, as in "four, no, five". */
function askedPeople(text: string): number | undefined {
  const lone = loneNumber(text);
  if (lone !== undefined) return lone;
  if (/\ba couple\b/.test(text)) return 2;
  const numbers = [...text.matchAll(/\b(\d{1,3})\b(?! ?(?::|am\b|pm\b|oclock))(?<!:\d\d)/g)];
  return numbers.length > 0 && !/:\d\d/.test(text) ? Number(numbers.at(-1)![1]) : undefined;
}

/** "two more people", "one person less": a change to the number. */
export function findPeopleShift(text: string): number | undefined {
  const more = toPattern(
    String.raw`\b(\d{1,2}|another|an extra) (?:more |extra )?(?:people|persons?|guests?|`,
    String.raw`friends?)\b`,
  ).exec(text);
  if (more && /\b(?:more|extra|another|additional)\b/.test(text)) return Number(more[1]) || 1;
  const less = /\b(\d{1,2}) (?:people|persons?|guests?)? ?(?:less|fewer)\b/.exec(text);
  return less ? -Number(less[1]) : undefined;
}
