import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { LogRecord } from "../../src/events/record.ts";
import { Stage } from "./support/stage.ts";

/** What may be told to a running call from outside, and words that are typed. */
const QUESTION = "What are your opening hours?";
const NOTICE = "We close in ten minutes.";

async function ask(stage: Stage): Promise<void> {
  await stage.say(0, QUESTION, { ms: 1_000 });
}

function say(stage: Stage, now = false): Promise<LogRecord> {
  const command = { name: "say", ref: "notice.1", chars: NOTICE.length, now } as const;
  return stage.simulation.host.command(command, "test", NOTICE);
}

/** The answer to the question as far as it goes undisturbed. */
const ASKED = `
  64 t2 hearing
  1250 t2 waiting
  1300 t2 request
  1500 t2 thinking
  1600 t2 speaking
  1700 voice`;

suite("commands to a call", () => {
  test("say: at once where nothing is live, without a model", async () => {
    await using stage = await Stage.open();
    await stage.until(1_000);
    const record = await say(stage);
    assert.equal(record.input["by"], "test");
    await stage.close();
    stage.expect(`
      1000 t2 thinking
      1000 t2 speaking
      1100 voice
      3100 t2 completed, heard 5
      3100 silence
      23100 closed`);
    assert.equal(stage.requests.length, 0);
    assert.equal(stage.turns[1]?.heardText, NOTICE);
  });

  test("say: waits for the answer that is being given", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    await say(stage);
    await stage.close();
    stage.expect(`${ASKED}
      7700 t2 completed, heard 15
      7700 t3 thinking
      7700 t3 speaking
      7700 silence
      7800 voice
      9800 t3 completed, heard 5
      9800 silence
      29800 closed`);
  });

  test("say now: cuts the answer, and is said", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    await say(stage, true);
    await stage.close();
    stage.expect(`${ASKED}
      4000 t2 interrupted
      4000 t2 cutOff, heard 6
      4000 t3 thinking
      4000 t3 speaking
      4000 silence
      4100 voice
      6100 t3 completed, heard 5
      6100 silence
      26100 closed`);
  });

  test("say now never cuts the user: it waits for the answer", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(600);
    await say(stage, true);
    await stage.close();
    stage.expect(`${ASKED}
      7700 t2 completed, heard 15
      7700 t3 thinking
      7700 t3 speaking
      7700 silence
      7800 voice
      9800 t3 completed, heard 5
      9800 silence
      29800 closed`);
  });

  test("interrupt: silence at once, nothing is said instead", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    await stage.simulation.host.command({ name: "interrupt", force: false }, "test");
    await stage.close();
    stage.expect(`${ASKED}
      4000 t2 interrupted
      4000 t2 cutOff, heard 6
      4000 silence
      26000 closed`);
  });

  test("interrupt with nothing to stop changes nothing", async () => {
    await using stage = await Stage.open();
    await stage.until(1_000);
    const record = await stage.simulation.host.command({ name: "interrupt", force: true }, "test");
    assert.equal(record.outcome.ignored, "no transition");
    await stage.close();
  });

  test("mute cuts the answer and leaves questions unanswered; unmute ends that", async () => {
    await using stage = await Stage.open();
    const { host } = stage.simulation;
    await ask(stage);
    await stage.until(4_000);
    await host.command({ name: "mute" }, "test");
    await stage.say(5_000, "Are you there?", { ms: 600 });
    await stage.until(9_000);
    await host.command({ name: "unmute" }, "test");
    await stage.say(10_000, "Hello, anybody there?", { ms: 600 });
    await stage.close();
    const sounds = stage.simulation.room.agentSound.map(({ at }) => at - stage.startedAt);
    assert.deepEqual(
      sounds.filter((ms) => ms >= 4_000 && ms < 11_000),
      [],
    );
    assert.deepEqual(
      stage.turns.map(({ n, status, heardText }) => [n, status, heardText !== ""]),
      [
        [1, "completed", true],
        [2, "cutOff", true],
        [3, "abandoned", false],
        [4, "completed", true],
      ],
    );
    assert.ok(stage.asked(stage.requests.length - 1).includes("user: Are you there?"));
  });

  test("what is to be said while muted is said after", async () => {
    await using stage = await Stage.open();
    const { host } = stage.simulation;
    await stage.until(1_000);
    await host.command({ name: "mute" }, "test");
    await say(stage);
    await stage.until(5_000);
    await host.command({ name: "unmute" }, "test");
    await stage.close();
    stage.expect(`
      5000 t2 thinking
      5000 t2 speaking
      5100 voice
      7100 t2 completed, heard 5
      7100 silence
      27100 closed`);
  });

  test("end: the farewell is said, then the call is closed with the reason given", async () => {
    await using stage = await Stage.open();
    await stage.until(1_000);
    await stage.simulation.host.command({ name: "end", reason: "shop closed" }, "test");
    await stage.close();
    stage.expect(`
      1000 t2 thinking
      1000 t2 speaking
      1100 voice
      1500 t2 completed, heard 1
      1500 closed
      1500 silence`);
    const last = (await stage.log()).at(-1);
    assert.deepEqual([last?.input["how"], last?.input["reason"]], ["closed", "shop closed"]);
  });

  test("end during an answer: the answer is heard out first", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    await stage.simulation.host.command({ name: "end", reason: "shop closed" }, "test");
    await stage.close();
    stage.expect(`${ASKED}
      7700 t2 completed, heard 15
      7700 t3 thinking
      7700 t3 speaking
      7700 silence
      7800 voice
      8200 t3 completed, heard 1
      8200 closed
      8200 silence`);
  });

  test("an ended call takes no command and no second end", async () => {
    await using stage = await Stage.open();
    const { host } = stage.simulation;
    await host.command({ name: "end", reason: "done" }, "test");
    await stage.close();
    const refused = host.command({ name: "interrupt", force: true }, "test");
    await assert.rejects(refused, { code: "call.closed" });
  });
});

suite("typed words", () => {
  test("are an utterance by themselves and answered by voice", async () => {
    await using stage = await Stage.open();
    await stage.until(1_000);
    stage.simulation.room.type("ann", "Where can I park?");
    await stage.close();
    stage.expect(`
      1000 t2 waiting
      1000 t2 request
      1500 t2 thinking
      1500 t2 speaking
      1600 voice
      7600 t2 completed, heard 15
      7600 silence
      27600 closed`);
    assert.equal(stage.turns[1]?.userText, "Where can I park?");
    assert.equal(stage.turns[1]?.latencyMs.e2e, null);
  });

  test("are judged in the language of the call, as their replay does", async () => {
    await using stage = await Stage.open({ settings: { language: "de" } });
    await stage.until(1_000);
    stage.simulation.room.type("ann", "Ich komme heute und");
    await stage.close();
    const typed = stage.simulation.records.flatMap(({ input }) => {
      const event = input["event"] as { type: string; class: string } | undefined;
      return event?.type === "text.received" ? [event.class] : [];
    });
    assert.deepEqual(typed, ["hanging"]);
  });

  test("cut an answer as spoken ones do", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(4_000);
    stage.simulation.room.type("ann", "No, on Sunday.");
    await stage.close();
    assert.deepEqual(
      stage.turns.map(({ n, status, userText }) => [n, status, userText]),
      [
        [1, "completed", ""],
        [2, "cutOff", QUESTION],
        [3, "completed", "No, on Sunday."],
      ],
    );
    const { agentSound } = stage.simulation.room;
    const silent = agentSound.filter(({ at }) => at >= stage.startedAt + 4_000);
    assert.ok(silent[0]!.at >= stage.startedAt + 4_500, "the answer was cut at once");
  });
});
