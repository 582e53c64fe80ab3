import { HOUSE, toClockTime, WEEKDAYS, whyClosed } from "./facts.ts";
import { findName } from "./names.ts";
import {
  dropNegated,
  findDay,
  findPeople,
  findPeopleShift,
  findTime,
  findTimeShift,
} from "./slots.ts";
import type { SlotName, Slots } from "./slots.ts";
import { call, isEmpty, say, tableText, toSentence } from "./state.ts";
import type { Call, State, Step } from "./state.ts";
import { loneNumber, normalise, REFERENCE, toPattern } from "./words.ts";

/** Filling in a booking, and changing or cancelling one: the part of the dialogue with memory. */
const ORDER: readonly SlotName[] = ["day", "timeMin", "people", "name"];
const CORRECTS = toPattern(
  String.raw`\b(?:no|not|actually|mean|meant|said|make (?:it|that)|instead|rather|sorry|`,
  String.raw`wrong|change|to)\b`,
);

/** Everything a booking could use, heard against what is known and what was asked. */
export function findSlots(state: State, raw: string): Slots {
  const text = dropNegated(normalise(raw));
  const known = state.booked ? { ...state.booked, ...state.draft } : state.draft;
  const day = findDay(text) ?? (state.asked === "day" ? askedDay(text) : undefined);
  const dated = day !== undefined && /\d/.test(day);
  const shift = findTimeShift(text);
  // "We are nine" is no hour, even where the hour was asked for.
  const asksTime = state.asked === "timeMin" && !dated && findPeople(text, false) === undefined;
  const timeMin =
    shift !== undefined && known.timeMin !== undefined
      ? known.timeMin + shift
      : (findTime(text, asksTime, state.asked !== "people") ?? otherHalf(text, known.timeMin));
  const more = findPeopleShift(text);
  const asksPeople = state.asked === "people" && timeMin === undefined && !dated;
  const people =
    more !== undefined && known.people !== undefined
      ? known.people + more
      : findPeople(text, asksPeople);
  const name = findName(raw, state.asked === "name" && (timeMin ?? day ?? people) === undefined);
  return {
    ...(day !== undefined && { day }),
    ...(timeMin !== undefined && { timeMin }),
    ...(people !== undefined && people > 0 && { people }),
    ...(name !== undefined && { name }),
  };
}

/** "In the morning", said after an hour that was taken for the evening. */
function otherHalf(text: string, timeMin: number | undefined): number | undefined {
  const half = toPattern(
    String.raw`^(?:no )?(?:in the |i mean |the )*(morning|am|evening|afternoon|pm|`,
    String.raw`night)(?: please)?$`,
  );
  const said = half.exec(text)?.[1];
  if (said === undefined || timeMin === undefined) return undefined;
  return (timeMin % 720) + (said === "morning" || said === "am" ? 0 : 720);
}

/** "The 3rd" is a day only where a day was asked for. */
function askedDay(text: string): string | undefined {
  const number = /^(?:on )?the (\d{1,2})(?:st|nd|rd|th)\b/.exec(text)?.[1];
  return number && Number(number) <= 31 ? `the ${number}th` : undefined;
}

/** A number given as a correction, when nothing says whether it is people or an hour. */
export function findLoose(state: State, text: string, slots: Slots): number | undefined {
  if (slots.people !== undefined || slots.timeMin !== undefined || slots.day !== undefined)
    return undefined;
  const plain = dropNegated(text);
  const corrects = CORRECTS.test(text) && /\b\d{1,2}\b/.test(plain) && plain.split(" ").length <= 8;
  const number = loneNumber(plain) ?? (corrects ? Number(/.*\b(\d{1,2})\b/.exec(plain)![1]) : NaN);
  const known = state.booked ?? state.draft;
  const busy = known.people !== undefined || known.timeMin !== undefined;
  return Number.isInteger(number) && number > 0 && busy ? number : undefined;
}

/** Puts a loose number where it can only belong, or asks. */
export function placeLoose(state: State, n: number): Slots | Step {
  const known = state.booked ? { ...state.booked, ...state.draft } : state.draft;
  if (n > 12 || known.timeMin === undefined || state.latest === "people") return { people: n };
  if (known.people === undefined || state.latest === "timeMin") return { timeMin: toHour(n) };
  return say(state, `Do you mean ${n} people, or ${n} o'clock?`, { asked: "which", loose: n });
}

export function toHour(n: number): number {
  return (n < 10 ? n + 12 : n) * 60;
}

/** Takes in what was heard and asks for the next thing, or books. */
export function continueBooking(state: State, heard: Slots): Step {
  const merged: Slots = { ...state.draft, ...heard };
  const booking: State = { ...state, mode: "booking", topic: undefined, latest: latestOf(heard) };
  if (merged.people !== undefined && merged.people > HOUSE.peopleMax)
    return say(
      booking,
      `Our tables seat up to ${HOUSE.peopleMax}; for more please call ${HOUSE.phone}. ` +
        "How many may I book for?",
      { draft: without(merged, "people"), asked: "people" },
    );
  const closed = closedThen(state, merged);
  if (closed) return askAgain(booking, merged, closed);
  const missing = ORDER.find((slot) => merged[slot] === undefined);
  if (missing) return askFor({ ...booking, draft: merged }, missing, !isEmpty(heard));
  return call({ ...booking, draft: merged }, toBookCall(merged));
}

function latestOf({ people, timeMin }: Slots): State["latest"] {
  if ((people === undefined) === (timeMin === undefined)) return undefined;
  return people === undefined ? "timeMin" : "people";
}

export function question(slot: SlotName): string {
  const questions: Readonly<Record<SlotName, string>> = {
    day: "What day would you like to come?",
    timeMin: "What time would you like?",
    people: "For how many people?",
    name: "What name shall I put it under?",
  };
  return questions[slot];
}

/** Says back what was understood, so that a mishearing is noticed before the booking. */
function askFor(state: State, slot: SlotName, heardNew: boolean): Step {
  const lead = heardNew ? `${toSentence(tableText(state.draft))}.` : "Gladly.";
  return say(state, `${lead} ${question(slot)}`, { asked: slot });
}

function askAgain(state: State, draft: Slots, closed: string): Step {
  if (closed.startsWith("We are closed"))
    return say(state, `${closed} Which other day would suit you?`, {
      draft: without(draft, "day"),
      asked: "day",
    });
  return say(state, `${closed} What time would suit you?`, {
    draft: without(draft, "timeMin"),
    asked: "timeMin",
  });
}

function closedThen(state: State, { day, timeMin }: Slots): string | undefined {
  if (day === undefined) return undefined;
  // Without a time only a day off can be known.
  return whyClosed(resolveDay(state, day), timeMin ?? 13 * 60);
}

/** "Tomorrow" as a weekday, where the instructions said what today is. */
function resolveDay(state: State, day: string): string {
  if (state.today === undefined) return day;
  const today = WEEKDAYS.indexOf(state.today);
  const ahead = ["today", "tomorrow", "the day after tomorrow"].indexOf(
    day.replace("tonight", "today"),
  );
  return ahead < 0 ? day : WEEKDAYS[(today + ahead) % 7]!;
}

function without(slots: Slots, slot: SlotName): Slots {
  return Object.fromEntries(Object.entries(slots).filter(([name]) => name !== slot));
}

function toBookCall(slots: Slots, replaces?: string): Call {
  const input = {
    ...(slots.name !== undefined && { name: slots.name }),
    ...(slots.day !== undefined && { day: slots.day }),
    ...(slots.timeMin !== undefined && { time: toClockTime(slots.timeMin) }),
    ...(slots.people !== undefined && { people: slots.people }),
    ...(replaces !== undefined && { replaces }),
  };
  return { name: "book", input };
}

/** A change to a finished booking; asks for the booking, then for the change, where not said. */
export function continueChange(state: State, heard: Slots): Step {
  const changing: State = { ...state, mode: "change", topic: undefined, latest: latestOf(heard) };
  const target = state.booked?.reference ?? state.target;
  if (target === undefined)
    return say(changing, "Of course. What name or reference is the booking under?", {
      asked: "booking",
      draft: heard,
    });
  const draft: Slots = { ...state.draft, ...heard };
  if (isEmpty(draft))
    return say(
      changing,
      "What shall I change: the day, the time, the number of people or the name?",
      {
        asked: "change",
      },
    );
  const whole: Slots = { ...state.booked, ...draft };
  if (whole.people !== undefined && whole.people > HOUSE.peopleMax)
    return continueBookingLimit(changing, draft);
  const closed = whole.timeMin === undefined ? undefined : closedThen(state, whole);
  if (closed) return askAgain(changing, draft, closed);
  return call({ ...changing, draft }, toBookCall(draft, target));
}

function continueBookingLimit(state: State, draft: Slots): Step {
  const text = `Our tables seat up to ${HOUSE.peopleMax}. For how many shall I make it?`;
  return say(state, text, { draft: without(draft, "people"), asked: "people" });
}

export function continueCancel(state: State, target: string | undefined): Step {
  const booking = target ?? state.booked?.reference;
  if (booking === undefined)
    return say(state, "I can do that. What name or reference is the booking under?", {
      mode: "cancel",
      asked: "booking",
    });
  return call({ ...state, mode: "cancel" }, { name: "cancel_booking", input: { booking } });
}

/** A booking of another call, named by its reference or by whose it is. */
export function findTarget(raw: string, asked: boolean): string | undefined {
  const found = REFERENCE.exec(normalise(raw));
  if (found) return `${found[1]} ${found[2]}`;
  return findName(raw, asked);
}
