import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { digest } from "../../src/base/digest.ts";
import type { DueMeasure } from "../../src/events/budget.events.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { Timeline } from "../../src/folds/timeline.ts";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

/** What a call does as a budget runs out: `budget.changed` comes from outside. */
const QUESTION = "What are your opening hours?";
const OVER = "I have to end the call here.";
const FILLER = "One moment.";
const texts = { greeting: GREETING, farewell: "Goodbye.", overBudget: OVER };

function change(stage: Stage, measure: DueMeasure): Promise<LogRecord> {
  const sums = { limitPico: "500000000000", spentPico: "431250000000", heldPico: "18000000000" };
  const input = { type: "budget.changed", measure, node: "call:c-simulated", ...sums };
  return stage.simulation.host.offer({ input });
}

async function ask(stage: Stage, ms = 0): Promise<void> {
  await stage.say(ms, QUESTION, { ms: 1_000 });
}

function lastOf(stage: Stage): string | undefined {
  return stage.turns.at(-1)?.heardText;
}

function reasonOf(stage: Stage): unknown {
  return stage.simulation.records.at(-1)?.input["reason"];
}

suite("a budget that is used up", () => {
  test("what is being said is said to its end, then why, then the agent leaves", async () => {
    await using stage = await Stage.open({ texts });
    await ask(stage);
    await stage.until(4_000);
    const { outcome } = await change(stage, "farewell");
    assert.deepEqual(outcome.emitted, [
      { type: "measure.taken", measure: "farewell", node: "call:c-simulated", actor: "room" },
    ]);
    await stage.say(5_000, "And on Sunday?", { ms: 1_000 });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1600 t2 speaking
      1700 voice
      7700 t2 completed, heard 15
      7700 t3 thinking
      7700 t3 speaking
      7700 silence
      7800 voice
      10600 t3 completed, heard 7
      10600 closed
      10600 silence`);
    assert.equal(lastOf(stage), OVER);
    assert.equal(reasonOf(stage), "budget");
  });

  test("without words for it the farewell is said, and without one it leaves", async () => {
    for (const [more, heard] of [
      [{ farewell: "Goodbye." }, "Goodbye."],
      [{}, ANSWER],
    ] as const) {
      await using stage = await Stage.open({ texts: { greeting: GREETING, ...more } });
      await ask(stage);
      await stage.until(4_000);
      await change(stage, "farewell");
      await stage.close();
      assert.equal(lastOf(stage), heard);
      assert.equal(reasonOf(stage), "budget");
    }
  });

  test("a caller who speaks just then is not answered any more", async () => {
    await using stage = await Stage.open({ texts });
    await ask(stage);
    await stage.until(600);
    await change(stage, "farewell");
    await stage.close();
    assert.deepEqual(
      stage.turns.map(({ status }) => status),
      ["completed", "abandoned", "completed"],
    );
    assert.equal(stage.requests.length, 0);
    assert.equal(lastOf(stage), OVER);
  });

  test("an answer that could not be paid gets no apology", async () => {
    const apology = { apology: "Sorry, say that again." };
    await using stage = await Stage.open({
      texts: { ...texts, ...apology },
      answer: () => ({ text: "", afterMs: 3_000, fails: true }),
    });
    await ask(stage);
    await stage.until(2_000);
    await change(stage, "farewell");
    await stage.close();
    assert.deepEqual(stage.turns.map(({ status, heardText }) => [status, heardText]).slice(1), [
      ["failed", ""],
      ["completed", OVER],
    ]);
  });

  test("a second farewell, and one while the agent leaves, change nothing", async () => {
    await using stage = await Stage.open({ texts });
    await ask(stage);
    await stage.until(4_000);
    await stage.simulation.host.command({ name: "end", reason: "asked" }, "test");
    await change(stage, "farewell");
    assert.match((await change(stage, "farewell")).outcome.ignored ?? "", /./);
    assert.match((await change(stage, "none")).outcome.ignored ?? "", /./);
    await stage.close();
    assert.equal(lastOf(stage), "Goodbye.");
    assert.equal(reasonOf(stage), "asked");
  });

  test("a new owner goes on with the farewell", async () => {
    await using stage = await Stage.open({ texts });
    await ask(stage);
    await stage.until(4_000);
    await change(stage, "farewell");
    await stage.until(5_000);
    await stage.simulation.takeover();
    await stage.close();
    assert.equal(lastOf(stage), OVER);
    assert.equal(reasonOf(stage), "budget");
  });
});

suite("a budget that runs low", () => {
  test("requests are told, as long as it is so; without a budget nothing is", async () => {
    await using stage = await Stage.open({ texts });
    await ask(stage);
    await stage.until(12_000);
    await change(stage, "cheaperModel");
    await ask(stage, 12_500);
    await stage.until(25_000);
    await change(stage, "none");
    await ask(stage, 25_500);
    await stage.close();
    const { records } = stage.simulation;
    const digests = records.flatMap(({ outcome }) =>
      outcome.effects.flatMap((one) => (one[0] === "start" && one[2] === "reply" ? [one[3]] : [])),
    );
    const refs = records.flatMap(({ input }) => {
      const event = input["event"] as { type?: string; ref?: string } | undefined;
      return event?.type === "stt.final" ? [event.ref!] : [];
    });
    const inputs = [2, 3, 4].map((turn, i) => ({
      turn,
      key: `turn.${turn}.1`,
      saying: null,
      refs: [refs[i]],
      speculative: true,
      agent: "",
      ...(turn === 3 && { measure: "cheaperModel" }),
    }));
    assert.deepEqual(
      digests.slice(1),
      inputs.map((input) => digest(input)),
    );
  });

  test("words are saved: no filler and no prompt, from shorter answers on", async () => {
    for (const measure of ["cheaperModel", "shorterAnswers"] as const) {
      await using stage = await Stage.open({
        texts: { ...texts, filler: FILLER, away: "Are you there?" },
        answer: () => ({ text: ANSWER, afterMs: 2_500 }),
      });
      await change(stage, measure);
      await ask(stage);
      await stage.until(40_000);
      await stage.close();
      const said = stage.turns.map(({ heardText }) => heardText).join(" ");
      const covers = measure === "cheaperModel";
      assert.equal(said.includes(FILLER), covers);
      assert.equal(said.includes("Are you there?"), covers);
      assert.ok(said.includes(ANSWER));
    }
  });

  test("the log tells of it in words", async () => {
    await using stage = await Stage.open({ texts });
    const warned = await change(stage, "warn");
    const enough = await change(stage, "none");
    await stage.close();
    const timeline = new Timeline();
    const told = stage.simulation.records.flatMap((record) => timeline.apply(record));
    assert.deepEqual(
      [warned, enough].map(({ seq }) => told.find((entry) => entry.seq === seq)?.text),
      [
        "budget call:c-simulated: warn (call: 0.43125 USD spent, 0.018 held; limit 0.5)",
        "budget call:c-simulated: enough again (call: 0.43125 USD spent, 0.018 held; limit 0.5)",
      ],
    );
  });
});
