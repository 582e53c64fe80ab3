import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

/**
 * What the scenarios (`test/scenarios`) do not look at: latencies, asides, long calls. Times are ms
 * since the onset of the first utterance. An answer has 15 words of 400 ms in three sentences.
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
