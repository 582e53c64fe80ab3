import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Tool } from "../../src/providers/tool.port.ts";
import { CUT_NOTE } from "../../src/folds/history.ts";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

/** What the model is asked: no word that was not heard, and none of the caller's twice. */
const QUESTION = "What are your opening hours?";
const HEARD = "Doors open early each morning. Dinner";
const GREETED = `assistant: ${GREETING}`;

async function ask(stage: Stage): Promise<void> {
  await stage.say(0, QUESTION, { ms: 1_000 });
}

suite("what the model is asked", () => {
  test("the instructions first, then the call as it went", async () => {
    const texts = { greeting: GREETING, instructions: "Be brief." };
    await using stage = await Stage.open({ texts });
    await ask(stage);
    await stage.say(9_000, "And on Sunday?", { ms: 800 });
    await stage.close();
    const first = ["system: Be brief.", GREETED, `user: ${QUESTION}`];
    assert.deepEqual(stage.asked(0), first);
    assert.deepEqual(stage.asked(1), [...first, `assistant: ${ANSWER}`, "user: And on Sunday?"]);
  });

  test("after a cut: the heard words alone, and a note beside them", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.say(4_000, "No, I mean Sunday.", { ms: 900 });
    await stage.close();
    assert.deepEqual(stage.asked(1), [
      GREETED,
      `user: ${QUESTION}`,
      `assistant: ${HEARD}`,
      `system: ${CUT_NOTE}`,
      "user: No, I mean Sunday.",
    ]);
  });

  test("the cut counts to the word: half of one is heard, less is not", async () => {
    for (const [at, heard] of [
      [3_880, "Doors open early each morning."],
      [3_920, HEARD],
    ] as const) {
      await using stage = await Stage.open();
      await ask(stage);
      await stage.until(at);
      await stage.simulation.host.command({ name: "interrupt", force: false }, "test");
      await stage.close();
      assert.equal(stage.turns[1]?.heardText, heard, `cut at ${at}`);
    }
  });

  test("an answer that was paused and went on is a plain one, the aside is not told", async () => {
    // The final comes before, with, and long after the end of the turn that heard it.
    for (const aside of [{ finalAfterMs: 100 }, {}, { interims: [], finalAfterMs: 2_000 }]) {
      await using stage = await Stage.open();
      await ask(stage);
      await stage.say(4_000, "uh-huh", { ms: 350, ...aside });
      await stage.say(12_000, "And on Sunday?", { ms: 800 });
      await stage.close();
      const asked = [GREETED, `user: ${QUESTION}`, `assistant: ${ANSWER}`, "user: And on Sunday?"];
      assert.deepEqual(stage.asked(1), asked);
    }
  });

  test("the agent's own words that a microphone gave back are nobody's", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    const text = "doors open early";
    const interims = [{ afterMs: 300, text }];
    await stage.say(3_200, text, { ms: 800, interims, finalAfterMs: 4_000 });
    await stage.say(13_000, "And on Sunday?", { ms: 800 });
    await stage.close();
    const asked = [GREETED, `user: ${QUESTION}`, `assistant: ${ANSWER}`, "user: And on Sunday?"];
    assert.deepEqual(stage.asked(1), asked);
  });

  test("words of a turn nothing was heard of are asked once, with the next ones", async () => {
    await using stage = await Stage.open();
    await stage.say(0, "What time is it?", { ms: 900 });
    await stage.say(1_700, "And the date?", { ms: 700 });
    await stage.say(10_000, "And on Sunday?", { ms: 800 });
    await stage.close();
    const both = "user: What time is it? And the date?";
    assert.deepEqual(stage.asked(1), [GREETED, both]);
    assert.deepEqual(stage.asked(2), [
      GREETED,
      both,
      `assistant: ${ANSWER}`,
      "user: And on Sunday?",
    ]);
  });

  test("a final that comes after the answer began is known once, to the next request", async () => {
    for (const finalAfterMs of [5_000, 9_000]) {
      await using stage = await Stage.open();
      await stage.say(0, QUESTION, { ms: 1_000, finalAfterMs });
      await stage.say(14_000, "And on Sunday?", { ms: 800 });
      await stage.close();
      assert.deepEqual(stage.asked(0), [GREETED, "user: What are your"]);
      const asked = [GREETED, `user: ${QUESTION}`, `assistant: ${ANSWER}`, "user: And on Sunday?"];
      assert.deepEqual(stage.asked(1), asked);
      assert.equal(stage.turns[1]?.userText, QUESTION);
    }
  });

  test("words that were unsure until their turn was given up are not lost", async () => {
    await using stage = await Stage.open();
    await stage.say(0, "What are your opening hours?", { ms: 1_000 });
    const interims = [{ afterMs: 300, text: "stop it", stable: 0 }];
    await stage.say(4_000, "stop it", { ms: 500, interims, finalAfterMs: 1_200 });
    await stage.close();
    assert.equal(stage.turns.at(-1)?.status, "completed");
    const words = stage.asked(1).filter((line) => line.includes("stop it"));
    assert.deepEqual(words, ["user: stop it"]);
  });

  test("what was said by command is history, what was never played is not", async () => {
    await using stage = await Stage.open();
    const text = "We close in ten minutes.";
    const command = { name: "say", ref: "notice.1", chars: text.length, now: false } as const;
    await stage.simulation.host.command(command, "test", text);
    await ask(stage);
    await stage.close();
    // At 0 the notice has played nothing: the caller spoke over its beginning.
    const heard = stage.turns[1]?.heardText ?? "";
    assert.ok(text.startsWith(heard) && heard !== text, `heard: ${heard}`);
    const said = stage.asked(0).filter((line) => line.startsWith("assistant: We"));
    assert.deepEqual(said, heard ? [`assistant: ${heard}`] : []);
  });

  test("instructions given during the call come last before the caller's words", async () => {
    await using stage = await Stage.open();
    const command = { name: "instruct", ref: "instruction.1" } as const;
    await stage.simulation.host.command(command, "test", "Speak of nothing but fish.");
    await ask(stage);
    await stage.close();
    const asked = [GREETED, "system: Speak of nothing but fish.", `user: ${QUESTION}`];
    assert.deepEqual(stage.asked(0), asked);
  });
});

suite("tools in what the model is asked", () => {
  const lookUp: Tool = {
    spec: { name: "look_up", description: "looks up the hours", parameters: {} },
    write: false,
    idempotent: true,
    timeoutMs: 5_000,
    run: (input) => Promise.resolve({ asked: input, hours: "nine to six" }),
  };

  test("the call and its result, with the words that led to it", async () => {
    await using stage = await Stage.open({
      tools: [lookUp],
      answer: (_, index) =>
        index === 0
          ? { toolCalls: [{ id: "x", name: "look_up", input: { day: "Monday" } }] }
          : { text: ANSWER },
    });
    await ask(stage);
    await stage.close();
    assert.deepEqual(stage.asked(1), [
      GREETED,
      `user: ${QUESTION}`,
      "assistant:  + look_up",
      'tool: {"asked":{"day":"Monday"},"hours":"nine to six"}',
    ]);
    assert.deepEqual(stage.requests[0]?.tools, [lookUp.spec]);
    assert.equal(stage.turns[1]?.heardText, ANSWER);
  });

  test("words said before a tool runs stand before its call", async () => {
    const toolCalls = [{ id: "x", name: "look_up", input: null }];
    await using stage = await Stage.open({
      tools: [lookUp],
      answer: (_, index) => (index === 0 ? { text: "One moment.", toolCalls } : { text: ANSWER }),
    });
    await ask(stage);
    await stage.close();
    assert.equal(stage.asked(1)[2], "assistant: One moment. + look_up");
    assert.equal(stage.turns[1]?.heardText, `One moment. ${ANSWER}`);
  });

  test("two calls at once are both answered before the model goes on", async () => {
    const call = (id: string) => ({ id, name: "look_up", input: id });
    await using stage = await Stage.open({
      tools: [lookUp],
      answer: (_, index) =>
        index === 0 ? { toolCalls: [call("a"), call("b")] } : { text: ANSWER },
    });
    await ask(stage);
    await stage.close();
    assert.equal(stage.requests.length, 2);
    assert.deepEqual(stage.asked(1).slice(2), [
      "assistant:  + look_up + look_up",
      'tool: {"asked":"a","hours":"nine to six"}',
      'tool: {"asked":"b","hours":"nine to six"}',
    ]);
  });
});
