import assert from "node:assert/strict";
import { test } from "node:test";
import { SCENARIOS } from "../../scenarios/data.ts";
import type { Spoken } from "../../scenarios/scenario.ts";
import { scoresOf } from "../../scenarios/scores.ts";
import { runVirtual } from "../../scenarios/virtual.ts";
import { repliesIn } from "../../scenarios/word-book.ts";
import { assertWhole } from "../actors/support/stage.ts";

/** What a caller may do at any moment of an answer, whatever the providers do meanwhile. */
const SOUNDS: Readonly<Record<string, Omit<Spoken, "at">>> = {
  interruption: {
    ms: 900,
    text: "No, I mean Sunday.",
    interims: [{ afterMs: 300, text: "No, I" }],
  },
  cough: { ms: 250, text: "" },
  "uh-huh": { ms: 350, text: "uh-huh", backchannel: true },
};
const IDS = ["01", "10", "11", "12b", "13", "14"];
/** From the end of the question on; no two scenarios are met at the same moments. */
const FIRST_MS = 300;
const STEP_MS = 1_690;
const SHIFT_MS = 130;
const MOMENTS = 4;
const WATCH_MS = 14_000;

for (const [name, sound] of Object.entries(SOUNDS))
  test(`at any moment, ${name}: an answer to the end, no word lost, none believed`, async () => {
    for (const [i, id] of IDS.entries())
      for (let n = 0; n < MOMENTS; n++)
        await meet(id, FIRST_MS + i * SHIFT_MS + n * STEP_MS, sound);
  });

async function meet(id: string, afterMs: number, sound: Omit<Spoken, "at">): Promise<void> {
  const scenario = SCENARIOS.find((one) => one.id === id)!;
  const question = scenario.says[0]!;
  const at = question.at + question.ms + afterMs;
  const met = { ...scenario, says: [question, { ...sound, at }], endMs: at + WATCH_MS };
  const outcome = await runVirtual(met);
  const where = `${id} at ${at}`;
  const { lostWords, wrongHeard } = scoresOf(met, outcome);
  assert.deepEqual({ lostWords, wrongHeard }, { lostWords: 0, wrongHeard: 0 }, where);
  const replies = repliesIn(outcome.sound, outcome.book);
  assert.equal(replies.at(-1)?.full, true, where);
  await assertWhole(outcome.records);
}
