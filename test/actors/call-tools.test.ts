import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { sleep, type Clock } from "../../src/base/clock.ts";
import type { Json } from "../../src/events/record.ts";
import type { ScriptedAnswer } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tool, ToolContext } from "../../src/providers/tool.port.ts";
import { CUT_NOTE } from "../../src/folds/history.ts";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

const QUESTION = "What are your opening hours?";

async function ask(stage: Stage): Promise<void> {
  await stage.say(0, QUESTION, { ms: 1_000 });
}

/** A tool that takes its time on the call's clock; its runs are counted by key. */
class SlowTool implements Tool {
  readonly spec = { name: "slow", description: "", parameters: {} };
  readonly idempotent = true;
  readonly timeoutMs = 15_000;
  readonly sayWhile = "One moment, please.";
  readonly write: boolean;
  readonly runs: { key: string; stopped: boolean }[] = [];
  clock!: Clock;

  constructor(write: boolean) {
    this.write = write;
  }

  async run(_: Json, { key, signal }: ToolContext): Promise<Json> {
    const run = { key, stopped: false };
    this.runs.push(run);
    await sleep(this.clock, 5_000, signal);
    run.stopped = signal.aborted;
    return { booked: "yes" };
  }
}

const WANTS_TOOL: ScriptedAnswer = { toolCalls: [{ id: "1", name: "slow", input: { at: 8 } }] };

async function openWithTool(tool: SlowTool): Promise<Stage> {
  const answer = (_: unknown, index: number) => (index === 0 ? WANTS_TOOL : { text: ANSWER });
  const texts = { greeting: GREETING, "tool.slow": tool.sayWhile };
  const stage = await Stage.open({ answer, texts, tools: [tool] });
  tool.clock = stage.simulation.clock;
  return stage;
}

suite("a call with a slow tool", () => {
  test("13 a read is stopped by the caller's words, and the model told so", async () => {
    const tool = new SlowTool(false);
    await using stage = await openWithTool(tool);
    await ask(stage);
    const interims = [{ afterMs: 300, text: "never" }];
    await stage.say(3_500, "never mind", { ms: 1_200, interims });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1600 t2 working
      1600 tool start
      2900 voice
      3564 t3 contested
      3564 t2 paused
      3564 silence
      3800 t3 hearing
      3800 t2 interrupted
      3800 t2 cutOff, heard 2
      3800 tool stop
      3800 tool ended stopped
      4950 t3 waiting
      5000 t3 request
      5200 t3 thinking
      5300 t3 speaking
      5400 voice
      11400 t3 completed, heard 15
      11400 silence
      31400 closed`);
    assert.deepEqual(
      tool.runs.map(({ stopped }) => stopped),
      [true],
    );
    assert.deepEqual(stage.asked(1), [
      `assistant: ${GREETING}`,
      `user: ${QUESTION}`,
      "assistant:  + slow",
      'tool: {"status":"cancelled"}',
      "assistant: One moment,",
      `system: ${CUT_NOTE}`,
      "user: never mind",
    ]);
  });

  test("14 a write runs on, shows as pending and later with its result", async () => {
    const tool = new SlowTool(true);
    await using stage = await openWithTool(tool);
    await ask(stage);
    const interims = [{ afterMs: 300, text: "and for" }];
    await stage.say(3_500, "and for six, please.", { ms: 1_200, interims });
    await stage.say(13_000, "Is it done?", { ms: 700 });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1600 t2 working
      1600 tool start
      2900 voice
      3564 t3 contested
      3564 t2 paused
      3564 silence
      3800 t3 hearing
      3800 t2 interrupted
      3800 t2 cutOff, heard 2
      4950 t3 waiting
      5000 t3 request
      5200 t3 thinking
      5300 t3 speaking
      5400 voice
      6600 tool ended done
      11400 t3 completed, heard 15
      11400 silence
      13064 t4 hearing
      13950 t4 waiting
      14000 t4 request
      14200 t4 thinking
      14300 t4 speaking
      14400 voice
      20400 t4 completed, heard 15
      20400 silence
      40400 closed`);
    assert.equal(tool.runs.length, 1);
    assert.ok(stage.asked(1).includes('tool: {"status":"pending"}'));
    assert.ok(stage.asked(2).includes('tool: {"booked":"yes"}'));
  });

  test("the same write asked for again while it runs is joined: it runs once", async () => {
    const tool = new SlowTool(true);
    const answer = (_: unknown, index: number) => (index < 2 ? WANTS_TOOL : { text: ANSWER });
    const texts = { greeting: GREETING };
    await using stage = await Stage.open({ answer, texts, tools: [tool] });
    tool.clock = stage.simulation.clock;
    await ask(stage);
    await stage.say(3_000, "Book it, please.", { ms: 1_000 });
    await stage.close();
    assert.equal(tool.runs.length, 1);
    assert.deepEqual(stage.asked(2).slice(-3), [
      `user: ${QUESTION} Book it, please.`,
      "assistant:  + slow",
      'tool: {"booked":"yes"}',
    ]);
    assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
  });
});
