import type { Json } from "../../../events/record.ts";
import { dayText, timeText } from "./facts.ts";
import type { Weekday } from "./facts.ts";
import type { SlotName, Slots } from "./slots.ts";

/** What the receptionist knows after so many messages; never kept, always folded anew. */
export type Question = SlotName | "booking" | "change" | "more" | "offer" | "which" | "retry";

export interface Booked extends Required<Slots> {
  readonly reference: string;
}

export interface State {
  readonly mode: "idle" | "booking" | "change" | "cancel";
  readonly draft: Slots;
  /** What the last reply asked for: it decides how a bare word is understood. */
  readonly asked: Question | undefined;
  /** Booking of this call, as the tool gave it back. */
  readonly booked: Booked | undefined;
  /** Reference or name of a booking made in another call. */
  readonly target: string | undefined;
  /** A number that may be people or an hour; the caller was asked which. */
  readonly loose: number | undefined;
  /** The number heard last: "no, I said five" is about that one. */
  readonly latest: "people" | "timeMin" | undefined;
  /** Last call that failed, for a second try. */
  readonly failed: Call | undefined;
  /** A tool is at work and its result is not there yet. */
  readonly waiting: boolean;
  readonly topic: string | undefined;
  /** Utterances in a row that were not understood. */
  readonly misses: number;
  readonly reply: string;
  readonly today: Weekday | undefined;
  readonly tools: ReadonlySet<string>;
}

export interface Call {
  readonly name: "book" | "cancel_booking";
  readonly input: { readonly [key: string]: Json };
}

/** A state and what is said or called on the way into it. */
export interface Step {
  readonly state: State;
  readonly call?: Call;
}

export const GREETING = "Hello, this is Juniper House. How can I help you?";

export function createState(tools: ReadonlySet<string>): State {
  return {
    mode: "idle",
    draft: {},
    asked: "offer",
    booked: undefined,
    target: undefined,
    loose: undefined,
    latest: undefined,
    failed: undefined,
    waiting: false,
    topic: undefined,
    misses: 0,
    reply: GREETING,
    today: undefined,
    tools,
  };
}

/** Says something; whatever was asked before is answered or dropped unless named again. */
export function say(state: State, reply: string, change: Partial<State> = {}): Step {
  return { state: { ...state, asked: undefined, misses: 0, ...change, reply } };
}

/** Asks for a tool, or says why not: a line may be set up without the tools. */
export function call(state: State, made: Call): Step {
  if (state.tools.has(made.name))
    return { state: { ...state, asked: undefined, misses: 0, waiting: true }, call: made };
  return say(
    state,
    "I cannot write in the booking list on this line. Please call 555-0142 during opening hours.",
    { mode: "idle", draft: {} },
  );
}

export function isEmpty(slots: Slots): boolean {
  return Object.values(slots).every((value) => value === undefined);
}

/** "A table for 4 on Friday at 7 pm, under Anna" with what there is. */
export function tableText(slots: Slots): string {
  return [
    slots.people === undefined ? "a table" : `a table for ${slots.people}`,
    slots.day === undefined ? "" : ` ${dayText(slots.day)}`,
    slots.timeMin === undefined ? "" : ` at ${timeText(slots.timeMin)}`,
    slots.name === undefined ? "" : `, under ${slots.name}`,
  ].join("");
}

export function toSentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
