import { dayText, weekdayIn, WEEKDAYS } from "./receptionist-facts.ts";
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
} from "./receptionist-booking.ts";
import type { Slots } from "./receptionist-slots.ts";
import { isEmpty, say, tableText, toSentence } from "./receptionist-state.ts";
import type { State, Step } from "./receptionist-state.ts";
import { matchTopics } from "./receptionist-topics.ts";
import { normalise } from "./receptionist-words.ts";

/**
 * One utterance in, one step out. Rules are tried from the most to the least certain: corrections
 * of the talk itself, cancelling, changing, answers to our question, facts, booking, small talk.
 */
const REPEAT =
  /\b(?:repeat|say (?:that|it) again|say again|pardon|come again|what did you (?:just )?say|did(?:nt| not) (?:catch|hear|get|understand)|once more|1 more time|slower|more slowly|what was that|could not hear|couldnt hear)\b|^(?:what|sorry|huh|excuse me|go on|continue|carry on|you were saying)$/;
const NEVER_MIND =
  /\b(?:never ?mind|forget (?:it|that|about it)|drop it|dont bother|leave it|changed my mind|scrap that)\b/;
const CANCEL =
  /\bcancel|\bcall (?:it )?off\b|\b(?:cant|cannot|wont|not) (?:be able to )?(?:make it|come)\b|\b(?:dont|no longer) need (?:the|my|a) (?:table|booking|reservation)\b/;
const CHANGE =
  /\b(?:chang(?:e|ing)|move|reschedul(?:e|ing)|modify|update|amend|postpone|push|bring forward|switch|adjust|edit)\b/;
const FIX =
  /\b(?:no|not|actually|mean|meant|said|make (?:it|that)|instead|rather|sorry|wrong|could we do|can we do|can you do|later|earlier|more people|another person|better|prefer)\b/;
const BOOK =
  /\b(?:book|books|booked|booking|reserve|reserving|reservation|tables?|appointment|schedule|slots?|availability|available|space|seat us|come (?:in|by|over) (?:on|for|at)|squeeze us in|fit us in|free on|have (?:dinner|lunch) (?:with you|there|at yours)|make a new (?:one|booking))\b/;
const ANOTHER = /\b(?:another|second|1 more|also book|new) (?:table|booking|reservation|1)?\b/;
const STATUS =
  /\b(?:(?:whats|what is|when is|whens|what was|read back|check|confirm|details of|summary of) (?:my|the|our) (?:booking|reservation|table|appointment|reference)|what (?:do you have (?:so far|for me|down|under my name)|did (?:i|you|we) book|have (?:i|you|we) booked|do i have)|read (?:it|that) back|my reference|reference number|is (?:it|that|everything|my table) (?:booked|confirmed)|did you get (?:all )?that)\b/;
const BYE =
  /\b(?:bye|goodbye|good bye|see you|see ya|have a (?:nice|good|great|lovely) \w+|thats (?:all|it|everything)|that is (?:all|it|everything)|thatll be all|that will be all|nothing else|im done|good night|cheerio|hang up)\b/;
const THANKS = /\b(?:thanks?|thank you|thx|cheers|appreciate|very kind|great help)\b/;
const HELLO = /^(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings|yo)\b/;
const THERE =
  /\b(?:are you (?:still )?there|can you hear me|anybody there|anyone there|hello hello|you there)\b/;
const WAIT =
  /\b(?:wait|hold on|hang on|1 (?:moment|second|sec|minute)|just a (?:moment|second|sec|minute)|let me (?:think|check|see)|give me a)\b/;
const YES =
  /^(?:(?:oh|well|um) )?(?:yes|yeah|yep|yup|sure|ok|okay|correct|right|thats right|that is right|exactly|please|please do|go ahead|of course|absolutely|definitely|alright|all right|fine|sounds good|perfect|great|good|wonderful|lovely|thats (?:fine|great|perfect|correct|good)|i would|i do|id love to)\b/;
const NO =
  /^(?:(?:oh|well|um) )?(?:no|nope|nah|not really|no thanks|no thank you|i dont think so|none|nothing)\b/;

const MORE = "Is there anything else I can help you with?";

export function hear(state: State, raw: string): Step {
  const text = normalise(raw);
  if (text === "") return again(state, "Sorry, I did not hear you. Could you say that again?");
  if (REPEAT.test(text)) return { state };
  if (state.waiting) return again(state, "One moment please, I am still writing that down.");
  const slots = findSlots(state, raw);
  return (
    hearWhich(state, text) ??
    hearCancel(state, text, raw) ??
    hearChange(state, text, raw, slots) ??
    hearFacts(state, text, slots) ??
    hearBooking(state, text, raw, slots) ??
    hearSmallTalk(state, text) ??
    missed(state)
  );
}

/** The same question stays open. */
function again(state: State, reply: string): Step {
  return { state: { ...state, reply } };
}

function hearWhich(state: State, text: string): Step | undefined {
  const { asked, loose } = state;
  if (asked === "retry" && state.failed && YES.test(text))
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

function hearCancel(state: State, text: string, raw: string): Step | undefined {
  const feeAsked = /\b(?:fee|policy|charge|deposit|free|cost)\b/.test(text);
  const cancels = CANCEL.test(text) && !feeAsked;
  if (state.mode === "booking" && (NEVER_MIND.test(text) || cancels))
    return say(state, `All right, I have dropped that. ${MORE}`, {
      mode: "idle",
      draft: {},
      asked: "more",
    });
  if (NEVER_MIND.test(text) && state.mode !== "idle")
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

function hearChange(state: State, text: string, raw: string, slots: Slots): Step | undefined {
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
  const wants = CHANGE.test(text) && !/\bchang\w+ (?:rooms?|table for a bab)/.test(text);
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
  if (!state.booked) return undefined;
  const loose = FIX.test(text) ? findLoose(state, text, slots) : undefined;
  if (loose !== undefined) return placed(state, loose);
  const fresh =
    slots.people !== undefined || slots.timeMin !== undefined || slots.name !== undefined;
  const fixes = FIX.test(text) || (fresh && !BOOK.test(text));
  const fixesDay = slots.day !== undefined && state.topic !== "hours" && !BOOK.test(text);
  const asks = /\b(?:open|close|hours)\b/.test(text);
  if (ANOTHER.test(text) && BOOK.test(text)) return undefined;
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

function hearFacts(state: State, text: string, slots: Slots): Step | undefined {
  if (STATUS.test(text)) return hearStatus(state);
  const named = slots.day === undefined ? undefined : weekdayIn(slots.day);
  const weekday = named ?? todayIn(state, slots.day);
  const booking = state.mode === "booking";
  const asked = { text, weekday, topic: booking ? undefined : state.topic };
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
    const open = question(next.state.asked as keyof Slots);
    return { state: { ...next.state, topic, reply: `${answer} ${open}` } };
  }
  if (topics[0]!.id === "other") return say(state, answer, { topic, asked: "more" });
  const books = BOOK.test(text) && !isEmpty(slots) && !topics.some((one) => one.id === "hours");
  if (books && slots.name === undefined && !state.booked) {
    const next = continueBooking(state, slots);
    return next.call ? next : { state: { ...next.state, reply: `${answer} ${next.state.reply}` } };
  }
  const wantsTable = /\b(?:book|reserve) (?:a|me|us)\b/.test(text) && topic !== "walkIn";
  if (!wantsTable) return say(state, answer, { topic, asked: "more" });
  const next = continueBooking(state, {});
  return { state: { ...next.state, reply: `${answer} ${question("day")}` } };
}

/** "Do you have anything open on Friday for two?" is about a table. */
function isAvailability(text: string): boolean {
  return /\b(?:table|anything|something|slot|spot|space)s? (?:open|free|available)\b/.test(text);
}

function todayIn(state: State, day: string | undefined): (typeof WEEKDAYS)[number] | undefined {
  const ahead = ["today", "tomorrow"].indexOf(day === "tonight" ? "today" : (day ?? ""));
  if (state.today === undefined || ahead < 0) return undefined;
  return WEEKDAYS[(WEEKDAYS.indexOf(state.today) + ahead) % 7];
}

function hearStatus(state: State): Step {
  if (state.mode === "booking" && !isEmpty(state.draft)) {
    const open = state.asked !== undefined ? ` ${question(state.asked as keyof Slots)}` : "";
    return again(state, `So far I have ${tableText(state.draft)}.${open}`);
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

function hearBooking(state: State, text: string, raw: string, slots: Slots): Step | undefined {
  if (state.mode === "booking") {
    const loose = findLoose(state, text, slots);
    if (loose !== undefined && state.asked !== "people" && state.asked !== "timeMin")
      return placed(state, loose);
    if (!isEmpty(slots)) return continueBooking(state, slots);
    return undefined;
  }
  const wants =
    BOOK.test(text) &&
    !/\b(?:i have|ive got|i made|already have) (?:a|an) (?:booking|reservation|table)\b/.test(text);
  const fresh = slots.people !== undefined || slots.timeMin !== undefined;
  if (wants || fresh) {
    const name = state.booked?.name;
    return continueBooking({ ...state, draft: name === undefined ? {} : { name } }, slots);
  }
  if (/\b(?:booking|reservation)\b/.test(text))
    return say(state, "Would you like to change or cancel it?", { asked: "more" });
  if (
    state.asked === "offer" &&
    YES.test(text) &&
    state.reply.endsWith("?") &&
    /make one|book/.test(state.reply)
  )
    return continueBooking(state, slots);
  if (slots.day !== undefined)
    return say(state, `Would you like to book a table ${dayText(slots.day)}?`, {
      asked: "offer",
      draft: slots,
    });
  if (slots.name !== undefined && raw.trim() !== "")
    return say(state, `Hello ${slots.name}. How can I help you?`, {
      asked: "more",
      draft: { name: slots.name },
    });
  return undefined;
}

function hearSmallTalk(state: State, text: string): Step | undefined {
  const open = state.mode === "idle" ? undefined : state.asked;
  const ask =
    open && open in { day: 1, timeMin: 1, people: 1, name: 1 } ? question(open as keyof Slots) : "";
  if (WAIT.test(text)) return again(state, "Of course, take your time.");
  if (THERE.test(text)) return again(state, `Yes, I am here. ${ask || "How can I help you?"}`);
  if (BYE.test(text) || (state.asked === "more" && NO.test(text))) return farewell(state, text);
  if (THANKS.test(text) && !ask) return say(state, `You are welcome. ${MORE}`, { asked: "more" });
  if (HELLO.test(text) && !ask) return say(state, "Hello! How can I help you?", { asked: "more" });
  if (YES.test(text) || THANKS.test(text)) {
    if (ask) return again(state, `${THANKS.test(text) ? "You are welcome." : "Good."} ${ask}`);
    return say(state, state.asked === "more" ? "What would you like to know?" : `Good. ${MORE}`, {
      asked: "more",
    });
  }
  if (NO.test(text) || NEVER_MIND.test(text)) {
    if (ask)
      return again(state, `All right, then tell me: ${ask.charAt(0).toLowerCase()}${ask.slice(1)}`);
    return say(state, `All right. ${MORE}`, { asked: "more", draft: {} });
  }
  return undefined;
}

function farewell(state: State, text: string): Step {
  const thanks = THANKS.test(text) ? "You are welcome. " : "";
  const see = state.booked ? ` We look forward to seeing you ${dayText(state.booked.day)}.` : "";
  return say(state, `${thanks}Thank you for calling Juniper House.${see} Goodbye!`, {
    mode: "idle",
    draft: {},
  });
}

function missed(state: State): Step {
  const misses = state.misses + 1;
  const open =
    state.mode !== "idle" &&
    state.asked &&
    state.asked in { day: 1, timeMin: 1, people: 1, name: 1 };
  const ask = open ? question(state.asked as keyof Slots) : "";
  const reply = ask
    ? `Sorry, I did not get that. ${ask}`
    : misses === 1
      ? "Sorry, I did not understand. Could you say it another way?"
      : toSentence(
          "I can tell you about our hours, prices, parking and address, or book a table. What would you like?",
        );
  return { state: { ...state, misses, reply } };
}
