import assert from "node:assert/strict";
import { test } from "node:test";
import { SCENARIOS } from "../../scenarios/data.ts";
import type { Outcome } from "../../scenarios/outcome.ts";
import { ANSWER, WORD_MS, type Scenario } from "../../scenarios/scenario.ts";
import { answerAfterMs, scoresOf, type Scores } from "../../scenarios/scores.ts";
import { WordBook, type Piece } from "../../scenarios/word-book.ts";

const NONE: Scores = {
  falseCutOffs: 0,
  lostWords: 0,
  doubleReplies: 0,
  deadAir: 0,
  wrongHeard: 0,
  stuck: 0,
};

const QUESTION = "What are your opening hours?";

function scenario(id: string): Scenario {
  return SCENARIOS.find((one) => one.id === id)!;
}

/** An answer that is heard from `at` on, for so many words. */
function answers(book: WordBook, ...heard: (readonly [at: number, words?: number])[]): Piece[] {
  return heard.flatMap(([from, words = 15]) => {
    const { samples } = book.speak(ANSWER, 1_000);
    const ids = [...new Set(samples)].slice(0, words);
    return ids.map((id, i) => ({ at: from + i * WORD_MS, ms: WORD_MS, id }));
  });
}

function outcome(heard: (readonly [number, number?])[], more: Partial<Outcome> = {}): Outcome {
  const book = new WordBook();
  const asked = [{ at: 0, model: "a", messages: [{ role: "user", text: QUESTION }] }];
  const history = heard.map(([, words = 15]) => ({
    role: "assistant",
    text: ANSWER.split(" ").slice(0, words).join(" "),
  }));
  const sound = answers(book, ...heard);
  return { moments: [], book, sound, asked, history, faults: [], ...more };
}

test("an answer in time, to the end and remembered, has nothing against it", () => {
  const good = outcome([[1_700]]);
  assert.deepEqual(scoresOf(scenario("01"), good), NONE);
  assert.equal(answerAfterMs(scenario("01"), good), 700);
});

test("an answer that breaks off, or speaks into a thought, is a false cut-off", () => {
  assert.equal(scoresOf(scenario("01"), outcome([[1_700, 9]])).falseCutOffs, 1);
  assert.equal(scoresOf(scenario("07"), outcome([[2_100, 3], [4_200]])).falseCutOffs, 1);
});

test("words that no request has are lost; words the last one has twice are too many", () => {
  const asked = (...texts: string[]) =>
    texts.map((text) => ({ at: 0, model: "a", messages: [{ role: "user", text }] }));
  const lost = (...texts: string[]): number =>
    scoresOf(scenario("01"), outcome([[1_700]], { asked: asked(...texts) })).lostWords;
  assert.equal(lost("What are your"), 2);
  assert.equal(lost(QUESTION, "something else"), 0);
  assert.equal(lost(QUESTION, `${QUESTION} ${QUESTION}`), 5);
});

test("an answer nobody asked for is double; one that never comes is stuck", () => {
  assert.equal(scoresOf(scenario("01"), outcome([[1_700], [7_800]])).doubleReplies, 1);
  assert.equal(scoresOf(scenario("01"), outcome([])).stuck, 1);
  assert.equal(scoresOf(scenario("01"), outcome([[1_700]], { faults: ["live"] })).stuck, 1);
});

test("more than two seconds without a sound is dead air, also where an answer stays paused", () => {
  assert.equal(scoresOf(scenario("01"), outcome([[2_999]])).deadAir, 0);
  assert.equal(scoresOf(scenario("01"), outcome([[3_001]])).deadAir, 1);
  const book = new WordBook();
  const whole = answers(book, [1_700]);
  const late = whole.map((piece) =>
    piece.at < 4_000 ? piece : { ...piece, at: piece.at + 3_000 },
  );
  assert.equal(scoresOf(scenario("04"), { ...outcome([]), book, sound: late }).deadAir, 1);
});

test("what is remembered as heard may be a word off for each cut, and no more", () => {
  const remembered = (words: number): number => {
    const text = ANSWER.split(" ").slice(0, words).join(" ");
    const history = [{ role: "assistant", text }];
    return scoresOf(scenario("15"), outcome([[1_700, 6]], { history })).wrongHeard;
  };
  assert.deepEqual([remembered(6), remembered(7), remembered(8)], [0, 0, 2]);
  assert.equal(remembered(15), 9);
});
