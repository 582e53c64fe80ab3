import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Clock } from "../../src/base/clock.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { usageOf } from "../../src/folds/usage.ts";
import {
  ScriptedLlm,
  ScriptedTts,
  type VoiceScript,
} from "../../src/providers/scripted/scripted-mouth.ts";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

const QUESTION = "What are your opening hours?";
const FILLER = "One moment.";
const texts = { greeting: GREETING, filler: FILLER };
const NEVER = { text: ANSWER, afterMs: 60_000 };

async function ask(stage: Stage): Promise<void> {
  await stage.say(0, QUESTION, { ms: 1_000 });
}

function progressOf(records: readonly LogRecord[], type: string) {
  return records
    .map(({ at, input }) => ({ at, event: input["event"] as { type: string } | undefined }))
    .filter(({ event }) => event?.type === type);
}

/** A voice that speaks the greeting as it should, and then as its script says. */
function voices(script: VoiceScript) {
  return (clock: Clock) => [
    { tts: new ScriptedTts(clock, { model: "a", ...script }), name: "scripted" },
    { tts: new ScriptedTts(clock, { model: "b" }), name: "scripted" },
  ];
}

suite("an answer that keeps its caller waiting", () => {
  test("11 a late first token: a filler, then the next model answers", async () => {
    let second: ScriptedLlm | undefined;
    await using stage = await Stage.open({
      texts,
      answer: () => NEVER,
      otherLlms: (clock) => [(second ??= new ScriptedLlm(clock, () => ({ text: ANSWER }), "b"))],
    });
    await ask(stage);
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      2800 voice
      3600 silence
      4500 t2 request
      4800 t2 speaking
      4900 voice
      10900 t2 completed, heard 17
      10900 silence
      30900 closed`);
    assert.equal(second?.requests.length, 1);
    const [{ at, event } = { at: 0, event: undefined }] = progressOf(
      stage.simulation.records,
      "reply.switched",
    );
    assert.equal(at - stage.startedAt, 4_500);
    assert.deepEqual(event, {
      type: "reply.switched",
      what: "model",
      from: "scripted-llm",
      to: "b",
      why: "late",
      ms: 3_000,
    });
    const tokens = usageOf(stage.simulation.records).filter(({ service }) => service === "llm");
    assert.deepEqual(
      tokens.map(({ model, meter, estimated }) => [model, meter, estimated]),
      [
        ["scripted-llm", "inputTokens", true],
        ["scripted-llm", "outputTokens", true],
        ["b", "inputTokens", false],
        ["b", "outputTokens", false],
      ],
    );
  });

  test("a model that breaks before its first token is left at once", async () => {
    await using stage = await Stage.open({
      answer: () => ({ fails: true }),
      otherLlms: (clock) => [new ScriptedLlm(clock, () => ({ text: ANSWER }), "b")],
    });
    await ask(stage);
    await stage.close();
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
    const [{ event } = { event: undefined }] = progressOf(
      stage.simulation.records,
      "reply.switched",
    );
    assert.equal((event as unknown as { why: string }).why, "provider.failed");
  });

  test("a slow last model: one filler, however long it takes", async () => {
    await using stage = await Stage.open({
      texts,
      answer: () => ({ text: ANSWER, afterMs: 6_000 }),
    });
    await ask(stage);
    await stage.close();
    assert.equal(stage.turns.at(-1)?.heardText, `${FILLER} ${ANSWER}`);
  });

  test("an answer that comes while the filler is made is said without it", async () => {
    await using stage = await Stage.open({
      texts,
      answer: () => ({ text: ANSWER, afterMs: 1_450 }),
    });
    await ask(stage);
    await stage.close();
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
  });

  test("an answer that comes while the filler is said follows it", async () => {
    await using stage = await Stage.open({
      texts,
      answer: () => ({ text: ANSWER, afterMs: 1_700 }),
    });
    await ask(stage);
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      2800 voice
      3000 t2 speaking
      9600 t2 completed, heard 17
      9600 silence
      29600 closed`);
  });

  test("words over the filler cut it, and what was heard of it is known", async () => {
    await using stage = await Stage.open({ texts, answer: () => NEVER });
    await ask(stage);
    await stage.say(3_000, "never mind.", { ms: 900, interims: [{ afterMs: 300, text: "never" }] });
    await stage.until(5_000);
    const [, , third] = stage.turns;
    assert.equal(stage.turns[1]?.status, "cutOff");
    assert.equal(stage.turns[1]?.heardText, "One");
    assert.equal(third?.n, 3);
  });

  test("12 a voice that fails each time: the next one says the whole sentence", async () => {
    const script = { fails: (text: string) => text !== GREETING };
    await using stage = await Stage.open({ voices: voices(script) });
    await ask(stage);
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1600 t2 speaking
      2269 voice
      8269 t2 completed, heard 15
      8269 silence
      28269 closed`);
  });

  test("12 (b) a voice that dies: the next one goes on from the word that was cut", async () => {
    const greetingMs = 4_000;
    let first: ScriptedTts | undefined;
    let second: ScriptedTts | undefined;
    const script = { model: "a", breaksAfterMs: greetingMs + 2_900 };
    await using stage = await Stage.open({
      voices: (clock) => {
        second ??= new ScriptedTts(clock, { model: "b" });
        first ??= new ScriptedTts(clock, script);
        return [first, second].map((tts) => ({ tts, name: "scripted" }));
      },
    });
    await ask(stage);
    await stage.close();
    assert.equal(second?.texts[0], "late every evening.");
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
    const sound = stage.simulation.room.agentSound.filter(({ at }) => at > stage.startedAt);
    assert.equal(
      sound.reduce((sum, { ms }) => sum + ms, 0),
      6_000,
    );
  });

  test("the next voice has its own time for a first sound", async () => {
    await using stage = await Stage.open({
      voices: (clock) => [
        { tts: new ScriptedTts(clock, { firstAudioMs: 60_000 }), name: "scripted" },
        { tts: new ScriptedTts(clock, { firstAudioMs: 900 }), name: "scripted" },
      ],
    });
    await stage.until(6_000);
    assert.equal(stage.turns[0]?.heardText, GREETING);
  });

  test("a voice without a sound in its time is left for the next", async () => {
    await using stage = await Stage.open({ voices: voices({ firstAudioMs: 9_000 }) });
    await stage.close();
    const [{ event } = { event: undefined }] = progressOf(
      stage.simulation.records,
      "reply.switched",
    );
    assert.deepEqual(event, {
      type: "reply.switched",
      what: "voice",
      from: "scripted/scripted",
      to: "scripted/scripted",
      why: "late",
      ms: 1_500,
    });
  });
});

suite("a caller who says nothing", () => {
  const quiet = { ...texts, away: "Are you there?", farewell: "Goodbye." };

  test("09 is asked once, then the agent says goodbye and leaves", async () => {
    await using stage = await Stage.open({ texts: quiet });
    await stage.until(60_000);
    // The greeting ended 2 s before the moment that counts here.
    stage.expect(`
      8000 t2 thinking
      8000 t2 speaking
      8100 voice
      9300 t2 completed, heard 3
      9300 silence
      29300 t3 thinking
      29300 t3 speaking
      29400 voice
      29800 t3 completed, heard 1
      29800 closed
      29800 silence`);
  });

  test("a noise does not begin the wait anew, nor does another owner", async () => {
    await using stage = await Stage.open({ texts: quiet });
    await stage.say(3_000, "", { ms: 300 });
    await stage.until(6_000);
    await stage.simulation.takeover();
    await stage.until(9_000);
    assert.equal(stage.turns.at(-1)?.agentText, "Are you there?");
  });

  test("is not asked while the agent is muted", async () => {
    await using stage = await Stage.open({ texts: quiet });
    await stage.simulation.host.command({ name: "mute" }, "test");
    await stage.until(30_000);
    assert.equal(stage.turns.length, 1);
    await stage.simulation.host.command({ name: "unmute" }, "test");
    await stage.until(39_900);
    assert.equal(stage.turns.length, 1);
    await stage.until(40_100);
    assert.equal(stage.turns.length, 2);
  });
});

suite("a noise while the caller waits", () => {
  test("after their words holds the answer only as long as it may be words", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.say(1_300, "", { ms: 250 });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1364 t2 hearing
      1800 t2 waiting
      2150 t2 thinking
      2150 t2 speaking
      2250 voice
      8250 t2 completed, heard 15
      8250 silence
      28250 closed`);
    assert.equal(stage.requests.length, 1);
  });

  test("does not begin the wait for a filler anew", async () => {
    await using stage = await Stage.open({ texts, answer: () => NEVER });
    await ask(stage);
    await stage.say(1_600, "", { ms: 250 });
    await stage.until(4_000);
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1664 t3 contested
      1664 t2 paused
      2700 t3 abandoned, heard 0
      2700 t2 thinking
      2800 voice
      3600 silence`);
  });
});
