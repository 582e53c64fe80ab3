import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AfterTurn, Hooks } from "../../src/actors/agent-parts.ts";
import { sleep, type Clock } from "../../src/base/clock.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import type { Endpointer } from "../../src/providers/endpointer.port.ts";
import { ScriptedVad } from "../../src/providers/scripted/scripted-ears.ts";
import { ScriptedLlm } from "../../src/providers/scripted/scripted-mouth.ts";
import type { ToolDirective } from "../../src/events/effect.events.ts";
import { ToolResult, type Tool } from "../../src/providers/tool.port.ts";
import { ANSWER, GREETING, Stage } from "./support/stage.ts";

/** Hears an end in everything. */
class SureEndpointer implements Endpointer {
  readonly name = "sure";
  readonly rateHz = 8_000;
  readonly windowMs = 8_000;
  warm(): Promise<void> {
    return Promise.resolve();
  }
  judge(): Promise<number> {
    return Promise.resolve(0.9);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const texts = { greeting: GREETING, farewell: "Goodbye.", instructions: "You are the desk." };

async function ask(stage: Stage, ms = 0, text = "What are your opening hours?"): Promise<void> {
  await stage.say(ms, text, { ms: 1_000 });
}

function directing(then: ToolDirective): Tool {
  return {
    spec: { name: "direct", description: "", parameters: {} },
    write: false,
    idempotent: false,
    timeoutMs: 5_000,
    run: () => Promise.resolve(new ToolResult({ ok: true }, then)),
  };
}

const DIRECTS = { toolCalls: [{ id: "1", name: "direct", input: {} }] };

function openHooked(hooks: Hooks): Promise<Stage> {
  return Stage.open({ texts, hooks });
}

suite("hooks", () => {
  test("what beforeReply finds stands before the words it was found for", async () => {
    const seen: string[] = [];
    const beforeReply: Hooks["beforeReply"] = ({ text }) => {
      seen.push(text);
      return Promise.resolve("Open from nine to five.");
    };
    await using stage = await openHooked({ beforeReply });
    await ask(stage);
    await stage.close();
    assert.deepEqual(seen, ["What are your opening hours?"]);
    assert.deepEqual(stage.asked(0).slice(-2), [
      "system: Open from nine to five.",
      "user: What are your opening hours?",
    ]);
  });

  test("failed or too slow: the answer is made without it, and the log says so", async () => {
    for (const late of [true, false]) {
      const beforeReply: Hooks["beforeReply"] = (_, { signal }) =>
        late
          ? new Promise(() => signal.addEventListener("abort", () => {}))
          : Promise.reject(new Error("no"));
      await using stage = await openHooked({ beforeReply });
      await ask(stage);
      await stage.close();
      assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
      const context = stage.simulation.records
        .map(({ input }) => input["event"] as { type: string; how: string } | undefined)
        .find((event) => event?.type === "reply.context");
      assert.equal(context?.how, late ? "late" : "failed");
    }
  });

  test("afterTurn runs once for each answered turn, and is waited for before the end", async () => {
    const turns: AfterTurn[] = [];
    const keys: string[] = [];
    const afterTurn: Hooks["afterTurn"] = async (turn, { key }) => {
      await sleep(stage.simulation.clock, 300);
      turns.push(turn);
      keys.push(key);
      return { noted: turn.turn };
    };
    const stage = await openHooked({ afterTurn });
    await ask(stage);
    await stage.close();
    await stage[Symbol.asyncDispose]();
    assert.deepEqual(keys, ["afterTurn.2"]);
    assert.deepEqual(turns, [
      {
        turn: 2,
        status: "completed",
        userText: "What are your opening hours?",
        agentText: ANSWER,
        heardText: ANSWER,
      },
    ]);
    const ended = stage.simulation.records.find(({ input }) =>
      (input["effect"] as string | undefined)?.endsWith("afterTurn.2"),
    );
    assert.deepEqual(ended?.text?.value, { output: { noted: 2 } });
  });

  test("an afterTurn without an end is given up, so that the call can end", async () => {
    let heeded = false;
    const afterTurn: Hooks["afterTurn"] = (_, { signal }) => {
      signal.addEventListener("abort", () => (heeded = true));
      return new Promise(() => undefined);
    };
    await using stage = await openHooked({ afterTurn });
    await ask(stage);
    await stage.close();
    const ended = stage.simulation.records.find(({ input }) =>
      (input["effect"] as string | undefined)?.endsWith("afterTurn.2"),
    );
    assert.deepEqual([ended?.input["how"], ended?.input["error"]], ["failed", "tool.failed"]);
    assert.deepEqual(ended?.text?.value, { output: { error: "afterTurn took too long" } });
    assert.ok(heeded);
  });

  test("what beforeReply gives and no record can hold is left out of the request", async () => {
    await using stage = await openHooked({ beforeReply: () => "x".repeat(40_000) });
    await ask(stage);
    await stage.close();
    assert.equal(stage.asked(0).join().includes("xxx"), false);
    const events = stage.simulation.records.flatMap(({ input, text }) => {
      const event = input["event"] as { type: string; how: string } | undefined;
      return event?.type === "reply.context" ? [[event.how, text?.value]] : [];
    });
    assert.deepEqual(events, [["failed", { text: "record.tooLarge" }]]);
  });

  test("an afterTurn that was lost with its owner runs again under its key", async () => {
    const keys: string[] = [];
    const afterTurn: Hooks["afterTurn"] = (_, { key }) => {
      keys.push(key);
      return keys.length === 1 ? new Promise(() => undefined) : Promise.resolve(undefined);
    };
    await using stage = await openHooked({ afterTurn });
    await ask(stage);
    await stage.until(9_000);
    await stage.simulation.takeover();
    await stage.simulation.run(1_000);
    assert.deepEqual(keys, ["afterTurn.2", "afterTurn.2"]);
  });
});

suite("a tool that does more than answer", () => {
  function openHanded(then: ToolDirective): Promise<Stage> {
    const answer = (_: unknown, i: number) => (i === 0 ? DIRECTS : { text: "I am the desk." });
    let billing: ScriptedLlm | undefined;
    return Stage.open({
      texts: { ...texts, "billing/instructions": "You are billing." },
      answer,
      tools: [directing(then)],
      agents: {
        get billing() {
          return { models: billing ? [billing] : [], tools: [] };
        },
      },
      otherLlms: (clock) => {
        billing ??= new ScriptedLlm(clock, ({ messages }) => ({
          text: messages[0]?.role === "system" ? `${messages[0].text} Now.` : "?",
        }));
        return [];
      },
    });
  }

  test("hands the call over: the next agent answers at once, by its own instructions", async () => {
    await using stage = await openHanded({ handoff: "billing" });
    await ask(stage);
    await ask(stage, 9_000, "And who are you?");
    await stage.close();
    assert.equal(stage.turns[1]?.heardText, "You are billing. Now.");
    assert.equal(stage.turns[2]?.heardText, "You are billing. Now.");
  });

  test("cannot hand it to nobody: the model is told", async () => {
    await using stage = await openHanded({ handoff: "nobody" });
    await ask(stage);
    await stage.close();
    assert.equal(stage.turns[1]?.heardText, "I am the desk.");
    assert.match(stage.asked(1).at(-1)!, /there is no agent nobody/);
  });

  test("hangs up: the answer is heard out, then the call ends", async () => {
    await using stage = await openHanded({ hangUp: true });
    await ask(stage);
    await stage.close();
    const over = stage.simulation.records.at(-1)!;
    assert.equal(stage.turns.at(-1)?.heardText, "I am the desk.");
    assert.deepEqual(over.input, {
      type: "call.ended",
      how: "closed",
      reason: "the agent hung up",
    });
    assert.ok(over.at - stage.startedAt < 6_000);
  });
});

suite("a tool that outlives its turn", () => {
  /** Takes 5 s, and is not stopped by the words at 3.5 s. */
  async function openSlow(directive: ToolDirective): Promise<Stage> {
    const clock: { now?: Clock } = {};
    const slow: Tool = {
      ...directing(directive),
      onBargeIn: "finish",
      run: async (_, { signal }) => {
        await sleep(clock.now!, 3_500, signal);
        return new ToolResult({ ok: true }, directive);
      },
    };
    const stage = await Stage.open({
      texts: { ...texts, "billing/instructions": "You are billing." },
      answer: (_, i) => (i === 0 ? DIRECTS : { text: "I am the desk." }),
      tools: [slow],
      agents: { billing: { tools: [] } },
    });
    clock.now = stage.simulation.clock;
    await ask(stage);
    const interims = [{ afterMs: 300, text: "wait I" }];
    await stage.say(3_500, "wait I have another question.", { ms: 2_500, interims });
    return stage;
  }

  test("hands over while the caller speaks: the next agent answers them", async () => {
    await using stage = await openSlow({ handoff: "billing" });
    await stage.close();
    assert.equal(stage.asked(1)[0], "system: You are billing.");
  });

  test("does not hang up on a caller who speaks", async () => {
    await using stage = await openSlow({ hangUp: true });
    await stage.until(12_000);
    assert.equal(stage.turns.at(-1)?.heardText, "I am the desk.");
    await stage.close();
  });
});

test("who speaks while the agent says goodbye keeps the call", async () => {
  const answer = (_: unknown, i: number) =>
    i === 0 ? DIRECTS : { text: i === 1 ? "Goodbye, and thank you for your call." : ANSWER };
  await using stage = await Stage.open({ answer, tools: [directing({ hangUp: true })] });
  await ask(stage);
  const interims = [{ afterMs: 300, text: "wait what" }];
  await stage.say(3_000, "wait what about Sunday?", { ms: 1_000, interims });
  await stage.until(12_000);
  assert.equal(stage.turns.at(-1)?.heardText, ANSWER);
  await stage.close();
});

suite("settings that change during the call", () => {
  test("count from the next turn's timers on; what is armed keeps its value", async () => {
    await using stage = await Stage.open();
    await ask(stage);
    await stage.until(1_300);
    await stage.simulation.host.set({ endpointing: { minDelay: 2_000 } }, "test");
    await ask(stage, 10_000, "Are you open today?");
    await stage.close();
    const ends = stage.turns.slice(1).map(({ latencyMs }) => latencyMs.endOfTurn);
    assert.deepEqual(ends, [500, 2_000]);
  });

  test("what is computed at the edge follows them too", async () => {
    await using stage = await Stage.open();
    await stage.simulation.host.set({ endpointing: { endpointer: "silence" } }, "test");
    await ask(stage, 0, "I would like a table for");
    await stage.close();
    assert.equal(stage.turns[1]?.latencyMs.endOfTurn, 500);
  });

  test("are refused with their name where they do not fit", async () => {
    await using stage = await Stage.open();
    const heard = { heard: { note: "none" } };
    await assert.rejects(async () => stage.simulation.host.set(heard, "test"), {
      code: "config.invalid",
      message: /heard is fixed/,
    });
    await assert.rejects(
      async () => stage.simulation.host.set({ endpointing: { minDelay: -1 } }, "test"),
      { code: "config.invalid", message: /minDelay/ },
    );
  });

  test("an edited agent goes on with the call, with its new words", async () => {
    await using stage = await Stage.open({ texts });
    const settings = TurnSettings.parse({});
    const agent = { name: "simulated", hash: "new" };
    const edited = { instructions: "You are kind.", farewell: "Bye." };
    const command = { agent, settings, agents: {}, texts: Object.keys(edited), hooks: [] };
    await stage.simulation.host.command({ name: "agent", ...command }, "dev", edited);
    await ask(stage);
    await stage.close();
    assert.equal(stage.asked(0)[0], "system: You are kind.");
  });
});

suite("without interruptions", () => {
  const over = { ms: 900, interims: [{ afterMs: 300, text: "No I" }] };

  test("nothing a caller says stops an answer; it is answered after", async () => {
    await using stage = await Stage.open({ settings: { interruption: { enabled: false } } });
    await ask(stage);
    await stage.say(4_000, "No, I mean Sunday.", over);
    await stage.close();
    const [, first, second] = stage.turns;
    assert.deepEqual([first?.status, first?.heardText], ["completed", ANSWER]);
    assert.deepEqual([second?.userText, second?.heardText], ["No, I mean Sunday.", ANSWER]);
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1600 t2 speaking
      1700 voice
      4064 t3 hearing
      5150 t3 waiting
      5400 t3 ready
      7700 t2 completed, heard 15
      7700 t3 thinking
      7700 t3 request
      7700 silence
      8000 t3 speaking
      8100 voice
      14100 t3 completed, heard 15
      14100 silence
      34100 closed`);
  });

  test("one text can be said so, in a call that may be interrupted", async () => {
    await using stage = await Stage.open();
    const text = "This call is recorded for your safety.";
    const say = { name: "say", ref: "n.1", chars: text.length, now: true } as const;
    await stage.simulation.host.command({ ...say, interruptible: false }, "test", text);
    await stage.say(1_000, "What are your hours?", over);
    await stage.close();
    assert.equal(stage.turns[1]?.heardText, text);
    assert.equal(stage.turns[2]?.userText, "What are your hours?");
  });
});

suite("when an answer is held", () => {
  const settings = { interruption: { pauseAfter: 400 } };

  test("speech shorter than pauseAfter does not stop it", async () => {
    await using stage = await Stage.open({ settings });
    await ask(stage);
    await stage.say(4_000, "hm", { ms: 150, interims: [], finalAfterMs: null });
    await stage.close();
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1600 t2 speaking
      1700 voice
      4064 t3 contested
      5000 t3 abandoned, heard 0
      7700 t2 completed, heard 15
      7700 silence
      27700 closed`);
  });

  test("longer speech holds it when it has lasted, real words cut it at once", async () => {
    await using stage = await Stage.open({ settings });
    await ask(stage);
    const interims = [{ afterMs: 600, text: "no wait" }];
    await stage.say(4_000, "no wait please", { ms: 1_000, interims });
    await stage.until(5_000);
    stage.expect(`
      64 t2 hearing
      1250 t2 waiting
      1300 t2 request
      1500 t2 thinking
      1600 t2 speaking
      1700 voice
      4064 t3 contested
      4464 t2 paused
      4464 silence
      4600 t3 hearing
      4600 t2 interrupted
      4600 t2 cutOff, heard 7`);
  });
});

suite("who says that a turn is over", () => {
  test("silence: any words are complete", async () => {
    await using stage = await Stage.open({ settings: { endpointing: { endpointer: "silence" } } });
    await ask(stage, 0, "I would like a table for");
    await stage.close();
    assert.equal(stage.turns[1]?.latencyMs.endOfTurn, 500);
  });
  for (const endpointer of ["text", "smart-turn"] as const)
    test(`${endpointer}: unfinished words are waited for, unless it hears better`, async () => {
      await using stage = await Stage.open({
        settings: { endpointing: { endpointer } },
        ears: (clock) => ({ vad: new ScriptedVad(clock), endpointer: new SureEndpointer() }),
      });
      await ask(stage, 0, "I would like a table for");
      await stage.close();
      assert.equal(stage.turns[1]?.latencyMs.endOfTurn, endpointer === "text" ? 3_000 : 500);
    });
});
