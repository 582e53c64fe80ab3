import assert from "node:assert/strict";
import { test } from "node:test";
import { replay } from "../../src/actors/replay.ts";
import { MACHINES } from "../../src/main.ts";
import { Simulation } from "../../src/testing/simulation.ts";

/** What participants read of a call, and when; times are ms since the call was opened. */
const WHOLE = "Good day to you.";
const ANSWER = "Open from ten to six. Sundays we rest.";

async function open(): Promise<Simulation> {
  const answer = () => ({ text: ANSWER, afterMs: 100 });
  const simulation = await Simulation.open({ answer, texts: { greeting: WHOLE } });
  simulation.enter();
  return simulation;
}

function captionsOf(simulation: Simulation, who: "ann" | "agent") {
  return simulation.room.texts.flatMap((text) =>
    text.topic === "lk.transcription" && (text.of?.identity ?? "agent") === who ? [text] : [],
  );
}

function statesOf({ room, startedAt }: Simulation): readonly (readonly [number, string])[] {
  return room.attributes.map(({ at, value }) => [at - startedAt, value]);
}

test("the agent's words come as they are heard, and each sentence ends once", async () => {
  await using simulation = await open();
  await simulation.quiet();
  const captions = captionsOf(simulation, "agent");
  const texts = captions.map(({ text }) => text);
  assert.deepEqual(texts, ["Good", "Good day", "Good day to", WHOLE, WHOLE]);
  assert.deepEqual(captions.map(({ final }) => final).indexOf(true), 4);
  assert.equal(new Set(captions.map(({ segment }) => segment)).size, 1);
  // A word takes 400 ms; it is shown when at least half of it was heard, at the next position.
  for (const [i, { at }] of captions.entries()) {
    const spokenAt = simulation.room.agentSound[0]!.at + Math.min(i, 3) * 400;
    assert.ok(at >= spokenAt && at <= spokenAt + 650, `${at - spokenAt} ms after its start`);
  }
});

test("the user's words come with who said them, and end with the final ones", async () => {
  await using simulation = await open();
  await simulation.quiet();
  simulation.say("when are you open");
  await simulation.run(8_000);
  const captions = captionsOf(simulation, "ann");
  assert.ok(captions.length >= 2);
  assert.deepEqual(captions.map(({ final }) => final).lastIndexOf(false), captions.length - 2);
  assert.deepEqual(captions.at(-1), {
    at: captions.at(-1)!.at,
    topic: "lk.transcription",
    text: "when are you open",
    segment: captions[0]!.segment,
    final: true,
    of: { identity: "ann", sid: "TR_ann" },
  });
  const agent = captionsOf(simulation, "agent").slice(5);
  const finals = agent.filter(({ final }) => final).map(({ text }) => text);
  assert.deepEqual(finals, ["Open from ten to six.", "Sundays we rest."]);
});

test("an answer that is cut ends with the last word that was heard", async () => {
  await using simulation = await open();
  await simulation.quiet();
  simulation.say("when are you open");
  await simulation.run(2_500);
  simulation.say("no wait a moment please");
  await simulation.run(8_000);
  const cut = simulation.records.find(({ input }) => input["how"] === "stopped");
  assert.ok(cut);
  const segment = captionsOf(simulation, "agent")[5]!.segment;
  const own = captionsOf(simulation, "agent").filter((caption) => caption.segment === segment);
  const last = own.at(-1)!;
  assert.ok(last.final && last.text !== "Open from ten to six.", last.text);
  assert.ok("Open from ten to six.".startsWith(last.text));
});

test("the agent's state is what it is at, and a takeover shows it anew", async () => {
  await using simulation = await open();
  await simulation.quiet();
  simulation.say("when are you open");
  await simulation.run(8_000);
  const states = statesOf(simulation).map(([, value]) => value);
  const turn = ["thinking", "speaking", "listening"];
  assert.deepEqual(states, ["listening", ...turn, ...turn]);
  await simulation.takeover();
  await simulation.quiet();
  assert.equal(statesOf(simulation).at(-1)?.[1], "listening");
  assert.equal(statesOf(simulation).length, states.length + 1);
  assert.equal((await replay(simulation.records, { machines: MACHINES })).verdict, "reproduced");
});
