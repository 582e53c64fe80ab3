import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { LogRecord } from "../../src/events/record.ts";
import { sleep, type Clock } from "../../src/base/clock.ts";
import type { Json } from "../../src/events/record.ts";
import { splitSentences } from "../../src/actors/effects/sentences.ts";
import type { ScriptedAnswer } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tool, ToolContext } from "../../src/providers/tool.port.ts";
import type { SimulationOptions } from "../../src/testing/simulation.ts";
import { ANSWER, Stage } from "./support/stage.ts";

/** A call whose owner dies, and what another makes of it (L5). */
const QUESTION = "What are your opening hours?";
const SENTENCES = splitSentences(ANSWER);

async function ask(stage: Stage): Promise<void> {
  await stage.say(0, QUESTION, { ms: 1_000 });
}

/** Kills the owner at `ms`; another takes over after `deadMs`. */
async function takeover(stage: Stage, ms: number, deadMs = 0): Promise<void> {
  await stage.until(ms);
  stage.simulation.supervisor.abandonAll("the worker died");
  await stage.simulation.run(deadMs);
  await stage.simulation.takeover();
}

function liveEffects(stage: Stage): readonly string[] {
  const { fold } = stage.simulation.host;
  return fold.liveEffects().map(({ src }) => src);
}

/** Sentences of each reply of a turn, as they were sent. */
function sentOf(records: readonly LogRecord[], n: number): readonly (readonly string[])[] {
  const runs = new Map<string, string[]>();
  for (const { actor, input, text } of records) {
    const event = input["event"] as { type: string } | undefined;
    if (actor !== `turn.${n}` || event?.type !== "reply.segment") continue;
    const effect = input["effect"] as string;
    const { text: sentence } = text!.value as { text: string };
    runs.set(effect, [...(runs.get(effect) ?? []), sentence]);
  }
  return [...runs.values()];
}

suite("a takeover", () => {
  test("is a record of its own, then an end for each effect of the dead owner", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    const dead = liveEffects(stage).length;
    const before = stage.simulation.host.fold.tail.seq;
    await takeover(stage, 4_000);
    const records = (await stage.log()).slice(before, before + 1 + dead);
    const [first, ...ends] = records;
    const { type, epoch, reason } = first!.input;
    assert.deepEqual([type, epoch, reason], ["owner.changed", 2, "takeover"]);
    assert.deepEqual(
      ends.map(({ input }) => input["how"]),
      Array(dead).fill("lost"),
    );
    assert.equal((await stage.close()).epochs, 2);
  });

  test("opens the room and the caller's streams again", async () => {
    await using stage = await Stage.open();
    await stage.until(1_000);
    const before = liveEffects(stage);
    assert.deepEqual(before.toSorted(), ["connection", "detector", "stt"]);
    await takeover(stage, 1_000, 500);
    await stage.until(2_000);
    assert.deepEqual(liveEffects(stage).toSorted(), before.toSorted());
    await stage.say(3_000, QUESTION, { ms: 1_000 });
    await stage.close();
    assert.equal(stage.turns[1]?.heardText, ANSWER);
    assert.equal(stage.turns.length, 2, "the caller is not greeted again");
  });

  test("asks a pending request again, under its key", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(1_550);
    const key = (): unknown => {
      const reply = stage.simulation.host.fold.liveEffects().find(({ src }) => src === "reply");
      return (reply!.input as { key: string }).key;
    };
    const before = key();
    await takeover(stage, 1_550);
    assert.equal(key(), before);
    await stage.close();
    assert.equal(stage.requests.length, 2);
    assert.deepEqual(stage.asked(0), stage.asked(1));
    assert.deepEqual(stage.turns.map(({ heardText }) => heardText).slice(1), [ANSWER]);
  });

  test("goes on from the sentence that was cut: one at most is heard twice", async () => {
    for (let at = 1_650; at < 7_700; at += 170) {
      await using stage = await Stage.open();
      await ask(stage);
      await takeover(stage, at, at % 1_000);
      await stage.close();
      // 2 s a sentence: how many had left the speaker in truth.
      const whole = Math.max(0, Math.floor((at - 1_700) / 2_000));
      const runs = sentOf(await stage.log(), 2);
      const again = runs[1] ?? [];
      const from = SENTENCES.length - again.length;
      assert.deepEqual(again, SENTENCES.slice(from), `at ${at}: the rest, in order`);
      assert.ok(from <= whole && from >= whole - 1, `at ${at}: from sentence ${from} of ${whole}`);
      assert.equal(stage.requests.length, 1, `at ${at}: nothing new was asked`);
      assert.equal(stage.turns[1]?.status, "completed");
    }
  });

  test("a cut that was heard by the dead owner stays a cut", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.say(4_000, "No, I mean Sunday.", { ms: 900 });
    await takeover(stage, 4_700);
    await stage.close();
    assert.deepEqual(
      stage.turns.slice(1).map(({ status }) => status),
      ["cutOff", "completed"],
    );
    assert.ok(stage.asked(1).includes("assistant: Doors open early each morning. Dinner"));
  });

  test("an answer that was held when its owner died is cut, and the words answered", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.say(4_000, "No, I mean Sunday.", { ms: 900 });
    await takeover(stage, 4_200);
    await stage.close();
    assert.deepEqual(
      stage.turns.slice(1).map(({ status }) => status),
      ["cutOff", "completed"],
    );
    assert.equal(stage.turns[2]?.userText, "No, I mean Sunday.");
  });

  test("while a cough holds the answer: the rest of it is said all the same", async () => {
    await using stage = await Stage.open();
    await stage.say(0, "What are your opening hours?", { ms: 1_000 });
    await stage.say(4_000, "", { ms: 300 });
    await stage.until(4_200);
    await stage.simulation.takeover();
    await stage.close();
    const [, answered] = stage.turns;
    assert.equal(answered?.status, "completed");
    assert.ok(answered.heardText.endsWith("Fridays stay quite busy here."));
  });

  test("at any moment of a call leaves it whole and able to go on", async () => {
    for (const deadMs of [0, 1_500])
      for (let at = 20; at < 6_500; at += 260) {
        await using stage = await Stage.open();
        await ask(stage);
        if (at > 4_000) await stage.say(4_000, "No, I mean Sunday.", { ms: 900 });
        await takeover(stage, at, deadMs);
        await stage.say(22_000, "And where can I park?", { ms: 1_000 });
        const { epochs } = await stage.close();
        const last = stage.turns.at(-1)!;
        const moment = `at ${at}, dead for ${deadMs}`;
        assert.equal(epochs, 2, moment);
        assert.deepEqual([last.status, last.heardText], ["completed", ANSWER], moment);
        assert.equal(last.userText, "And where can I park?", moment);
        // Words that were in the log before the death are answered after it.
        if (at > 1_300 && at < 4_000) assert.equal(stage.turns[1]?.heardText !== "", true, moment);
      }
  });

  test("again and again: each owner has an epoch of its own", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    for (let at = 300; at < 9_000; at += 800) await takeover(stage, at);
    await stage.say(20_000, "And where can I park?", { ms: 1_000 });
    assert.equal((await stage.close()).epochs, 12);
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
  });

  test("of a call that has ended is refused", async () => {
    await using stage = await Stage.open();
    await stage.close();
    await assert.rejects(stage.simulation.takeover(), { code: "call.closed" });
  });

  test("one that cannot join at once tries again, and gives up after three times", async () => {
    for (const failures of [2, 99]) {
      await using stage = await Stage.open();
      const { room } = stage.simulation;
      const join = room.join.bind(room);
      let left = failures;
      room.join = (options) =>
        left-- > 0 ? Promise.reject(new TypeError("no route")) : join(options);
      await takeover(stage, 1_000);
      await stage.say(3_000, QUESTION, { ms: 1_000 });
      await stage.close();
      const last = (await stage.log()).at(-1)!.input;
      const closed = failures === 2 ? "nobody there" : "connection lost";
      assert.deepEqual([last["type"], last["reason"]], ["call.ended", closed]);
      assert.equal(stage.turns.length, failures === 2 ? 2 : 1);
    }
  });
});

/** The world behind a tool: it keeps what it was asked, whoever asks and dies. */
class FarSide implements Tool {
  readonly spec = { name: "book", description: "", parameters: {} };
  readonly timeoutMs = 15_000;
  readonly write: boolean;
  readonly idempotent: boolean;
  readonly asked: string[] = [];
  readonly booked = new Map<string, number>();
  clock!: Clock;

  constructor(kind: { write: boolean; idempotent: boolean }) {
    this.write = kind.write;
    this.idempotent = kind.idempotent;
  }

  async run(_: Json, { key }: ToolContext): Promise<Json> {
    this.asked.push(key);
    const number = this.booked.get(key) ?? this.booked.size + 1;
    this.booked.set(key, number);
    await sleep(this.clock, 2_000);
    return { number };
  }
}

async function openWithFarSide(far: FarSide, more: SimulationOptions = {}): Promise<Stage> {
  const wants: ScriptedAnswer = { toolCalls: [{ id: "1", name: "book", input: { at: 8 } }] };
  const answer = (_: unknown, index: number) => (index === 0 ? wants : { text: ANSWER });
  const stage = await Stage.open({ answer, tools: [far], ...more });
  far.clock = stage.simulation.clock;
  return stage;
}

suite("a takeover while a tool runs", () => {
  test("a write with a key is asked again under it, and happens once", async () => {
    const far = new FarSide({ write: true, idempotent: true });
    await using stage = await openWithFarSide(far);
    await ask(stage);
    await takeover(stage, 2_500, 300);
    await stage.close();
    assert.equal(far.asked.length, 2);
    assert.equal(far.booked.size, 1);
    assert.ok(stage.asked(1).includes('tool: {"number":1}'));
    assert.equal(stage.turns[1]?.heardText, ANSWER);
  });

  test("a write without one is never repeated: the model is told that nobody knows", async () => {
    const far = new FarSide({ write: true, idempotent: false });
    await using stage = await openWithFarSide(far);
    await ask(stage);
    await takeover(stage, 2_500);
    await stage.close();
    assert.equal(far.asked.length, 1);
    assert.ok(stage.asked(1).includes('tool: {"status":"unknown"}'));
    assert.equal(stage.turns[1]?.heardText, ANSWER);
  });

  test("a read is asked again", async () => {
    const far = new FarSide({ write: false, idempotent: false });
    await using stage = await openWithFarSide(far);
    await ask(stage);
    await takeover(stage, 2_500);
    await stage.close();
    assert.equal(far.asked.length, 2);
    assert.equal(stage.turns[1]?.heardText, ANSWER);
  });

  test("a write that runs again for a turn that was cut still shows as pending", async () => {
    const far = new FarSide({ write: true, idempotent: true });
    await using stage = await openWithFarSide(far);
    await ask(stage);
    await stage.say(2_000, "and for six, please.", { ms: 900 });
    await takeover(stage, 3_100);
    await stage.close();
    assert.equal(far.booked.size, 1);
    assert.ok(stage.asked(1).includes('tool: {"status":"pending"}'));
  });

  test("at any moment: a write with a key happens once, the answer is heard", async () => {
    for (let at = 1_310; at < 3_900; at += 90) {
      const far = new FarSide({ write: true, idempotent: true });
      await using stage = await openWithFarSide(far);
      await ask(stage);
      await takeover(stage, at);
      await stage.close();
      assert.equal(far.booked.size, at < 1_600 ? 0 : 1, `at ${at}`);
      assert.equal(stage.turns[1]?.heardText, ANSWER, `at ${at}`);
    }
  });
});

suite("clocks that differ", () => {
  /** The caller's turn may listen until 8064; its owner changes at 2000, 1936 after its record. */
  for (const [skew, skewMs, endsAt] of [
    ["right", 0, 8_064],
    // It counts on from the last record: the time in which nothing was recorded is not seen.
    ["5 s behind", -5_000, 8_064 + 1_936],
    ["5 s ahead", 5_000, 8_064 - 5_000],
  ] as const)
    test(`a new owner's clock is ${skew}: time never goes back, timers keep a rest`, async () => {
      const settings = { listening: { max: 8_000 } };
      await using stage = await Stage.open({ settings, skewsMs: [0, skewMs] });
      await stage.say(0, "", { ms: 30_000 });
      await takeover(stage, 2_000);
      await stage.until(endsAt - 1);
      assert.equal(stage.turns[1]?.status, "live");
      await stage.until(endsAt + 1);
      assert.equal(stage.turns[1]?.status, "abandoned");
      const times = (await stage.log()).map(({ at }) => at);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
    });

  test("words after a takeover are never taken for earlier ones", async () => {
    // By the second owner's own clock the second question is spoken when the first one was.
    await using stage = await Stage.open({ skewsMs: [0, -12_000, 5_000] });
    await ask(stage);
    await takeover(stage, 8_000);
    await stage.say(12_000, "And on Sunday?", { ms: 1_000 });
    await takeover(stage, 15_000);
    await stage.say(24_000, "And where can I park?", { ms: 1_000 });
    await stage.close();
    assert.deepEqual(new Set(stage.turns.map(({ status }) => status)), new Set(["completed"]));
    for (const { latencyMs } of [stage.turns[2]!, stage.turns[3]!])
      assert.equal(latencyMs.endOfTurn, 500);
  });
});
