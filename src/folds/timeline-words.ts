import type { BudgetChanged } from "../events/budget.events.ts";
import type { EffectChange, Json, LogRecord } from "../events/record.ts";
import { failureText, retryText, switchText } from "./failure-words.ts";

/**
 * Records in plain words. Everything here is a function of its arguments; who is who, and what was
 * said before, the timeline knows.
 */
export interface Names {
  /** The name of whoever a track or an identity belongs to. */
  person(trackOrIdentity: string): string;
}

type Event = { readonly type: string } & Readonly<Record<string, Json>>;

/** Erased text leaves a gap that is named, never an empty line. */
export const ERASED = "(erased)";

export function textOf({ text }: LogRecord): string {
  const said = text?.value as { readonly text?: string } | string | null | undefined;
  if (typeof said === "string") return said;
  return said?.text ?? ERASED;
}

/** What a progress says, or undefined where it is one of many and shows nothing new. */
export function progressText(record: LogRecord, names: Names): string | undefined {
  const event = record.input["event"] as unknown as Event;
  const who = (key: string): string => names.person(event[key] as string);
  switch (event.type) {
    case "room.joined":
      return "the agent has joined the room";
    case "room.reconnecting":
      return "the connection broke: reconnecting";
    case "room.reconnected":
      return "the connection is back";
    case "participant.joined":
      return `${who("identity")} has joined`;
    case "participant.left":
      return `${who("identity")} has left`;
    case "track.published":
      return `${who("identity")} has a new track: ${event["kind"] as string}`;
    case "track.unpublished":
      return `${who("sid")} has closed a track`;
    case "text.received":
      return `${who("identity")} (typed): ${textOf(record)}`;
    case "vad.started":
      return `${names.person(record.actor)} begins to speak`;
    case "vad.ended":
      return `${names.person(record.actor)} is silent since ${event["silenceMs"] as number} ms`;
    case "stt.final":
      return `${names.person(record.actor)}: ${textOf(record)}`;
    case "speech.judged":
      return `the endpointer hears: ${event["class"] as string} (${percent(event["p"])})`;
    case "stt.opened":
      return `${event["provider"] as string}/${event["model"] as string} listens`;
    case "stt.down":
      return "speech-to-text is down";
    case "stt.up":
      return "speech-to-text is back";
    case "stt.retried":
      return retryText({ ...event, what: "speech-to-text" });
    case "stt.switched":
      return switchText({ ...event, what: "speech-to-text" });
    case "reply.requested":
      return requestText(event);
    case "reply.context":
      return contextText(record, event);
    case "reply.switched":
      return switchText(event);
    case "reply.retried":
      return retryText(event);
    case "reply.segment":
      return `agent begins: ${textOf(record)}`;
    case "filler.segment":
      return `agent fills the wait: ${textOf(record)}`;
    default:
      return undefined;
  }
}

function requestText({ provider, model, level, rule }: Event): string {
  const why = level === undefined ? "" : `: ${level as string} (${rule as string})`;
  return `${provider as string}/${model as string} is asked${why}`;
}

function percent(p: Json | undefined): string {
  return `${Math.round(Number(p) * 100)} %`;
}

function contextText(record: LogRecord, event: Event): string {
  const hook = `${event["hook"] as string} took ${event["ms"] as number} ms`;
  if (event["how"] === "done") return `${hook} and gives: ${textOf(record)}`;
  return `${hook} and gave nothing: ${event["how"] as string}`;
}

/** What a command asks, and who. */
export function commandText(record: LogRecord): string {
  const { name, ...rest } = record.input["command"] as { readonly name: string } & Readonly<
    Record<string, Json>
  >;
  const by = record.input["by"] as string;
  if (name === "set") return `${by} changes the settings`;
  if (name === "agent") {
    const agent = rest["agent"] as { readonly name: string; readonly hash: string };
    return `${by} edits the agent: ${agent.name}, now ${agent.hash}`;
  }
  const { ref: _, chars: __, ...shown } = rest;
  const what = Object.entries(shown).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  const said = "ref" in rest ? `: ${textOf(record)}` : "";
  return `${by} commands ${[name, ...what].join(", ")}${said}`;
}

/** What was said while the log was away, and how far it was heard. */
export function outageText(
  input: Readonly<Record<string, Json>>,
  textOf: (ref: string) => string,
): string {
  const { ref, ms, words } = input as { ref: string; ms: number; words: number };
  const said = textOf(ref) || ERASED;
  const cut = words < said.split(/\s+/).length ? `, cut after ${words} words` : "";
  return `the log did not answer; the agent says: ${said} (${ms} ms${cut})`;
}

/** `budget tenant: shorterAnswers (call: 0.43 USD spent, 0.02 held; limit 25)`. */
export function budgetText(event: BudgetChanged): string {
  const { measure, node, limitPico, spentPico, heldPico } = event;
  const [limit, spent, held] = [limitPico, spentPico, heldPico].map(roundUsd);
  const what = measure === "none" ? "enough again" : measure;
  return `budget ${node}: ${what} (call: ${spent} USD spent, ${held} held; limit ${limit})`;
}

/** For people: six digits after the point at most. */
function roundUsd(pico: string): string {
  return String(Number((Number(pico) / 1e12).toFixed(6)));
}

/** How an effect ended, with its error and position where it has them. */
export function endText({ input }: LogRecord): string {
  const { effect, how, position, error } = input as unknown as {
    readonly effect: string;
    readonly how: string;
    readonly position?: number;
    readonly error?: string;
  };
  const at = position === undefined ? "" : `, at ${position} ms of its sound`;
  const why = error === undefined ? "" : `: ${failureText(error)}`;
  return `${childOf(effect)} ended: ${how}${why}${at}`;
}

/** A tool's end with what it gave. */
export function toolEndText(record: LogRecord, name: string): string {
  const how = record.input["how"] as string;
  const output = (record.text?.value as { readonly output?: Json } | undefined)?.output;
  const { handoff, hangUp } = (record.input["result"] ?? {}) as {
    readonly handoff?: string;
    readonly hangUp?: boolean;
  };
  const then = handoff ? `, ${handoff} goes on` : hangUp ? ", the call is to end" : "";
  return `tool ${name} ${how}${then}${output === undefined ? "" : `: ${JSON.stringify(output)}`}`;
}

/** A guard a chart asked or a delay it took, with all that it was made of (T22). */
export interface Explained {
  readonly actor: string;
  /** The guard or delay, by its name in the chart. */
  readonly name: string;
  /** What a guard said; ms of a delay. */
  readonly gave: boolean | number;
  /** `words 3 > 0: yes`, or for a delay what its ms are made of; all of it. */
  readonly because: readonly string[];
  /** Those of a guard that do not hold. */
  readonly failed: readonly string[];
}

/** `mayAnswer: no (words 0 > 0: no)`, `endOfTurn 200 ms (the words sound complete: 500, …)`. */
export function explainedText({ name, gave, because, failed }: Explained): string {
  const verdict = typeof gave === "number" ? ` ${gave} ms` : `: ${gave ? "yes" : "no"}`;
  return `${name}${verdict} (${(gave === false ? failed : because).join("; ")})`;
}

/** An effect's id is `<seq>.<k>.<child>`. */
export function childOf(effect: string): string {
  return effect.split(".").slice(2).join(".");
}

/** A change of effects or timers in words; `at` is its record's time. */
export function changeWords(change: EffectChange, at: number): string {
  const [what, id] = change;
  const actor = id.split("/")[0] ?? "";
  if (what === "arm") return `timer ${timerName(id)} of ${actor} in ${change[2] - at} ms`;
  if (what === "disarm") return `timer ${timerName(id)} of ${actor} off`;
  if (what === "tell") return `${childOf(id)} is told: ${change[2]}`;
  return `${childOf(id)} ${what === "start" ? "starts" : "is told to stop"}`;
}

/** A timer's id is `<actor>/<delay>.<path of its state>`. */
export function timerName(timer: string): string {
  return timer.slice(timer.indexOf("/") + 1).split(".")[0] ?? timer;
}

/** The paths of the active leaves: `["open.voice.silent", "open.words.up"]`. */
export function leavesOf(state: Json, path: string[] = []): readonly string[] {
  if (typeof state !== "object" || state === null)
    return [[...path, ...(state === "" ? [] : [String(state)])].join(".")];
  const entries = Object.entries(state as Readonly<Record<string, Json>>);
  if (entries.length === 0) return [path.join(".")];
  return entries.flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
}

/** Only the leaves that changed: `listening.hearing → listening.waiting`. */
export function changeText(before: readonly string[], after: readonly string[]): string {
  const gone = before.filter((leaf) => !after.includes(leaf));
  const come = after.filter((leaf) => !before.includes(leaf));
  return [gone.join(", "), come.join(", ")].filter(Boolean).join(" → ");
}
