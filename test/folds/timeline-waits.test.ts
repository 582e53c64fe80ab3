import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline } from "../../src/folds/timeline.ts";
import { ScriptedLlm } from "../../src/providers/scripted/scripted-mouth.ts";
import { Simulation } from "../../src/testing/simulation.ts";

test("a timeline tells in plain words why an answer was slow, and who gave it", async () => {
  await using simulation = await Simulation.open({
    texts: { filler: "One moment." },
    answer: () => ({ text: "Never.", afterMs: 60_000 }),
    otherLlms: (clock) => [new ScriptedLlm(clock, () => ({ text: "We open at nine." }), "b")],
    hooks: { beforeReply: () => Promise.resolve("Nine to five.") },
  });
  simulation.enter();
  simulation.say("When do you open?");
  await simulation.run(12_000);
  await simulation.host.set({ answer: { fillerAfter: 900 } }, "ann");
  const timeline = new Timeline();
  const lines = simulation.records.flatMap((record) => timeline.apply(record));
  const texts = lines.map(({ text }) => text);
  for (const line of [
    "beforeReply took 0 ms and gives: Nine to five.",
    "scripted/scripted-llm is asked",
    "agent fills the wait: One moment.",
    "scripted-llm gave no word in 3 s: b is asked",
    "scripted/b is asked",
    "agent begins: We open at nine.",
    "ann changes the settings",
  ])
    assert.ok(texts.includes(line), `${line}\n\nin\n${texts.join("\n")}`);
  const filler = lines.find(({ text }) => text === "agent fills the wait: One moment.");
  assert.equal(filler?.kind, "agent");
});
