import { dayText, weekdayIn, WEEKDAYS } from "./facts.ts";
import {
  continueBooking,
  continueCancel,
  continueChange,
  findLoose,
  findSlots,
  findTarget,
  placeLoose,
  question,
  toHour,
} from "./booking.ts";
import * as phrases from "./phrases.ts";
import type { Slots } from "./slots.ts";
import { isEmpty, say, tableText } from "./state.ts";
import type { State, Step } from "./state.ts";
import { matchTopics } from "./topics.ts";
import { normalise } from "./words.ts";

/**
 * One utterance in, one step out. Rules are tried from the most to the least certain: corrections
 * of the talk itself, cancelling, changing, answers to our question, facts, booking, small talk.
 */
/** A table in a question about these is no wish for one. */
const NO_BOOKING = new Set(["hours", "walkIn", "deposit", "prices", "stay", "groups"]);
const HELP =
  "I can tell you about our hours, prices, parking and address, or book a table. Which one is it?";
const MORE = "Is there anything else I can help you with?";

export function hear(state: State, raw: string): Step {
  const text = normalise(raw);
  if (text === "") {
    const quiet = /[\p{L}\p{N}]/u.test(raw);
    return again(state, quiet ? "Yes, I am listening." : "Sorry, I did not hear you. Say again?");
  }
  if (phrases.REPEAT.test(text)) return { state };
  if (state.waiting) return again(state, "One moment please, I am still writing that down.");
  const heard: Heard = { text, raw, slots: findSlots(state, raw) };
  return (
    hearWhich(state, text) ??
    hearCancel(state, heard) ??
    hearChange(state, heard) ??
    hearFacts(state, heard) ??
    hearBooking(state, heard) ??
    hearSmallTalk(state, text) ??
    missed(state)
  );
}

interface Heard {
  /** Normalised; what the rules match. */
  readonly text: string;
  /** As transcribed; names keep their capitals in it. */
  readonly raw: string;
  readonly slots: Slots;
}

/** What a booking in the making still waits for, put once more; empty where nothing is open. */
function openQuestion({ mode, asked }: State): string {
  if (mode === "idle") return "";
  return asked === "day" || asked === "timeMin" || asked === "people" || asked === "name"
    ? question(asked)
    : "";
}

/** The same question stays open. */
function again(state: State, reply: string): Step {
  return { state: { ...state, reply } };
}

/** The answer to our own question comes first: "people", "o'clock", "yes, try again". */
function hearWhich(state: State, text: string): Step | undefined {
  const { asked, loose } = state;
  if (asked === "retry" && state.failed && phrases.YES.test(text))
    return { state: { ...state, asked: undefined, waiting: true }, call: state.failed };
  if (asked !== "which" || loose === undefined) return undefined;
  const people = /\b(?:people|persons?|guests|of us|first)\b/.test(text);
  const hour = /\b(?:oclock|time|hour|pm|evening|second|latter)\b/.test(text);
  if (people === hour) return undefined;
  return apply(state, people ? { people: loose } : { timeMin: toHour(loose) });
}

/** New values go to the booking that exists, or into the one being made. */
function apply(state: State, slots: Slots): Step {
  return state.mode !== "booking" && (state.booked ?? state.target)
    ? continueChange(state, slots)
    : continueBooking(state, slots);
}

/** Cancelling is done at once: the caller has asked for it, and may book again. */
function hearCancel(state: State, { text, raw }: Heard): Step | undefined {
  const feeAsked = /\b(?:fee|policy|charge|deposit|free|cost)\b/.test(text);
  const cancels = phrases.CANCEL.test(text) && !feeAsked;
  if (state.mode === "booking" && (phrases.NEVER_MIND.test(text) || cancels))
    return say(state, `All right, I have dropped that. ${MORE}`, {
      mode: "idle",
      draft: {},
      asked: "more",
    });
  if (phrases.NEVER_MIND.test(text) && state.mode !== "idle")
    return say(state, `All right, it stays as it is. ${MORE}`, {
      mode: "idle",
      draft: {},
      asked: "more",
    });
  if (state.mode === "cancel" && state.asked === "booking") {
    const target = findTarget(raw, true);
    if (target !== undefined) return continueCancel(state, target);
  }
  if (!cancels) return undefined;
  const other = /\b(?:under|name|reference)\b/.test(text) || findTarget(raw, false) !== undefined;
  return continueCancel(state, other ? findTarget(raw, false) : undefined);
}

/** Changes that are announced: "change my booking", "move it to Friday". */
function hearChange(state: State, heard: Heard): Step | undefined {
  const { text, raw, slots } = heard;
  if (state.mode === "change") {
    if (state.asked === "booking") {
      const target = findTarget(raw, true);
      if (target !== undefined) return continueChange({ ...state, target }, withoutName(slots));
    }
    const loose = findLoose(state, text, slots);
    if (loose !== undefined) return placed(state, loose);
    if (!isEmpty(slots)) return continueChange(state, slots);
    const field = askedField(text);
    if (field) return say(state, question(field), { asked: field });
    return undefined;
  }
  const wants = phrases.CHANGE.test(text) && !/\bchang\w+ (?:rooms?|table for a bab)/.test(text);
  if (state.mode === "booking")
    return wants && isEmpty(slots) ? changeDraft(state, text) : undefined;
  if (wants) {
    const field = askedField(text);
    // "Change the time to seven": the named field says what the number is.
    const all = field ? { ...slots, ...findSlots({ ...state, asked: field }, raw) } : slots;
    if (!isEmpty(all)) return continueChange(state, all);
    const loose = findLoose(state, text, all);
    return loose === undefined ? changeNamed(state, text) : placed(state, loose);
  }
  return state.booked && hearFix(state, heard);
}

/** A finished booking put right in passing: "no, I mean Sunday", "make it six people". */
function hearFix(state: State, { text, slots }: Heard): Step | undefined {
  // "Book another table for Sunday" is a wish of its own.
  if (phrases.ANOTHER.test(text) && phrases.BOOK.test(text)) return undefined;
  const loose = phrases.FIX.test(text) ? findLoose(state, text, slots) : undefined;
  if (loose !== undefined) return placed(state, loose);
  const fresh =
    slots.people !== undefined || slots.timeMin !== undefined || slots.name !== undefined;
  const fixes = phrases.FIX.test(text) || (fresh && !phrases.BOOK.test(text));
  const fixesDay = slots.day !== undefined && state.topic !== "hours" && !phrases.BOOK.test(text);
  const asks = /\b(?:open|close|hours)\b/.test(text);
  return !isEmpty(slots) && !asks && ((fixes && fresh) || fixesDay || (fixes && slots.day))
    ? continueChange(state, slots)
    : undefined;
}

function placed(state: State, loose: number): Step {
  const place = placeLoose(state, loose);
  return "state" in place ? place : apply(state, place);
}

function changeNamed(state: State, text: string): Step {
  const field = askedField(text);
  if (field && state.booked)
    return say({ ...state, mode: "change" }, question(field), { asked: field });
  return continueChange(state, {});
}

function changeDraft(state: State, text: string): Step {
  const field = askedField(text);
  if (field) return say(state, question(field), { asked: field });
  const now = isEmpty(state.draft) ? "nothing yet" : tableText(state.draft);
  return say(state, `So far I have ${now}. What shall I change?`, { asked: state.asked });
}

function askedField(text: string): keyof Slots | undefined {
  if (/\b(?:time|hour)\b/.test(text)) return "timeMin";
  if (/\b(?:day|date)\b/.test(text)) return "day";
  if (/\b(?:people|number|persons|guests|size|how many)\b/.test(text)) return "people";
  return /\bname\b/.test(text) ? "name" : undefined;
}

/** In the answer to "under which name" the name says which booking, not what to change. */
function withoutName({ name: _, ...rest }: Slots): Slots {
  return rest;
}

/** Questions about the house; a booking in the making goes on after the answer. */
function hearFacts(state: State, { text, slots }: Heard): Step | undefined {
  if (phrases.STATUS.test(text)) return hearStatus(state);
  const named = slots.day === undefined ? undefined : weekdayIn(slots.day);
  const weekday = named ?? todayIn(state, slots.day);
  const booking = state.mode === "booking";
  const drafted = booking && state.draft.day ? weekdayIn(state.draft.day) : undefined;
  const asked = { text, weekday: weekday ?? drafted, topic: booking ? undefined : state.topic };
  const topics = matchTopics(asked).filter(
    ({ id }) =>
      !(id === "hours" && isAvailability(text)) &&
      // "Two adults and two kids" answers our question, it asks none.
      !(id === "children" && slots.people !== undefined),
  );
  if (topics.length === 0) return undefined;
  const answer = topics.map((one) => one.says(asked)).join(" ");
  const topic = topics.at(-1)!.id;
  if (booking) {
    // A question on the way does not lose what came with it, nor the question that was open.
    const next = continueBooking(state, topics.some((one) => one.id === "hours") ? {} : slots);
    if (next.call) return next;
    const open = isEmpty(slots) ? openQuestion(next.state) : next.state.reply;
    return { state: { ...next.state, topic, reply: `${answer} ${open}` } };
  }
  if (topics[0]!.id === "other") return say(state, answer, { topic, asked: "more" });
  const wants = phrases.WANTS.test(text) || (phrases.BOOK.test(text) && !isEmpty(slots));
  const books = wants && !topics.some(({ id }) => NO_BOOKING.has(id));
  if (!books || state.booked) return say(state, answer, { topic, asked: "more" });
  const next = continueBooking(state, slots);
  return next.call ? next : { state: { ...next.state, reply: `${answer} ${next.state.reply}` } };
}

/** "Do you have anything open on Friday for two?" is about a table. */
function isAvailability(text: string): boolean {
  return /\b(?:table|anything|something|slot|spot)s? (?:open|free|available)\b/.test(text);
}

function todayIn(state: State, day: string | undefined): (typeof WEEKDAYS)[number] | undefined {
  const ahead = ["today", "tomorrow"].indexOf(day === "tonight" ? "today" : (day ?? ""));
  if (state.today === undefined || ahead < 0) return undefined;
  return WEEKDAYS[(WEEKDAYS.indexOf(state.today) + ahead) % 7];
}

function hearStatus(state: State): Step {
  if (state.mode === "booking" && !isEmpty(state.draft)) {
    return again(state, `So far I have ${tableText(state.draft)}. ${openQuestion(state)}`.trim());
  }
  if (!state.booked)
    return say(state, "I have no booking from this call yet. Would you like to make one?", {
      asked: "offer",
    });
  const { reference } = state.booked;
  return say(state, `You have ${tableText(state.booked)}. Your reference is ${reference}.`, {
    asked: "more",
  });
}

/** Wishes for a table, spoken out or plain from what was named. */
function hearBooking(state: State, { text, slots }: Heard): Step | undefined {
  if (state.mode === "booking") {
    const loose = findLoose(state, text, slots);
    if (loose !== undefined && state.asked !== "people" && state.asked !== "timeMin")
      return placed(state, loose);
    if (!isEmpty(slots)) return continueBooking(state, slots);
    return undefined;
  }
  const wants =
    phrases.BOOK.test(text) &&
    !/\b(?:i|ive|already) (?:have|got|made) an? (?:booking|reservation|table)\b/.test(text);
  const fresh = slots.people !== undefined || slots.timeMin !== undefined;
  if (wants || fresh) {
    const name = state.booked?.name;
    const draft = { ...(name !== undefined && { name }), ...state.draft };
    return continueBooking({ ...state, draft }, slots);
  }
  if (/\b(?:booking|reservation)\b/.test(text))
    return say(state, "Would you like to change or cancel it?", { asked: "more" });
  if (
    state.asked === "offer" &&
    phrases.YES.test(text) &&
    state.reply.endsWith("?") &&
    /make one|book/.test(state.reply)
  )
    return continueBooking(state, slots);
  if (slots.day !== undefined)
    return say(state, `Would you like to book a table ${dayText(slots.day)}?`, {
      asked: "offer",
      draft: slots,
    });
  if (slots.name !== undefined)
    return say(state, `Hello ${slots.name}. How can I help you?`, {
      asked: "more",
      draft: { name: slots.name },
    });
  return undefined;
}

/** Last, so that "thanks, and where are you?" is answered and not only thanked for. */
function hearSmallTalk(state: State, text: string): Step | undefined {
  const ask = openQuestion(state);
  if (phrases.WAIT.test(text)) return again(state, "Of course, take your time.");
  if (phrases.THERE.test(text))
    return again(state, `Yes, I am here. ${ask || "How can I help you?"}`);
  if (phrases.BYE.test(text) || (state.asked === "more" && phrases.NO.test(text)))
    return farewell(state, text);
  if (/\bsame\b/.test(text) && state.booked)
    return say(state, `All right, the rest stays as it is. ${MORE}`, { asked: "more" });
  if (phrases.THANKS.test(text) && !ask)
    return say(state, `You are welcome. ${MORE}`, { asked: "more" });
  if (phrases.HELLO.test(text) && !ask)
    return say(state, "Hello! How can I help you?", { asked: "more" });
  if (phrases.YES.test(text) || phrases.THANKS.test(text)) {
    if (ask)
      return again(state, `${phrases.THANKS.test(text) ? "You are welcome." : "Good."} ${ask}`);
    return say(state, state.asked === "more" ? "What would you like to know?" : `Good. ${MORE}`, {
      asked: "more",
    });
  }
  if (phrases.NO.test(text) || phrases.NEVER_MIND.test(text)) {
    if (ask)
      return again(state, `All right, then tell me: ${ask.charAt(0).toLowerCase()}${ask.slice(1)}`);
    return say(state, `All right. ${MORE}`, { asked: "more", draft: {} });
  }
  return undefined;
}

function farewell(state: State, text: string): Step {
  const thanks = phrases.THANKS.test(text) ? "You are welcome. " : "";
  const see = state.booked ? ` We look forward to seeing you ${dayText(state.booked.day)}.` : "";
  return say(state, `${thanks}Thank you for calling Juniper House.${see} Goodbye!`, {
    mode: "idle",
    draft: {},
  });
}

/** Asks back; the second time in a row it says what it can do. */
function missed(state: State): Step {
  const misses = state.misses + 1;
  const ask = openQuestion(state);
  const reply = ask
    ? `Sorry, I did not get that. ${ask}`
    : misses === 1
      ? "Sorry, I did not understand. Could you say it another way?"
      : HELP;
  return { state: { ...state, misses, reply } };
}
