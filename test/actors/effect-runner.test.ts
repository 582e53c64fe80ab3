import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { EffectRunner } from "../../src/actors/effect-runner.ts";
import type { EffectEntry, Plan } from "../../src/actors/effect-table.ts";
import type { Runner } from "../../src/actors/effect.ts";
import type { StoredInput } from "../../src/events/record.ts";
import type { TellCommand } from "../../src/machines/host-actions.ts";
import { ANSWER, Stage } from "./support/stage.ts";
import { openSlow, type Pace } from "./support/slow-log.ts";

/** When effects run: what takes away at once, what adds when the log has it (E5). */
const ENTRY: EffectEntry = {
  id: "1.0.reply",
  actor: "turn.1",
  child: "reply",
  src: "reply",
  input: null,
  phase: "open",
  seq: 1,
};
const NONE: Plan = { start: [], stop: [], tell: [], changes: [] };

class Bench {
  readonly told: TellCommand[] = [];
  readonly offered: StoredInput[] = [];
  readonly warned: unknown[] = [];
  started = 0;
  end: () => void = () => undefined;
  break: (error: unknown) => void = () => undefined;
  readonly #reply: Runner = {
    run: (effect) => {
      this.started++;
      effect.onTell((command) => this.told.push(command));
      return new Promise((resolve, reject) => {
        this.end = () => resolve({});
        this.break = reject;
      });
    },
  };
  readonly runner = new EffectRunner({
    runners: { reply: this.#reply },
    call: () => ({}) as never,
    offer: ({ input }) => {
      this.offered.push(input);
      return new Promise(() => undefined);
    },
    live: () => undefined,
    warn: (...warning) => this.warned.push(warning),
  });

  start(): void {
    this.runner.take({ ...NONE, start: [ENTRY] }, 1);
  }

  tell(command: TellCommand, seq: number): void {
    this.#take({ ...NONE, tell: [{ id: ENTRY.id, command }] }, seq);
  }

  stop(seq: number): void {
    this.#take({ ...NONE, stop: [ENTRY.id] }, seq);
  }

  /** As the host has it: what takes away first, the rest once the record is made. */
  #take(plan: Plan, seq: number): void {
    this.runner.takeAway(plan);
    this.runner.take(plan, seq);
  }

  async acked(seq: number): Promise<void> {
    this.runner.acked(seq);
    await new Promise((resolve) => setImmediate(resolve));
  }

  get ends(): readonly unknown[] {
    return this.offered.map((input) => [input["effect"], input["how"]]);
  }
}

suite("an effect", () => {
  test("that fails has its code in the log, and its cause on the logger", async () => {
    const bench = new Bench();
    bench.start();
    await bench.acked(1);
    bench.break(new Error(`no key${"!".repeat(1_000)}`));
    await bench.acked(1);
    assert.deepEqual(bench.offered, [
      { type: "effect.ended", effect: ENTRY.id, how: "failed", error: "provider.failed" },
    ]);
    const cause = `no key${"!".repeat(494)}`;
    const fields = { effect: ENTRY.id, actor: "turn.1", code: "provider.failed", cause };
    assert.deepEqual(bench.warned, [["an effect failed", fields]]);
  });

  test("that was stopped warns of nothing", async () => {
    const bench = new Bench();
    bench.start();
    await bench.acked(1);
    bench.stop(2);
    bench.break(new Error("aborted"));
    await bench.acked(2);
    assert.deepEqual([bench.ends, bench.warned], [[[ENTRY.id, "stopped"]], []]);
  });

  test("starts when the record that asked for it is in the log", async () => {
    const bench = new Bench();
    bench.start();
    await bench.acked(0);
    assert.equal(bench.started, 0);
    await bench.acked(1);
    assert.equal(bench.started, 1);
    bench.end();
    await bench.acked(1);
    assert.deepEqual(bench.ends, [["1.0.reply", "done"]]);
  });

  test("stopped before that, it never starts and ends once", async () => {
    const bench = new Bench();
    bench.start();
    bench.stop(2);
    assert.deepEqual(bench.ends, [["1.0.reply", "never-started"]]);
    await bench.acked(2);
    assert.deepEqual([bench.started, bench.offered.length], [0, 1]);
  });

  test("told pause, resume, pause before it starts, it begins held", async () => {
    const bench = new Bench();
    bench.start();
    for (const [i, command] of (["pause", "resume", "pause"] as const).entries())
      bench.tell(command, i + 2);
    await bench.acked(4);
    assert.equal(bench.started, 1);
    assert.equal(bench.told.at(-1), "pause");
    assert.ok(!bench.told.includes("resume"), "the resume was taken back by the second pause");
    bench.tell("resume", 5);
    assert.equal(bench.told.at(-1), "pause");
    await bench.acked(5);
    assert.equal(bench.told.at(-1), "resume");
  });

  test("a pause is told at once, a resume when it is in the log", async () => {
    const bench = new Bench();
    bench.start();
    await bench.acked(1);
    bench.tell("pause", 2);
    bench.tell("resume", 3);
    assert.deepEqual(bench.told, ["pause"]);
    await bench.acked(2);
    assert.deepEqual(bench.told, ["pause"]);
    await bench.acked(3);
    assert.deepEqual(bench.told, ["pause", "resume"]);
  });

  test("what takes away is told before the step has a record, and once", async () => {
    const bench = new Bench();
    bench.start();
    await bench.acked(1);
    const plan: Plan = { ...NONE, tell: [{ id: ENTRY.id, command: "pause" }] };
    bench.runner.takeAway(plan);
    assert.deepEqual(bench.told, ["pause"]);
    bench.runner.take(plan, 2);
    await bench.acked(2);
    assert.deepEqual(bench.told, ["pause"]);
    await using stage = await Stage.open();
    const { fold } = stage.simulation.host;
    const before = fold.tail;
    const seen: unknown[] = [];
    const onPlan = (): void => void seen.push(fold.tail);
    fold.step({ type: "host.failed", failures: 3 }, { at: 0, cause: null, onPlan });
    assert.deepEqual(seen, [before]);
  });

  test("stopped with a resume under way, it is told nothing more", async () => {
    const bench = new Bench();
    bench.start();
    await bench.acked(1);
    bench.tell("pause", 2);
    bench.tell("resume", 3);
    bench.stop(4);
    await bench.acked(4);
    assert.deepEqual(bench.told, ["pause"]);
    bench.end();
    await bench.acked(4);
    assert.deepEqual(bench.ends, [["1.0.reply", "stopped"]]);
  });

  test("without a runner it ends as failed", async () => {
    const bench = new Bench();
    bench.runner.take({ ...NONE, start: [{ ...ENTRY, src: "screen" }] }, 1);
    await bench.acked(1);
    assert.deepEqual([bench.ends, bench.offered[0]?.["error"]], [[["1.0.reply", "failed"]], "bug"]);
  });
});

suite("a call over a slow log", () => {
  async function open(pace: Pace): Promise<Stage> {
    return Stage.open({ broker: (clock) => Promise.resolve(openSlow(clock, pace)) });
  }

  test("no sentence is heard before it is in the log", async () => {
    const pace = { ackAfterMs: 0 };
    await using stage = await open(pace);
    const { simulation } = stage;
    const logged: number[] = [];
    simulation.supervisor.onRecord((_, { input }) => {
      const event = input["event"] as { type: string } | undefined;
      if (event?.type === "reply.segment") logged.push(simulation.clock.now());
    });
    pace.ackAfterMs = 700;
    await stage.say(0, "What are your opening hours?", { ms: 1_000 });
    await stage.until(9_000);
    const first = simulation.room.agentSound.find(({ at }) => at > stage.startedAt);
    assert.ok(logged[0]! > stage.startedAt + 1_600 + 500);
    assert.equal(first?.at, logged[0]! + 100);
    pace.ackAfterMs = 0;
    await stage.close();
    assert.equal(stage.turns[1]?.heardText, ANSWER);
  });

  test("silence does not wait for the log", async () => {
    const pace = { ackAfterMs: 0 };
    await using stage = await open(pace);
    await stage.say(0, "What are your opening hours?", { ms: 1_000 });
    await stage.until(3_900);
    pace.ackAfterMs = 2_000;
    await stage.say(4_000, "No, I mean Sunday.", { ms: 900 });
    await stage.until(4_100);
    const { agentSound } = stage.simulation.room;
    const last = agentSound.at(-1)!;
    assert.equal(Math.round(last.at + last.ms - stage.startedAt), 4_064);
    pace.ackAfterMs = 0;
    await stage.close();
  });

  test("what is stopped before its record is in the log is never said", async () => {
    const pace = { ackAfterMs: 0 };
    await using stage = await open(pace);
    const { host } = stage.simulation;
    pace.ackAfterMs = 1_000;
    const text = "We close now.";
    const say = { name: "say", ref: "n.1", chars: text.length, now: false } as const;
    void host.command(say, "test", text);
    await stage.until(300);
    void host.command({ name: "interrupt", force: true }, "test");
    await stage.until(6_000);
    pace.ackAfterMs = 0;
    await stage.close();
    const sounds = stage.simulation.room.agentSound.filter(({ at }) => at > stage.startedAt);
    assert.deepEqual(sounds, []);
    assert.deepEqual([stage.turns[1]?.status, stage.turns[1]?.heardText], ["abandoned", ""]);
    const ends = (await stage.log()).filter(({ input }) => input["how"] === "never-started");
    assert.equal(ends.length, 1);
  });
});
