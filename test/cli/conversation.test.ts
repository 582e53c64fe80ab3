import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../../src/cli/simulate/conversation.ts";
import { ScriptedLlm } from "../../src/providers/scripted/scripted-mouth.ts";
import { Simulation } from "../../src/testing/simulation.ts";

test("simulate tells what covers a wait as the agent's words, each sentence once", async () => {
  await using simulation = await Simulation.open({
    texts: { filler: "One moment." },
    answer: () => ({ text: "Never.", afterMs: 60_000 }),
    otherLlms: (clock) => [new ScriptedLlm(clock, () => ({ text: "We open at nine." }), "b")],
  });
  simulation.enter();
  simulation.say("When do you open?");
  await simulation.run(12_000);
  const conversation = new Conversation();
  const lines = simulation.records
    .map((record) => conversation.lineOf(record))
    .filter((line) => line !== undefined);
  assert.deepEqual(lines, [
    "caller  When do you open?",
    "agent   One moment.",
    "agent   We open at nine.",
  ]);
});
