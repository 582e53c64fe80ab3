import assert from "node:assert/strict";
import { test } from "node:test";
import { replay } from "../../src/actors/replay.ts";
import { bundledAgent } from "../../src/agent/bundled-agent.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { createReceptionistTools } from "../../src/providers/local/receptionist/tools.ts";
import { createReceptionist } from "../../src/providers/local/receptionist/receptionist.llm.ts";
import { Simulation } from "../../src/testing/simulation.ts";

/**
 * The sample agent over whole calls on virtual time: what it knows, it knows from the log alone.
 */
const DIALOGUE: readonly (readonly [string, RegExp])[] = [
  ["Hi there, is this a real person?", /rule-based program/],
  ["Okay. What time do you close on Fridays?", /10 pm/],
  ["Great, I'd like to come by with my family on Friday evening.", /time|how many/i],
  ["There'll be five of us. Around half past seven.", /name/],
  ["The name is Patel.", /5 on Friday at 7:30 pm, under Patel/],
  ["Actually could you make it six people instead?", /6 on Friday at 7:30 pm, under Patel/],
  ["Perfect, thanks. Bye.", /goodbye/i],
];

async function openCall(): Promise<Simulation> {
  const simulation = await Simulation.open({
    llm: createReceptionist(),
    tools: createReceptionistTools(),
    texts: bundledAgent({}, createReceptionistTools()).texts,
  });
  simulation.enter();
  await simulation.run(10_000);
  return simulation;
}

function answers(simulation: Simulation): readonly string[] {
  const turns = turnSummaries(simulation.records);
  return turns.filter(({ userText }) => userText).map(({ heardText }) => heardText);
}

test("a table is booked, changed and confirmed in one spoken conversation", async () => {
  await using simulation = await openCall();
  for (const [text] of DIALOGUE) {
    simulation.say(text);
    await simulation.run(4_000);
    await simulation.quiet();
  }
  const heard = answers(simulation);
  assert.equal(heard.length, DIALOGUE.length);
  for (const [i, [, expected]] of DIALOGUE.entries()) assert.match(heard[i]!, expected);
  const runs = [...simulation.host.transcript.tools.values()];
  assert.deepEqual(
    runs.map(({ how }) => how),
    ["done", "done"],
  );
  const checked = await replay(simulation.records, { machines: MACHINES, deep: true });
  assert.equal(checked.verdict, "reproduced");
});

test("another owner goes on with the booking where the first one died", async () => {
  await using simulation = await openCall();
  for (const [i, [text]] of DIALOGUE.entries()) {
    simulation.say(text);
    await simulation.run(4_000);
    await simulation.quiet();
    if (i === 3) await simulation.takeover();
  }
  assert.match(answers(simulation)[4]!, /5 on Friday at 7:30 pm, under Patel/);
  assert.match(answers(simulation)[5]!, /6 on Friday/);
  const checked = await replay(simulation.records, { machines: MACHINES, deep: true });
  assert.equal(checked.verdict, "reproduced");
  assert.equal(checked.epochs, 2);
});
