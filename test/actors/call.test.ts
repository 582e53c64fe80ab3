import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ANSWER, assertWhole, GREETING, Stage } from "./support/stage.ts";

/**
 * Whole calls as timelines on virtual time: ms since the onset of the first utterance,
 * exact to a millisecond, in order. An answer has 15 words of 400 ms in three sentences.
 */
const QUESTION = "What are your opening hours?";

async function ask(stage: Stage): Promise<void> {
  await stage.say(0, QUESTION, { ms: 1_000 });
}

/** What a question and its undisturbed answer look like up to the first sound. */
const ASKED = `
  64 t2 hearing
  1250 t2 waiting
  1300 t2 request
  1500 t2 thinking
  1600 t2 speaking
  1700 voice`;

suite("a call", () => {
  test("01 a question is answered, asked for while the caller may still go on", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.close();
    stage.expect(`${ASKED}
      7700 t2 completed, heard 15
      7700 silence
      27700 closed`);
    assert.deepEqual(stage.requests.length, 1);
    const latency = { endOfTurn: 500, llmTtft: 300, ttsTtfb: 100, e2e: 700 };
    assert.deepEqual(stage.turns[1]?.latencyMs, latency);
    assert.deepEqual(
      stage.turns.map(({ n, status, userText, heardText }) => [n, status, userText, heardText]),
      [
        [1, "completed", "", GREETING],
        [2, "completed", QUESTION, ANSWER],
      ],
    );
  });

  test("02 barge-in: speech pauses the answer, words cut it", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    const interims = [{ afterMs: 300, text: "No, I" }];
    await stage.say(4_000, "No, I mean Sunday.", { ms: 900, interims });
    await stage.close();
    stage.expect(`${ASKED}
      4064 t3 contested
      4064 t2 paused
      4064 silence
      4300 t3 hearing
      4300 t2 interrupted
      4300 t2 cutOff, heard 6
      5150 t3 waiting
      5200 t3 request
      5400 t3 thinking
      5500 t3 speaking
      5600 voice
      11600 t3 completed, heard 15
      11600 silence
      31600 closed`);
    assert.equal(stage.turns[1]?.heardText, "Doors open early each morning. Dinner");
  });

  test("03 words while the agent thinks join the question: one answer to both", async () => {
    await using stage = await Stage.open({ answer: () => ({ text: ANSWER, afterMs: 1_000 }) });
    await ask(stage);
    const interims = [{ afterMs: 300, text: "on" }];
    await stage.say(1_900, "on Sunday.", { ms: 600, interims });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1964 t3 contested
      1964 t2 paused
      2200 t3 hearing
      2200 t2 interrupted
      2200 request dropped
      2200 t2 abandoned, heard 0
      2750 t3 waiting
      2800 t3 request
      3000 t3 thinking
      3800 t3 speaking
      3900 voice
      9900 t3 completed, heard 15
      9900 silence
      29900 closed`);
    assert.equal(stage.turns[2]?.userText, `${QUESTION} on Sunday.`);
  });

  test("04 a cough: the answer goes on at the very sample it stopped at", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.say(4_000, "", { ms: 250 });
    await stage.close();
    stage.expect(`${ASKED}
      4064 t3 contested
      4064 t2 paused
      4064 silence
      5100 t3 abandoned, heard 0
      5100 t2 speaking
      5100 voice
      8736 t2 completed, heard 15
      8736 silence
      28736 closed`);
    assert.equal(stage.requests.length, 1);
  });

  test("05 uh-huh: the answer goes on as soon as the words are known", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.say(4_000, "uh-huh", { ms: 350 });
    await stage.close();
    stage.expect(`${ASKED}
      4064 t3 contested
      4064 t2 paused
      4064 silence
      4600 t3 abandoned, heard 0
      4600 t2 speaking
      4600 voice
      8236 t2 completed, heard 15
      8236 silence
      28236 closed`);
    assert.equal(stage.requests.length, 1);
    const ended = stage.simulation.records.flatMap(({ outcome }) => outcome.emitted);
    const asides = ended.filter(({ n, type }) => type === "turn.ended" && n === 3);
    assert.deepEqual([asides[0]?.["asides"], asides[0]?.["refs"]], [["4.1.stt.1"], []]);
  });

  test("06 the caller goes on: the early request is thrown away, nothing was said", async () => {
    await using stage = await Stage.open();
    await stage.say(0, "I want to book", { ms: 900 });
    await stage.say(1_300, "a table for two.", { ms: 1_000 });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1150 t2 waiting
      1200 t2 request
      1364 t2 hearing
      1600 request dropped
      2550 t2 waiting
      2600 t2 request
      2800 t2 thinking
      2900 t2 speaking
      3000 voice
      9000 t2 completed, heard 15
      9000 silence
      29000 closed`);
    assert.equal(stage.turns[1]?.userText, "I want to book a table for two.");
  });

  test("07 a long pause in an unfinished sentence is waited for", async () => {
    await using stage = await Stage.open();
    await stage.say(0, "I'd like to book a table for", { ms: 1_500 });
    await stage.say(2_700, "four people.", { ms: 800 });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1750 t2 waiting
      2764 t2 hearing
      3750 t2 waiting
      3800 t2 request
      4000 t2 thinking
      4100 t2 speaking
      4200 voice
      10200 t2 completed, heard 15
      10200 silence
      30200 closed`);
    assert.equal(stage.requests.length, 1);
  });

  test("08 digits with pauses: one turn, each digit once and in order", async () => {
    await using stage = await Stage.open();
    await stage.say(0, "five five five", { ms: 900 });
    await stage.say(1_900, "zero one", { ms: 600 });
    await stage.say(3_500, "nine nine", { ms: 600 });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1150 t2 waiting
      1200 t2 request
      1964 t2 hearing
      2200 request dropped
      2750 t2 waiting
      2800 t2 request
      3564 t2 hearing
      3800 request dropped
      4350 t2 waiting
      4400 t2 request
      5600 t2 thinking
      5600 t2 speaking
      5700 voice
      11700 t2 completed, heard 15
      11700 silence
      31700 closed`);
    assert.equal(stage.turns[1]?.userText, "five five five zero one nine nine");
  });

  test("15 the caller leaves: silence at once; the call ends if nobody comes back", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    stage.simulation.room.leave("ann");
    await stage.until(24_000);
    stage.expect(`${ASKED}
      4000 t2 interrupted
      4000 t2 cutOff, heard 6
      4000 silence
      24000 closed`);
    await assertWhole(await stage.log());
  });

  test("15 the caller comes back in time: the same call, no second greeting", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    stage.simulation.room.leave("ann");
    await stage.until(10_000);
    stage.simulation.enter("ann");
    await stage.say(12_000, "And on Sunday?", { ms: 1_000 });
    await stage.close();
    assert.deepEqual(
      stage.turns.map(({ n, status }) => [n, status]),
      [
        [1, "completed"],
        [2, "cutOff"],
        [3, "completed"],
      ],
    );
  });

  test("16 two quick questions, nothing heard of the first answer: one for both", async () => {
    await using stage = await Stage.open();
    await stage.say(0, "What time is it?", { ms: 900 });
    const interims = [{ afterMs: 300, text: "And" }];
    await stage.say(1_700, "And the date?", { ms: 700, interims });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1150 t2 waiting
      1200 t2 request
      1400 t2 thinking
      1500 t2 speaking
      1600 voice
      1764 t3 contested
      1764 t2 paused
      1764 silence
      2000 t3 hearing
      2000 t2 interrupted
      2000 t2 abandoned, heard 0
      2650 t3 waiting
      2700 t3 request
      2900 t3 thinking
      3000 t3 speaking
      3100 voice
      9100 t3 completed, heard 15
      9100 silence
      29100 closed`);
    assert.equal(stage.turns[2]?.userText, "What time is it? And the date?");
  });
});

suite("a long call", () => {
  test("ten minutes and sixty questions, then the same again from the log alone", async () => {
    await using stage = await Stage.open();
    for (let turn = 0; turn < 60; turn++)
      await stage.say(turn * 10_000, `Question number ${turn}, are you there?`, { ms: 1_500 });
    const { turns, records, epochs } = await stage.close();
    assert.deepEqual([turns, epochs], [61, 1]);
    assert.ok(stage.simulation.ms > 600_000);
    assert.ok(records / turns < 60, `${records} records`);
    assert.deepEqual(new Set(stage.turns.map(({ status }) => status)), new Set(["completed"]));
  });

  test("the same call twice gives the same log, to the last hash", async () => {
    const tails = [];
    for (let i = 0; i < 2; i++) {
      await using stage = await Stage.open();
      await ask(stage);
      await stage.say(4_000, "No, I mean Sunday.", { ms: 900 });
      tails.push((await stage.close()).stateHash);
    }
    assert.equal(tails[0], tails[1]);
  });
});
