import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogRecord } from "../../src/events/record.ts";
import { Timeline } from "../../src/folds/timeline.ts";
import { changeText, leavesOf } from "../../src/folds/timeline-words.ts";
import { turnSummaries, type TurnSummary } from "../../src/folds/turns.ts";
import { Simulation } from "../../src/testing/simulation.ts";

const ANSWER = "We open at nine in the morning. We close at six.";

test("a spoken turn has all latencies, measured from the last speech sample", async () => {
  const [turn] = await turnsOf(async (simulation) => {
    simulation.enter("ann");
    simulation.say("What are your opening hours?", { ms: 2_000, finalAfterMs: 350 });
    await simulation.run(1_000);
    await simulation.quiet();
  });
  assert.deepEqual(turn, {
    n: 1,
    status: "completed",
    userText: "What are your opening hours?",
    agentText: ANSWER,
    heardText: ANSWER,
    // The scripted model takes 300 ms from the final at 350; the voice 100 more.
    latencyMs: { endOfTurn: 500, llmTtft: 300, ttsTtfb: 100, e2e: 750 },
  });
});

test("a pause in the answer does not move its first sound", async () => {
  const [, turn] = await turnsOf(async (simulation) => {
    simulation.enter("ann");
    // Only an agent that has spoken a while is paused: before, it might be its own echo.
    simulation.say("What are your opening hours?");
    await simulation.until(8_000);
    simulation.say("What are your opening hours?");
    await simulation.run(4_000);
    simulation.say("mhm", { ms: 400 });
    await simulation.run(1_000);
    assert.ok(
      simulation.records.some(({ outcome }) => {
        const state = outcome.state["turn.2"] as { answering?: string } | undefined;
        return state?.answering === "paused";
      }),
    );
    await simulation.quiet();
  });
  assert.deepEqual([turn?.status, turn?.heardText], ["completed", ANSWER]);
  assert.equal(turn?.latencyMs.e2e, 700);
});

test("latencies that do not apply are null", async () => {
  const [greeting, typed] = await turnsOf(
    async (simulation) => {
      simulation.enter("ann");
      await simulation.quiet();
      simulation.room.type("ann", "a table please");
      await simulation.quiet();
    },
    { greeting: "Hello." },
  );
  assert.deepEqual(greeting?.latencyMs, {
    endOfTurn: null,
    llmTtft: null,
    ttsTtfb: 100,
    e2e: null,
  });
  assert.deepEqual([greeting?.userText, greeting?.agentText], ["", "Hello."]);
  assert.deepEqual(typed?.latencyMs, { endOfTurn: null, llmTtft: 300, ttsTtfb: 100, e2e: null });
  assert.equal(typed?.userText, "a table please");
});

test("of a cut answer only what was heard counts as heard", async () => {
  const [cut, next] = await turnsOf(async (simulation) => {
    simulation.enter("ann");
    simulation.say("What are your opening hours?");
    await simulation.until(4_000);
    simulation.say("No wait, I mean the address.");
    await simulation.quiet();
  });
  assert.deepEqual([cut?.status, cut?.agentText], ["cutOff", ANSWER]);
  assert.ok(ANSWER.startsWith(cut!.heardText) && cut!.heardText.length > 10, cut!.heardText);
  assert.ok(cut!.heardText.length < ANSWER.length);
  // What was said over the answer is the question of the next turn.
  assert.equal(next?.userText, "No wait, I mean the address.");
  assert.equal(next?.latencyMs.llmTtft, 300);
});

test("a turn whose log ends before it does is live, with the words so far", async () => {
  const [turn] = await turnsOf(async (simulation) => {
    simulation.enter("ann");
    simulation.say("What are your opening hours?");
    await simulation.run(1_600);
  });
  assert.deepEqual([turn?.status, turn?.userText], ["live", "What are your opening hours?"]);
  assert.deepEqual([turn?.agentText, turn?.latencyMs.e2e], ["", null]);
});

test("erased text leaves empty texts and the same latencies", async () => {
  const records: LogRecord[] = [];
  const [turn] = await turnsOf(async (simulation) => {
    simulation.enter("ann");
    simulation.say("What are your opening hours?");
    await simulation.run(1_000);
    await simulation.quiet();
    records.push(...simulation.records.map(({ text: _, ...record }) => record));
  });
  const [erased] = turnSummaries(records);
  assert.deepEqual(erased, { ...turn, userText: "", agentText: "", heardText: "" });
  const said = new Timeline();
  const texts = records.flatMap((record) => said.apply(record)).map(({ text }) => text);
  assert.ok(texts.includes("ann: (erased)"));
});

test("a timeline names people, states, effects and what was ignored", async () => {
  await using simulation = await open();
  simulation.room.enter("ann", { name: "Ann Miller" });
  simulation.say("What are your opening hours?");
  await simulation.run(1_000);
  await simulation.quiet();
  await simulation.takeover();
  const timeline = new Timeline();
  const entries = simulation.records.flatMap((record) => timeline.apply(record));
  const texts = entries.map(({ text }) => text);
  for (const text of [
    "Ann Miller has joined",
    "Ann Miller begins to speak",
    "Ann Miller: What are your opening hours?",
    "turn.1 opens: listening.hearing",
    "turn.1: listening.waiting → answering.thinking",
    "track.TR_ann: open.voice.detecting.silent → open.voice.detecting.speaking",
    "the agent's sound begins",
    `agent: ${ANSWER}`,
    "turn 1 completed: endOfTurn 500 ms, llmTtft 300 ms, ttsTtfb 100 ms, e2e 700 ms",
    "w2 owns the call: takeover, epoch 2",
    "detector ended: lost",
  ])
    assert.ok(texts.includes(text), `${text}\n${texts.join("\n")}`);
  assert.equal(texts.filter((text) => text === "the agent's sound begins").length, 1);
  assert.deepEqual(
    texts.filter((text) => text !== text.trim() || text === ""),
    [],
    "a state that stays is no entry",
  );
  const user = entries.find(({ kind }) => kind === "user");
  assert.deepEqual([user?.turn, user?.actor, user?.ignored], [1, "track.TR_ann", false]);
  assert.equal(user?.ms, user!.at - simulation.startedAt);
  const ignored = entries.filter((entry) => entry.ignored);
  assert.ok(ignored.length > 0);
  assert.ok(ignored.every(({ text }) => text.includes("(ignored: ")));
});

test("a failed step is told, whatever its input was", () => {
  const record = {
    v: 1,
    seq: 1,
    at: 5,
    epoch: 1,
    actor: "turn.3",
    input: { type: "timer.fired", timer: "turn.3/stall.turn.answering.speaking", arm: "1.0" },
    cause: null,
    outcome: {
      state: {},
      emitted: [],
      effects: [],
      failed: { actor: "turn.3", code: "machine.threw" },
    },
    hash: "",
  } satisfies LogRecord;
  const entries = new Timeline().apply(record);
  assert.deepEqual(
    entries.map(({ kind, text, turn }) => [kind, text, turn]),
    [
      ["timer", "timer stall fired", 3],
      ["failure", "the step failed in turn.3: machine.threw", 3],
    ],
  );
});

test("state changes name the leaves that changed", () => {
  assert.deepEqual(leavesOf("closed"), ["closed"]);
  assert.deepEqual(leavesOf({ open: { voice: "silent", words: { up: "yes" } } }), [
    "open.voice.silent",
    "open.words.up.yes",
  ]);
  assert.equal(changeText(["a.b", "a.c"], ["a.b", "a.d"]), "a.c → a.d");
  assert.equal(changeText(["a"], ["a"]), "");
  assert.equal(changeText([], ["a"]), "a");
});

function open(texts: Readonly<Record<string, string>> = {}): Promise<Simulation> {
  return Simulation.open({ answer: () => ({ text: ANSWER }), texts });
}

async function turnsOf(
  play: (simulation: Simulation) => Promise<void>,
  texts: Readonly<Record<string, string>> = {},
): Promise<readonly TurnSummary[]> {
  await using simulation = await open(texts);
  await play(simulation);
  return turnSummaries(simulation.records);
}
