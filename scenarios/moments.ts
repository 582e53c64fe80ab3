import assert from "node:assert/strict";
import type { LogRecord } from "../src/events/record.ts";
import { wordsOf } from "../src/folds/features.ts";
import { TurnFold } from "../src/folds/turns.ts";

/** Something that happened in a call, with its time since the moment a scenario counts from. */
export interface Moment {
  readonly ms: number;
  readonly what: string;
}

interface Sound {
  readonly at: number;
  readonly ms: number;
}

/**
 * What a call came to, as short lines: states of turns by their leaf, requests, tools, the agent's
 * voice as it left the speaker, and what of each turn was heard.
 */
export function momentsOf(
  records: readonly LogRecord[],
  sound: readonly Sound[],
  zero: number,
): readonly Moment[] {
  const fold = new TurnFold();
  const leaves = new Map<string, string>();
  const asking = new Set<string>();
  const moments: Moment[] = [];
  for (const record of records) {
    fold.apply(record);
    const ms = record.at - zero;
    for (const what of [
      ...statesOf(record, leaves, fold),
      ...requestsOf(record, asking),
      ...toolsOf(record),
    ])
      moments.push({ ms, what });
  }
  return [...moments, ...voicesOf(sound, zero)]
    .filter(({ ms }) => ms > 0)
    .sort((a, b) => a.ms - b.ms);
}

/**
 * Compares with lines of `<ms> <what>`, in order. Virtual time is exact but for the sample it falls
 * on: a millisecond either way is the same moment.
 */
export function assertMoments(actual: readonly Moment[], expected: string): void {
  const lines = expected
    .trim()
    .split("\n")
    .map((line) => /^(\d+)\s+(.+)$/.exec(line.trim())!)
    .map(([, ms, what]) => ({ ms: Number(ms), what: what! }));
  const near = (ms: number, i: number): number =>
    Math.abs(ms - (lines[i]?.ms ?? Infinity)) <= 1 ? lines[i]!.ms : ms;
  const text = ({ ms, what }: Moment): string => `${String(ms).padStart(6)} ${what}`;
  assert.equal(
    actual.map(({ ms, what }, i) => text({ ms: near(ms, i), what })).join("\n"),
    lines.map(text).join("\n"),
  );
}

function statesOf(
  { outcome }: LogRecord,
  leaves: Map<string, string>,
  fold: TurnFold,
): readonly string[] {
  const out: string[] = [];
  for (const [actor, value] of Object.entries(outcome.state)) {
    const leaf = leafOf(value);
    if (leaves.get(actor) === leaf || actor.startsWith("track.")) continue;
    leaves.set(actor, leaf);
    const summary = fold.summary(Number(actor.slice("turn.".length)));
    if (actor === "room" && leaf === "closed") out.push("closed");
    else if (summary && outcome.emitted.some((f) => f["n"] === summary.n && f.actor === actor))
      out.push(`${name(actor)} ${leaf}, heard ${count(summary.heardText)}`);
    else if (actor !== "room") out.push(`${name(actor)} ${leaf}`);
  }
  return out;
}

/** Requests as they go out, and those that were taken back unheard. */
function requestsOf({ input, actor, outcome }: LogRecord, asking: Set<string>): readonly string[] {
  const event = input["event"] as { type: string } | undefined;
  const out: string[] = [];
  if (event?.type === "reply.requested") {
    asking.add(input["effect"] as string);
    out.push(`${name(actor)} request`);
  }
  if (event?.type === "reply.segment") asking.delete(input["effect"] as string);
  for (const [op, id] of outcome.effects)
    if (op === "stop" && asking.delete(id)) out.push("request dropped");
  return out;
}

function toolsOf({ input, outcome }: LogRecord): readonly string[] {
  const out: string[] = [];
  for (const [op, id] of outcome.effects)
    if (id.includes(".tool.") && (op === "start" || op === "stop")) out.push(`tool ${op}`);
  const effect = input["effect"] as string | undefined;
  if (input.type === "effect.ended" && effect?.includes(".tool."))
    out.push(`tool ended ${input["how"] as string}`);
  return out;
}

/** Sound that left without a gap is one voice. */
function voicesOf(sound: readonly Sound[], zero: number): readonly Moment[] {
  const out: Moment[] = [];
  let end = 0;
  for (const { at, ms } of sound) {
    if (at > end + 1) {
      if (end > 0) out.push({ ms: end - zero, what: "silence" });
      out.push({ ms: at - zero, what: "voice" });
    }
    end = at + ms;
  }
  return end > 0 ? [...out, { ms: end - zero, what: "silence" }] : out;
}

function leafOf(value: unknown): string {
  if (typeof value === "string") return value;
  const [key, inner] = Object.entries(value as object)[0]!;
  return key === "contested" ? key : leafOf(inner);
}

function name(actor: string): string {
  return actor.replace("turn.", "t");
}

function count(text: string): number {
  return wordsOf(text).length;
}
