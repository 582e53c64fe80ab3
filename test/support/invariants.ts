import assert from "node:assert/strict";
import type { AnyEventObject, ExecutableActionObject } from "xstate";
import type { Snapshot } from "../../src/actors/machine-set.ts";
import type { Open, Send, Tell } from "../../src/machines/host-actions.ts";
import type { RoomContext } from "../../src/machines/room.rules.ts";
import type { TrackContext } from "../../src/machines/track.machine.ts";
import type { TurnContext } from "../../src/machines/turn-context.ts";

/**
 * The invariants of the charts' headers as checks: over a snapshot, and over the step from one to
 * the next. `docs/spec` says which stands where. Each message begins with the invariant's number.
 */
export interface Step {
  readonly before: Snapshot;
  readonly event: AnyEventObject;
  readonly after: Snapshot;
  readonly actions: readonly ExecutableActionObject[];
}

/** C6, then what the chart of this kind promises of its context and state. */
export function assertInvariants(kind: string, snapshot: Snapshot): void {
  assertJson(snapshot.context, `${kind}.context`);
  assert.notEqual(snapshot.status, "error", `${kind} has an error`);
  SNAPSHOT[kind]?.(snapshot);
}

export function assertStep(kind: string, step: Step): void {
  STEP[kind]?.(step);
}

const SNAPSHOT: Readonly<Record<string, (snapshot: Snapshot) => void>> = {
  room: assertRoom,
  track: assertTrack,
  turn: assertTurn,
};
const STEP: Readonly<Record<string, (step: Step) => void>> = {
  room: assertRoomStep,
  track: assertTrackStep,
  turn: assertTurnStep,
};

/** C6: contexts hold JSON only, or live and restored digests differ. */
function assertJson(value: unknown, path: string): void {
  if (value === null || typeof value === "boolean" || typeof value === "string") return;
  if (typeof value === "number")
    return assert.ok(Number.isFinite(value), `C6: ${path} is ${value}`);
  assert.equal(typeof value, "object", `C6: ${path} is ${typeof value}`);
  const proto: unknown = Object.getPrototypeOf(value);
  const plain = Array.isArray(value) || proto === Object.prototype;
  assert.ok(plain, `C6: ${path} is no plain object`);
  for (const [key, inner] of Object.entries(value as object)) assertJson(inner, `${path}.${key}`);
}

function assertRoom(snapshot: Snapshot): void {
  const { n, older, newer, tools, ranges, heard } = snapshot.context as RoomContext;
  assert.ok(Number.isInteger(n) && n >= 0, "I2: turn numbers are whole");
  if (older) assert.ok(older.n <= n, "I2: who answers was opened");
  if (newer !== null) assert.equal(newer, n, "I2: who listens was opened last");
  if (older && newer !== null) assert.ok(older.n < newer, "I1: one answers, a newer one listens");
  assert.ok(ranges.every((range) => range.n <= n) && heard.every((word) => word.n <= n), "I2");
  assert.equal(new Set(tools.map(({ call }) => call)).size, tools.length, "I3: a call runs once");
  for (const tool of tools)
    assert.ok(!tool.write || !tool.state.startsWith("stop"), "I3: a write is never stopped");
  for (const { joins, state } of tools)
    assert.equal(joins !== "", state === "joined", "I7: what joined a write never runs");
  const present = snapshot.matches("present");
  assert.equal("connection" in snapshot.children, present, "I6: connected while present only");
}

function assertRoomStep({ before, event, after, actions }: Step): void {
  const [old, next] = [before.context as RoomContext, after.context as RoomContext];
  const opened = paramsOf<Open>(actions, "open").filter(({ machine }) => machine === "turn");
  const numbers = opened.map(({ address }) => Number(address.replace("turn.", "")));
  const expected = numbers.map((_, i) => old.n + 1 + i);
  assert.deepEqual(numbers, expected, "I2: turn numbers have no gaps");
  assert.equal(next.n, old.n + numbers.length, "I2: every number is a turn");
  for (const { input } of opened) {
    const { kind, n } = input as { kind: string; n: number };
    const alone = next.newer === null && next.older?.n === n;
    assert.ok(kind === "user" || alone, "I4: an agent turn opens where no turn is live");
  }
  if (old.measure === "farewell")
    assert.equal(next.measure, "farewell", "I8: a farewell is never taken back");
  for (const { event: sent } of paramsOf<Send>(actions, "send")) {
    if (sent.type === "floor.taken") assert.equal(event.type, "turn.took", "I5: only n+1 takes");
    if (sent.type === "floor.returned")
      assert.equal(event.type, "turn.yielded", "I5: only n+1 gives back");
  }
  const starts = paramsOf<{ input?: { call?: string } }>(actions, "xstate.spawnChild");
  for (const { input } of starts) {
    const tool = old.tools.find(({ call }) => call === input?.call);
    assert.ok(!tool?.write || tool.idempotent, "I3: a write is never run twice");
  }
}

function assertTrack(snapshot: Snapshot): void {
  const { sttFailures, detectorFailures } = snapshot.context as TrackContext;
  const heard = snapshot.matches({ open: { voice: "detecting" } });
  const written = snapshot.matches({ open: { words: "hearing" } });
  assert.equal("detector" in snapshot.children, heard, "I2: the detector runs where it should");
  assert.equal("stt" in snapshot.children, written, "I2: the stream runs where it should");
  if (snapshot.matches({ open: { voice: "broken" } }))
    assert.ok(detectorFailures > 0, "I2: what broke was counted");
  if (snapshot.matches({ open: { words: "broken" } }))
    assert.ok(sttFailures > 0, "I2: what broke was counted");
}

function assertTrackStep({ before, event, after, actions }: Step): void {
  const speaks = (snapshot: Snapshot) =>
    snapshot.matches({ open: { voice: { detecting: "speaking" } } });
  const sent = paramsOf<Send>(actions, "send").map((params) => params.event);
  const started = sent.filter(({ type }) => type === "user.started");
  const ended = sent.filter(({ type }) => type === "user.ended");
  const [was, is] = [speaks(before), speaks(after)];
  assert.equal(started.length, !was && is ? 1 : 0, "I1: speech that begins is told once");
  assert.equal(ended.length, was && !is ? 1 : 0, "I1: speech that ends is told once");
  const times = [...started, ...ended].flatMap(({ from, to }) => [from, to]);
  const { speakingFrom } = before.context as TrackContext;
  const given = [event["from"], event["to"], event["at"], speakingFrom, undefined];
  for (const time of times) assert.ok(given.includes(time), "I3: times are those of the inputs");
}

const RANKS = ["opening", "listening", "answering", "interrupted"];

function rankOf(snapshot: Snapshot): number {
  const rank = RANKS.findIndex((state) => snapshot.matches(state));
  return rank < 0 ? RANKS.length : rank;
}

function assertTurn(snapshot: Snapshot): void {
  const context = snapshot.context as TurnContext;
  const { voices, words, late, runs, asks, speculating, contest, reason } = context;
  const is = (value: object): boolean => snapshot.matches(value as never);
  assert.equal(is({ listening: "contested" }) && contest !== "pause", false, "I2: contested");
  if (is({ listening: "hearing" })) assert.ok(voices.length > 0, "hearing: somebody speaks");
  if (is({ listening: "ready" })) assert.ok(!context.previousDone, "ready: n is not done");
  if (is({ answering: "working" })) assert.ok(context.tools.length > 0, "working: tools run");
  const listens = snapshot.matches("listening") || snapshot.status === "done";
  assert.ok(!speculating || listens, "I5: only who listens speculates");
  if (snapshot.matches("answering")) assert.ok(asks > 0 && runs.length > 0, "I5: it has asked");
  const covers = runs.filter(({ child }) => child === "filler");
  assert.ok(runs.length - covers.length <= asks, "I5: every run was asked for");
  assert.equal(covers.length, context.fillers, "I6: every filler was counted");
  assert.ok(covers.filter(({ over }) => !over).length <= 1, "I6: one filler runs at most");
  if ("filler" in snapshot.children) assert.ok(snapshot.matches("answering"), "I6: it answers");
  assert.equal(new Set(words.map(({ ref }) => ref)).size, words.length, "words stand once");
  assert.ok(
    words.every((word, i) => i === 0 || words[i - 1]!.from <= word.from),
    "words stand in audio order",
  );
  assert.ok(!late.some((ref) => words.some((word) => word.ref === ref)), "late words stand apart");
  const failed = ["cutOff", "abandoned", "failed"].some((state) => snapshot.matches(state));
  assert.ok(!failed || reason !== "", "what ends short of an answer says why");
}

function assertTurnStep({ before, event, after, actions }: Step): void {
  const old = before.context as TurnContext;
  assert.ok(rankOf(after) >= rankOf(before), "I1: a turn goes forward only");
  const heard = ["hearing", "contested"].some((one) => before.matches({ listening: one } as never));
  if (heard && after.matches("answering"))
    assert.match(event.type, /\.listeningMax\./, "T1: who speaks is not answered");
  const sent = paramsOf<Send>(actions, "send").map((params) => params.event.type);
  const decided = sent.filter((type) => type === "turn.took" || type === "turn.yielded");
  assert.ok(decided.length <= (old.contest === "none" ? 0 : 1), "I2: it is decided once");
  if (decided.includes("turn.took"))
    assert.equal((after.context as TurnContext).contest, "none", "I2: what is taken is settled");
  const told = paramsOf<Tell>(actions, "tell").map(({ command }) => command);
  const [was, is] = [before, after].map((one) => one.matches({ answering: "paused" } as never));
  assert.equal(told.includes("pause"), !was && is, "I3: a pause is told where it begins");
  assert.ok(!told.includes("resume") || (was && !is), "I3: only what was paused goes on");
  if (event.type === "user.words") assert.ok(!told.includes("pause"), "I3: words do not pause");
  assert.ok(!told.includes("commit") || old.speculating, "I5: a speculation is let out");
  const started = paramsOf<Spawn>(actions, "xstate.spawnChild").map(({ src }) => src);
  const starts = started.filter((src) => src === "reply").length;
  const stopped = paramsOf<{ id: string } | undefined>(actions, "xstate.stopChild");
  const stops = stopped.filter((params) => params?.id === "reply").length;
  assert.ok(starts <= 1, "I5: one reply at most");
  if (started.includes("filler"))
    assert.ok(old.saying === null && after.matches("answering"), "I6: it covers a wait");
  const replaced = stops > 0 || event.type === "reply.ended";
  assert.ok(starts === 0 || !old.speculating || replaced, "I5: no second reply beside another");
}

interface Spawn {
  readonly src: string;
}

function paramsOf<T>(actions: readonly ExecutableActionObject[], type: string): readonly T[] {
  return actions.filter((action) => action.type === type).map(({ params }) => params as T);
}
