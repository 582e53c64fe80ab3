import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { seededIds } from "../../src/base/id.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { CommandAnswer, type CallState, type CommandDone } from "../../src/events/fleet.events.ts";
import type { Json } from "../../src/events/record.ts";
import { CallCommands } from "../../src/fleet/commands.ts";
import type { SimulationOptions } from "../../src/testing/simulation.ts";
import { openSlow, type Pace } from "../actors/support/slow-log.ts";
import { ANSWER, GREETING, Stage } from "../actors/support/stage.ts";

/** What may be told to a running call over the bus; calls are on virtual time. */
const QUESTION = "What are your opening hours?";
const NOTICE = "We close in ten minutes.";

interface Bench extends AsyncDisposable {
  readonly stage: Stage;
  readonly commands: CallCommands;
  /** The answer to a request as any client sends it. */
  readonly ask: (request: Json, target?: string) => Promise<CommandAnswer>;
  /** The answer to one that is carried out. */
  readonly tell: (request: Json) => Promise<CommandDone>;
}

async function open(options: SimulationOptions = {}): Promise<Bench> {
  const stage = await Stage.open(options);
  const { broker, supervisor, host } = stage.simulation;
  const commands = commandsOf(stage, "w1");
  commands.attach(supervisor);
  const ask = async (request: Json, target = host.ref.call): Promise<CommandAnswer> => {
    const subject = `turnfold.commands.acme.${target}`;
    return CommandAnswer.parse(await broker.bus.request(subject, request, 1_000));
  };
  const tell = async (request: Json): Promise<CommandDone> => {
    const answer = await ask(request);
    assert.ok(answer.ok, JSON.stringify(answer));
    return answer;
  };
  return { stage, commands, ask, tell, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() };
}

function commandsOf({ simulation: { broker } }: Stage, worker: string): CallCommands {
  return new CallCommands({ broker, ids: seededIds(7), logger: silentLogger, worker });
}

function didOf({ changed, did, turn }: CommandDone): readonly unknown[] {
  return [changed, did, turn];
}

async function stateOf(bench: Bench): Promise<CallState> {
  return (await bench.tell({ name: "state" })).state!;
}

suite("commands over the bus", () => {
  test("say: what is to be said is said, in a turn of its own, and stands in the log", async () => {
    await using bench = await open();
    const { stage, tell } = bench;
    await stage.until(1_000);
    const done = await tell({ name: "say", text: NOTICE, by: "ann's desk" });
    assert.deepEqual(didOf(done), [true, "says it in turn 2", 2]);
    await stage.close();
    const record = (await stage.log())[done.seq - 1]!;
    assert.equal(record.input["by"], "ann's desk");
    assert.equal(record.text?.value, NOTICE);
    assert.equal(stage.turns[1]?.heardText, NOTICE);
  });

  test("say: behind an answer, instead of it, and for who is muted", async () => {
    await using bench = await open();
    const { stage, tell } = bench;
    await stage.say(0, QUESTION, { ms: 1_000 });
    await stage.until(4_000);
    const kept = await tell({ name: "say", text: NOTICE });
    assert.deepEqual(didOf(kept), [true, "kept until turn 2 is over", null]);
    const now = await tell({ name: "say", text: "Fire!", now: true });
    assert.deepEqual(didOf(now), [true, "says it next, cut turn 2", 2]);
    await stage.until(10_000);
    await tell({ name: "mute" });
    const muted = await tell({ name: "say", text: NOTICE });
    assert.deepEqual(didOf(muted), [true, "kept until unmuted", null]);
    await stage.close();
    assert.deepEqual(stage.turns.map(({ heardText }) => heardText).slice(2), [NOTICE, "Fire!"]);
  });

  test("interrupt: cuts the answer, and tells where there is nothing to cut", async () => {
    await using bench = await open();
    const { stage, tell } = bench;
    await stage.until(1_000);
    const none = await tell({ name: "interrupt" });
    assert.deepEqual(didOf(none), [false, "nothing: no answer is being given", null]);
    await stage.say(1_000, QUESTION, { ms: 1_000 });
    await stage.until(5_000);
    assert.deepEqual(didOf(await tell({ name: "interrupt" })), [true, "cut turn 2", 2]);
    await stage.close();
    assert.equal(stage.turns[1]?.status, "cutOff");
  });

  test("interrupt: what is to be heard out is cut by force alone", async () => {
    await using bench = await open();
    const { stage, tell } = bench;
    await stage.until(1_000);
    await tell({ name: "say", text: ANSWER, interruptible: false });
    await stage.until(2_000);
    const kept = await tell({ name: "interrupt" });
    assert.deepEqual(didOf(kept), [false, "nothing: turn 2 is to be heard out: give force", null]);
    const cut = await tell({ name: "interrupt", force: true });
    assert.deepEqual(didOf(cut), [true, "cut turn 2", 2]);
    await stage.close();
  });

  test("mute and unmute: each does its work once", async () => {
    await using bench = await open();
    const { stage, tell } = bench;
    await stage.say(0, QUESTION, { ms: 1_000 });
    await stage.until(4_000);
    assert.deepEqual(didOf(await tell({ name: "mute" })), [true, "muted, cut turn 2", 2]);
    assert.deepEqual(didOf(await tell({ name: "mute" })), [
      false,
      "nothing: it is muted already",
      null,
    ]);
    assert.deepEqual(didOf(await tell({ name: "unmute" })), [true, "unmuted", null]);
    assert.deepEqual(didOf(await tell({ name: "unmute" })), [
      false,
      "nothing: it is not muted",
      null,
    ]);
    await stage.close();
  });

  test("instruct: the model of the next answer has it", async () => {
    await using bench = await open();
    const { stage, tell } = bench;
    await stage.until(500);
    const done = await tell({ name: "instruct", text: "Speak of nothing but fish." });
    assert.deepEqual(didOf(done), [true, "kept for the answers to come", null]);
    await stage.say(1_000, QUESTION, { ms: 1_000 });
    await stage.close();
    assert.ok(stage.asked(0).includes("system: Speak of nothing but fish."));
  });

  test("set: from now on, in the units of the settings, and only what is another", async () => {
    await using bench = await open();
    const { stage, tell } = bench;
    await stage.until(500);
    const settings = { endpointing: { minDelay: 700, endpointer: "silence" } };
    const done = await tell({ name: "set", settings });
    const what = "set endpointing.endpointer=silence, endpointing.minDelay=700";
    assert.deepEqual(didOf(done), [true, what, null]);
    assert.equal(stage.simulation.host.fold.settings.endpointing.minDelay, 700);
    const again = await tell({ name: "set", settings });
    assert.deepEqual(didOf(again), [false, "nothing: they are so already", null]);
    await stage.close();
  });

  test("end: with its reason, once, and then nobody answers", async () => {
    await using bench = await open();
    const { stage, tell, commands } = bench;
    await stage.until(1_000);
    const done = await tell({ name: "end", reason: "shop closed" });
    assert.deepEqual(didOf(done), [true, "the call ends (shop closed)", null]);
    const second = await tell({ name: "end" });
    assert.deepEqual(didOf(second), [false, "nothing: the call is ending (shop closed)", null]);
    const late = await tell({ name: "say", text: NOTICE });
    assert.deepEqual(didOf(late), [false, "nothing: the call is ending", null]);
    await stage.close();
    await assert.rejects(tell({ name: "mute" }), { code: "bus.noResponder" });
    const here = commands.tell({ target: "c-simulated" }, { name: "mute" });
    await assert.rejects(here, { code: "call.closed", message: "call c-simulated has ended" });
    const gone = commands.tell({ target: "front desk" }, { name: "mute" });
    await assert.rejects(gone, { code: "call.notFound" });
  });

  test("a command between the last step of a call and its record is told so", async () => {
    const pace: Pace = { ackAfterMs: 0 };
    await using bench = await open({ broker: async (clock) => openSlow(clock, pace) });
    const { stage, ask } = bench;
    const { host, clock } = stage.simulation;
    await stage.until(1_000);
    pace.ackAfterMs = 50;
    void host.command({ name: "end", reason: "done" }, "test");
    await clock.run(clock.now() + 60_000, () => host.fold.closed);
    const answer = await ask({ name: "mute" });
    assert.deepEqual(!answer.ok && answer.code, "call.closed");
    await stage.simulation.run(1_000);
  });

  test("the room's name stands for the call, in any letters", async () => {
    await using bench = await open();
    const { commands, ask } = bench;
    const answer = await ask({ name: "mute" }, "front=20desk");
    assert.ok(answer.ok && answer.call === "c-simulated" && answer.tenant === "acme");
    const named = await commands.tell({ target: "front desk" }, { name: "unmute" });
    assert.equal(named.did, "unmuted");
    const other = commands.tell({ target: "front desk", tenant: "other" }, { name: "mute" });
    await assert.rejects(other, { code: "call.notFound" });
  });
});

const BAD: readonly (readonly [Json, RegExp])[] = [
  [null, /^command: there is no name; give .* say, interrupt, mute, unmute, instruct, end, state/],
  ["say", /^command: there is no name/],
  [{ name: "shout", text: "x" }, /^command: there is no "shout"; give .* with one of say/],
  [{ name: "say" }, /^say: text: is missing; it takes text, now\?, interruptible\?, by\?$/],
  [{ name: "say", text: "  " }, /^say: text: /],
  [{ name: "say", text: "x".repeat(4_001) }, /^say: text: .*4000/],
  [{ name: "say", text: "x", now: "yes" }, /^say: now: /],
  [{ name: "interrupt", forced: true }, /^interrupt: .*"forced"; it takes force\?, by\?$/],
  [{ name: "end", reason: 5 }, /^end: reason: /],
  [{ name: "mute", by: "" }, /^mute: by: /],
  [{ name: "set", settings: { endpointing: 5 } }, /^set: settings\.endpointing: /],
  [{ name: "set", settings: { endpointing: { minDelay: "500ms" } } }, /endpointing\.minDelay/],
  [{ name: "set", settings: { nothing: { at: 1 } } }, /"nothing"/],
  [{ name: "set", settings: { heard: { note: "none" } } }, /heard is fixed/],
];

suite("commands that are wrong", () => {
  for (const [request, message] of BAD)
    test(JSON.stringify(request).slice(0, 60), async () => {
      await using bench = await open();
      const { seq } = bench.stage.simulation.host.fold.tail;
      const answer = await bench.ask(request);
      assert.ok(!answer.ok);
      assert.match(answer.code, /^(input|config)\.invalid$/);
      assert.match(answer.message, message);
      assert.equal(bench.stage.simulation.host.fold.tail.seq, seq, "nothing is in the log");
    });
});

suite("the state of a call", () => {
  test("who is there, what was said, what is live", async () => {
    await using bench = await open();
    const { stage } = bench;
    await stage.say(0, QUESTION, { ms: 1_000 });
    await stage.until(4_000);
    const done = await bench.tell({ name: "state" });
    const { actors, lastWords, ...state } = done.state!;
    assert.equal(done.seq, stage.simulation.host.fold.tail.seq);
    assert.deepEqual(state, {
      room: "front desk",
      worker: "w1",
      epoch: 1,
      since: stage.simulation.startedAt,
      agent: "simulated",
      present: [{ identity: "ann", name: "ann" }],
      turn: { n: 2, phase: "speaking" },
      muted: false,
      queued: 0,
      tools: [],
    });
    assert.equal(lastWords.user, QUESTION);
    assert.ok(ANSWER.startsWith(lastWords.agent) && lastWords.agent.length > 10, lastWords.agent);
    const room = actors.find(({ actor }) => actor === "room");
    assert.deepEqual(room?.state, { present: { live: "engaged" } });
    assert.ok(actors.some(({ actor }) => actor === "turn.2"));
    assert.ok(actors.some(({ actor }) => actor.startsWith("track.")));
    await stage.close();
  });

  test("before anybody has spoken, and after who spoke has left", async () => {
    await using bench = await open();
    const { stage } = bench;
    assert.equal((await stateOf(bench)).turn, null);
    assert.deepEqual((await stateOf(bench)).lastWords, { user: "", agent: GREETING });
    stage.simulation.room.type("ann", "Where can I park?");
    await stage.simulation.quiet();
    assert.equal((await stateOf(bench)).lastWords.user, "Where can I park?");
    stage.simulation.room.leave("ann");
    await stage.simulation.run(100);
    assert.deepEqual((await stateOf(bench)).present, []);
  });

  test("an owner whose call was taken is silent, and the new one answers", async () => {
    await using bench = await open();
    const { stage } = bench;
    await stage.until(500);
    const { simulation } = stage;
    await simulation.takeover("takeover", "lives");
    commandsOf(stage, "w2").attach(simulation.supervisor);
    const state = await stateOf(bench);
    assert.deepEqual([state.worker, state.epoch], ["w2", 2]);
    const done = await bench.tell({ name: "mute" });
    assert.equal(done.did, "muted");
    assert.equal((await stage.log())[done.seq - 1]?.epoch, 2);
    // The old owner has learnt of it by its own try.
    assert.equal((await stateOf(bench)).worker, "w2");
    await stage.close();
  });
});
