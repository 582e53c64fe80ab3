import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, LogRecord } from "../../src/events/record.ts";
import { historyFor, messagesOf, type HistoryMessage } from "../../src/folds/history.ts";
import { Transcript } from "../../src/folds/transcript.ts";

/** What is kept of earlier turns between requests is told anew where it has changed. */
interface Given {
  readonly actor: string;
  readonly input: object;
  readonly text?: Json;
  readonly fact?: object;
}

function recordOf({ actor, input, text, fact }: Given, seq: number): LogRecord {
  const outcome = { state: {}, emitted: fact ? [{ actor, ...fact }] : [], effects: [] };
  const rest = { seq, at: seq, epoch: 1, cause: null, hash: "", prev: "" };
  return {
    ...rest,
    actor,
    input,
    outcome,
    ...(text !== undefined && { text: { salt: "", value: text } }),
  } as unknown as LogRecord;
}

function said(ref: string, text: string): Given {
  const event = { type: "stt.final", ref };
  const input = { type: "effect.progress", effect: "1.0.stt", event };
  return { actor: "track.a", input, text: { text } };
}

function over(n: number, more: object): Given {
  const fact = { type: "turn.ended", n, kind: "user", status: "completed", reason: "" };
  const none = { refs: [], asides: [], late: [], mergedInto: null, runs: [] };
  return { actor: `turn.${n}`, input: { type: "noted" }, fact: { ...fact, ...none, ...more } };
}

/** The request of turn 2 before and after `news`, and as one who reads all at once makes it. */
function requests(before: readonly Given[], news: readonly Given[]) {
  const input = { turn: 2, key: "k", saying: null, refs: [], speculative: false, agent: "" };
  const kept = new Transcript();
  before.forEach((given, i) => kept.apply(recordOf(given, i + 1)));
  const first = messagesOf(historyFor(kept, input));
  const all = [...before, ...news];
  news.forEach((given, i) => kept.apply(recordOf(given, before.length + i + 1)));
  const fresh = new Transcript();
  all.forEach((given, i) => fresh.apply(recordOf(given, i + 1)));
  const [now, anew] = [kept, fresh].map((one) => historyFor(one, input));
  assert.equal(now!.earlierHash, anew!.earlierHash);
  return { first, now: messagesOf(now!) };
}

const texts = (messages: readonly HistoryMessage[]) =>
  messages.map((message) => ("text" in message ? message.text : message.output));

test("words that came late, told again", () => {
  const before = [
    said("w1", "A table."),
    said("w2", "for two"),
    over(1, { refs: ["w1"], late: ["w2"] }),
  ];
  const { first, now } = requests(before, [said("w2", "for four")]);
  assert.deepEqual(texts(first), ["A table. for two"]);
  assert.deepEqual(texts(now), ["A table. for four"]);
});

test("words that came after their turn, told again", () => {
  const late: Given = {
    actor: "room",
    input: { type: "noted", event: {} },
    fact: { type: "words.late", n: 1, ref: "w2" },
  };
  const before = [said("w1", "A table."), over(1, { refs: ["w1"] }), said("w2", "for two"), late];
  const { now } = requests(before, [said("w2", "for four")]);
  assert.deepEqual(texts(now), ["A table. for four"]);
});

test("the result of a write that another call joined", () => {
  const ends = (effect: string, calls: Record<string, string>): Given => {
    const toolCalls = Object.entries(calls).map(([call, joins]) => ({ call, joins }));
    const inputs = Object.keys(calls).map((call) => [call, { name: "book", input: {} }] as const);
    const input = { type: "effect.ended", effect, how: "done", result: { toolCalls } };
    return { actor: "turn.1", input, text: Object.fromEntries(inputs) };
  };
  // The first call is of a turn that is forgotten here: only its result is told.
  const before = [ends("1.0.reply", { c2: "c1" }), over(1, {})];
  const done = { type: "effect.ended", effect: "1.0.tool.c1", how: "done" };
  const { first, now } = requests(before, [
    { actor: "room", input: done, text: { output: { booked: true } } },
  ]);
  assert.deepEqual(texts(first).at(-1), { status: "pending" });
  assert.deepEqual(texts(now).at(-1), { booked: true });
});
