import assert from "node:assert/strict";
import { test } from "node:test";
import { Explainer } from "../../src/actors/explain.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { Timeline } from "../../src/folds/timeline.ts";
import type { Explained } from "../../src/folds/timeline-words.ts";
import { DECISIONS, MACHINES } from "../../src/machines/machines.ts";
import { readGoldenCall } from "../machines/golden.ts";

/** Why a call went as it went, told from its log alone (T22). */
const CALL = readGoldenCall("calls/room-1-track-1-turn-1.jsonl");

function explained(records: readonly LogRecord[]): readonly (readonly Explained[])[] {
  const explainer = new Explainer(MACHINES, DECISIONS);
  return records.map((record) => explainer.apply(record));
}

const all = explained(CALL);

/** What was decided by the first record of turn 2 that is of this type. */
function onTurn2(type: string): readonly Explained[] {
  const at = CALL.findIndex(
    ({ input, outcome }) =>
      "turn.2" in outcome.state &&
      ((input["event"] as { type?: string } | undefined)?.type ?? input.type) === type,
  );
  assert.ok(at >= 0, `no ${type} moves turn 2`);
  return all[at]!;
}

function named(decided: readonly Explained[], name: string): Explained {
  const found = decided.find((one) => one.name === name && one.actor === "turn.2");
  assert.ok(found, `${name} was not asked`);
  return found;
}

test("a delay says what it was made of", () => {
  const { gave, because } = named(onTurn2("vad.ended"), "endOfTurn");
  assert.equal(gave, 650);
  assert.deepEqual(because, ["the words sound unclear: 900, less 250 of silence"]);
});

test("a guard that says no names all it compared, and which of it failed", () => {
  const { gave, because, failed } = named(onTurn2("vad.ended"), "maySpeculate");
  assert.equal(gave, false);
  assert.deepEqual(failed, ["all speech is written down: no, not yes"]);
  assert.ok(because.includes("ms of speech 1250 <= 10000: yes"), because.join("; "));
});

test("a guard that says yes does, too", () => {
  const { gave, because, failed } = named(onTurn2("timer.fired"), "mayAnswerSettled");
  assert.equal(gave, true);
  assert.deepEqual(failed, []);
  assert.deepEqual(because, [
    "the turn before is over: yes",
    "all speech is written down: yes",
    "words 5 > 0: yes",
  ]);
});

test("no choice of a whole call is without its operands", () => {
  const decided = all.flat();
  assert.ok(decided.length > CALL.length, `${decided.length} in ${CALL.length} records`);
  assert.deepEqual(
    decided.filter(({ because }) => because.length === 0 || because.some((one) => one === "")),
    [],
  );
  assert.deepEqual(new Set(decided.map(({ actor }) => actor.split(".")[0])), KINDS);
});
const KINDS = new Set(["room", "track", "turn"]);

test("in a timeline a no shows what failed, and what comes many times a second is left out", () => {
  const timeline = new Timeline();
  const lines = CALL.flatMap((record, i) => {
    timeline.apply(record);
    return timeline.explain(record, all[i]!);
  });
  const texts = lines.filter(({ turn }) => turn === 2).map(({ text }) => text);
  assert.ok(texts.includes("maySpeculate: no (all speech is written down: no, not yes)"));
  const stalls = texts.filter((text) => text.startsWith("stall"));
  assert.ok(stalls.length < 6, `${stalls.length} times the stall timer`);
  assert.ok(lines.every(({ kind }) => kind === "choice"));
});
