import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { sleep, type Clock } from "../../src/base/clock.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { Timeline } from "../../src/folds/timeline.ts";
import { usageOf } from "../../src/folds/usage.ts";
import type { Llm } from "../../src/providers/llm.port.ts";
import type { SimulationOptions } from "../../src/testing/simulation.ts";
import { openAway, type Reach } from "./support/away-log.ts";
import { openSlow, type Pace } from "./support/slow-log.ts";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

/** What a caller hears while the log cannot be reached, and after it (L7). */
const QUESTION = "What are your opening hours?";
const OUTAGE = "One moment, please.";
const texts = { greeting: GREETING, farewell: "Goodbye then.", outage: OUTAGE };

interface Away extends AsyncDisposable {
  readonly stage: Stage;
  /** The log is away from this time on. */
  from(ms: number): Promise<void>;
  /** It is there again from this time on. */
  to(ms: number): Promise<void>;
  /** Stretches of the agent's sound, as `[from, to]`. */
  heard(): readonly (readonly [number, number])[];
  spoken(): readonly LogRecord[];
}

async function openStage(more: SimulationOptions = {}): Promise<Away> {
  const reach: Reach = { away: false };
  const broker = (clock: Parameters<NonNullable<SimulationOptions["broker"]>>[0]) =>
    Promise.resolve(openAway(clock, reach));
  const stage = await Stage.open({ texts, broker, ...more });
  return {
    stage,
    from: (ms) => stage.until(ms).then(() => void (reach.away = true)),
    to: (ms) => stage.until(ms).then(() => void (reach.away = false)),
    heard: () => stretches(stage),
    spoken: () => stage.simulation.records.filter(({ input }) => input.type === "outage.spoken"),
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

function stretches({ simulation, startedAt }: Stage): readonly (readonly [number, number])[] {
  const out: [number, number][] = [];
  for (const { at, ms } of simulation.room.agentSound) {
    const from = at - startedAt;
    if (from < 0) continue;
    const last = out.at(-1);
    if (last && from - last[1] < 20) last[1] = from + ms;
    else out.push([from, from + ms]);
  }
  return out.map(([from, to]) => [Math.round(from), Math.round(to)] as const);
}

suite("a log that is away", () => {
  test("for 0.6 s, as a server restarts: nothing is heard of it", async () => {
    await using away = await openStage();
    const { stage } = away;
    await stage.say(0, QUESTION, { ms: 1_000 });
    await away.from(1_000);
    await away.to(1_600);
    await stage.until(12_000);
    assert.equal(away.heard().length, 1);
    await stage.close();
    assert.deepEqual(away.spoken(), []);
    assert.equal(stage.turns[1]?.heardText, ANSWER);
  });

  test("for 3 s: one moment, once, and then the answer", async () => {
    await using away = await openStage();
    const { stage } = away;
    await stage.say(0, QUESTION, { ms: 1_000 });
    await away.from(1_100);
    await away.to(4_100);
    await stage.until(12_000);
    await stage.say(14_000, "And where can I park?", { ms: 1_000 });
    await stage.close();
    const [words, answer] = away.heard();
    // The first word to the log without an answer is that the caller has finished, at 1250.
    assert.deepEqual(words, [2_850, 4_050]);
    assert.ok(answer![0] > 4_100 && answer![1] - answer![0] === 6_000, String(answer));
    const [record, ...others] = away.spoken();
    assert.equal(others.length, 0);
    const { at, usage, ...said } = record!.input as unknown as { at: number; usage: unknown };
    assert.deepEqual(said, { type: "outage.spoken", ref: "outage", ms: 1_200, words: 3 });
    assert.equal(at - stage.startedAt, 2_850);
    assert.equal(record!.outcome.ignored, "bookkeeping");
    assert.deepEqual((usage as { quantity: number }[])[0]?.quantity, OUTAGE.length);
    // The model is told what was heard, where it was heard.
    assert.equal(stage.turns[1]?.heardText, `${OUTAGE} ${ANSWER}`);
    assert.deepEqual(stage.asked(1).slice(-3), [
      `assistant: ${OUTAGE}`,
      `assistant: ${ANSWER}`,
      "user: And where can I park?",
    ]);
    const { records } = stage.simulation;
    const timeline = new Timeline();
    const lines = records.flatMap((one) => timeline.apply(one)).map(({ text }) => text);
    assert.ok(lines.includes(`the log did not answer; the agent says: ${OUTAGE} (1200 ms)`));
    const count = (all: readonly LogRecord[]): number =>
      usageOf(all).find(({ service }) => service === "tts")!.quantity;
    const rest = records.filter(({ input }) => input.type !== "outage.spoken");
    assert.equal(count(records) - count(rest), OUTAGE.length);
  });

  test("for 20 s: farewell, and this owner leaves; another goes on with the call", async () => {
    await using away = await openStage();
    const { stage } = away;
    const { simulation } = stage;
    await stage.say(0, QUESTION, { ms: 1_000 });
    const ended = assert.rejects(simulation.host.ended, {
      code: "owner.fenced",
      message: "the log did not answer for 15 s",
    });
    const old = simulation.host;
    const before = (): Promise<number> => stage.log().then(({ length }) => length);
    await stage.until(1_100);
    const inLog = await before();
    await away.from(1_100);
    await away.to(21_100);
    await ended;
    assert.deepEqual(away.heard(), [
      [2_850, 4_050],
      [16_350, 17_150],
    ]);
    await assert.rejects(old.command({ name: "mute" }, "test"), { code: "owner.fenced" });
    await stage.until(30_000);
    assert.equal(await before(), inLog, "nothing lands after it has let go");
    await simulation.takeover();
    await stage.say(32_000, "And where can I park?", { ms: 1_000 });
    const { epochs } = await stage.close();
    assert.equal(epochs, 2);
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
    assert.deepEqual(away.spoken(), [], "what was said with nobody to write it down is lost");
  });

  test("in the middle of a spoken sentence: that is finished, then one moment", async () => {
    await using away = await openStage();
    const { stage } = away;
    await stage.say(0, QUESTION, { ms: 1_000 });
    await away.from(3_000);
    await away.to(13_000);
    await stage.close();
    const [answer, words, ...others] = away.heard();
    assert.equal(answer![1] - answer![0], 6_000);
    assert.ok(words![0] >= answer![1] + 280 && words![0] < answer![1] + 340, String(words));
    assert.deepEqual([words![1] - words![0], others.length], [1_200, 0]);
    assert.equal(stage.turns[1]?.status, "completed");
  });

  test("a caller who speaks in it silences the answer at once, and one moment too", async () => {
    await using away = await openStage();
    const { stage } = away;
    await stage.say(0, QUESTION, { ms: 1_000 });
    await away.from(3_000);
    await stage.say(4_000, "No, I mean Sunday.", { ms: 900 });
    await stage.say(6_000, "On Sunday at noon.", { ms: 900 });
    await away.to(13_000);
    await stage.close();
    const [answer, words, second] = away.heard();
    assert.ok(answer![1] > 4_000 && answer![1] < 4_200, "the answer");
    // Begun between the two, as nobody spoke and nothing was being said.
    assert.ok(words![0] > 5_400 && words![0] < 5_600, String(words));
    assert.ok(words![1] > 6_000 && words![1] < 6_200, String(words));
    assert.ok(second![0] > 13_000, String(second));
    const { ms, words: heard } = away.spoken()[0]!.input as unknown as {
      ms: number;
      words: number;
    };
    assert.deepEqual(
      [ms, heard],
      [words![1] - words![0], Math.floor((words![1] - words![0]) / 400)],
    );
    const said = OUTAGE.split(" ").slice(0, heard).join(" ");
    assert.ok(stage.turns.some(({ heardText }) => heardText.startsWith(said)));
  });

  test("while the caller speaks: one moment waits for silence, or for the log", async () => {
    await using away = await openStage();
    const { stage } = away;
    await stage.say(0, QUESTION, { ms: 6_000 });
    await away.from(500);
    await away.to(5_000);
    await stage.close();
    assert.deepEqual(away.spoken(), []);
    assert.equal(away.heard().length, 1);
  });

  for (const name of ["interrupt", "mute"] as const)
    test(`the command ${name} silences it at once`, async () => {
      await using away = await openStage();
      const { stage } = away;
      const { host } = stage.simulation;
      await stage.say(0, QUESTION, { ms: 1_000 });
      await away.from(1_100);
      await stage.until(3_200);
      const given = host.command(name === "mute" ? { name } : { name, force: true }, "test");
      await away.to(9_100);
      await stage.until(11_000);
      await given;
      if (name === "mute") void host.command({ name: "unmute" }, "test");
      await stage.close();
      assert.deepEqual(away.heard()[0], [2_850, 3_200]);
      assert.equal(away.spoken()[0]?.input["ms"], 350);
      assert.equal(away.spoken()[0]?.input["words"], 0);
    });

  test("a call whose agent has no such words, or is muted, stays silent", async () => {
    for (const given of [{ greeting: GREETING }, texts]) {
      await using away = await openStage({ texts: given });
      const { stage } = away;
      if (given === texts) await stage.simulation.host.command({ name: "mute" }, "test");
      await stage.say(0, QUESTION, { ms: 1_000 });
      const fenced = assert.rejects(stage.simulation.host.ended, { code: "owner.fenced" });
      await away.from(1_100);
      await away.to(20_000);
      await fenced;
      assert.deepEqual(away.heard(), []);
    }
  });

  test("an answer that waits for the log in its middle goes on at its very sample", async () => {
    const on: { clock?: Clock } = {};
    const llm: Llm = {
      provider: "own",
      model: "slow",
      async *stream() {
        yield { type: "text", text: "Doors open early. " };
        await sleep(on.clock!, 1_000);
        yield { type: "text", text: "Dinner runs late. Fridays stay quite busy. " };
        await sleep(on.clock!, 1_000);
      },
    };
    await using away = await openStage({ llm, settings: { answer: { stall: 20_000 } } });
    const { stage } = away;
    on.clock = stage.simulation.clock;
    await stage.say(0, QUESTION, { ms: 1_000 });
    await away.from(2_000);
    await away.to(6_000);
    await stage.close();
    const lengths = away.heard().map(([from, to]) => to - from);
    assert.deepEqual(lengths, [1_200, 1_200, 2_800]);
    const said = "Doors open early. Dinner runs late. Fridays stay quite busy.";
    assert.equal(stage.turns[1]?.heardText, `${said} ${OUTAGE}`);
  });
});

suite("an owner whose process stood still", () => {
  /** The caller has asked; its last words are on their way to the log, which is slow to say so. */
  async function standStill(then: (stage: Stage) => Promise<void>): Promise<Stage> {
    const pace: Pace = { ackAfterMs: 0 };
    const settings = { speculation: { enabled: false } };
    const broker: SimulationOptions["broker"] = (clock) => Promise.resolve(openSlow(clock, pace));
    const stage = await Stage.open({ broker, settings });
    await stage.say(0, QUESTION, { ms: 1_000 });
    await stage.until(1_490);
    pace.ackAfterMs = 40;
    await stage.until(1_510);
    pace.ackAfterMs = 0;
    assert.equal(stage.requests.length, 0, "the answer is to be asked for once that is logged");
    await then(stage);
    return stage;
  }

  test("starts nothing with an old answer where another has come: fenced at once", async () => {
    await using stage = await standStill(async ({ simulation }) => {
      const old = simulation.host;
      await simulation.takeover("takeover", "lives");
      simulation.clock.set(simulation.clock.now() + 9_000);
      await simulation.run(0);
      assert.equal(old.fenced?.code, "owner.fenced");
    });
    assert.equal((await stage.close()).epochs, 2);
    assert.equal(stage.requests.length, 1);
    assert.equal(stage.turns[1]?.heardText, ANSWER);
  });

  test("goes on where the log is still its own", async () => {
    await using stage = await standStill(async ({ simulation }) => {
      simulation.clock.set(simulation.clock.now() + 9_000);
      await simulation.run(0);
      assert.equal(simulation.host.fenced, undefined);
    });
    assert.equal((await stage.close()).epochs, 1);
    assert.equal(stage.turns[1]?.heardText, ANSWER);
  });
});
