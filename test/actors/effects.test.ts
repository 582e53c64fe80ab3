import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AgentParts } from "../../src/actors/agent-parts.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { toolRunner } from "../../src/actors/effects/tool.runner.ts";
import { sleep } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { Json } from "../../src/events/record.ts";
import {
  ScriptedLlm,
  ScriptedTts,
  type ScriptedAnswer,
} from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tool } from "../../src/providers/tool.port.ts";
import { EffectBench, watch } from "./support/effect-bench.ts";

/** Two sentences of 3 words: 1200 ms each. */
const TEXT = "We open nine. We close six.";
const INPUT = { turn: 2, key: "turn.2.1", saying: null, refs: [], speculative: false, agent: "" };

function reply(bench: EffectBench, more: { answer?: ScriptedAnswer; tools?: Tool[] } = {}) {
  const llm = new ScriptedLlm(bench.clock, () => more.answer ?? { text: TEXT });
  const tts = new ScriptedTts(bench.clock);
  const parts = partsOf({ models: [llm], voices: [{ tts, name: "scripted" }], ...more });
  return { llm, runner: replyRunner({ partsOf: () => parts, media: bench.media }) };
}

function partsOf(parts: Partial<AgentParts>): AgentParts {
  return { models: [], voices: [], tools: [], hooks: {}, ...parts };
}

suite("the reply", () => {
  test("asks, speaks sentence by sentence, and says how far it was heard", async () => {
    const bench = await new EffectBench().join();
    const end = watch(bench.run(reply(bench).runner, INPUT));
    await bench.clock.advance(2_799);
    assert.equal(end.done, false);
    await bench.clock.advance(1);
    assert.deepEqual(bench.sound, [[400, 2_800]]);
    assert.equal(end.value?.position, 2_400);
    const facts = bench.met.filter(({ event }) => event.type !== "reply.position");
    assert.deepEqual(
      facts.map(({ ms, event }) => [ms, event.type, event["ref"] ?? null]),
      [
        [0, "reply.requested", null],
        [300, "reply.segment", "9.0.effect.0"],
        [300, "reply.segment", "9.0.effect.1"],
        [400, "speech.segment", "9.0.effect.0"],
        [500, "speech.segment", "9.0.effect.1"],
      ],
    );
    const positions = bench.metOf("reply.position").map(({ event }) => event["ms"]);
    assert.deepEqual(positions, [0, 250, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000, 2_250]);
  });

  test("meters what it used: tokens of the model, characters and sound of the voice", async () => {
    const bench = await new EffectBench().join();
    const end = watch(bench.run(reply(bench).runner, INPUT));
    await bench.clock.advance(5_000);
    const meters = end.value?.usage?.map(({ service, meter, quantity }) => [
      service,
      meter,
      quantity,
    ]);
    const characters = "We open nine.".length + "We close six.".length;
    assert.deepEqual(meters, [
      ["llm", "inputTokens", 0],
      ["llm", "outputTokens", TEXT.length],
      ["tts", "characters", characters],
      ["tts", "audioMs", 2_400],
    ]);
  });

  test("speaks nothing before its sentence is in the log, however long that takes", async () => {
    const bench = await new EffectBench().join();
    bench.ackAfterMs = 900;
    void bench.run(reply(bench).runner, INPUT);
    await bench.clock.advance(1_299);
    assert.deepEqual(bench.sound, []);
    await bench.clock.advance(3_000);
    const heard = bench.sound[0]!;
    // The sentence was offered at 300, acknowledged at 1200, its voice takes 100.
    assert.equal(heard[0], 1_300);
    for (const { ms, event } of bench.metOf("speech.segment")) {
      const segment = bench.metOf("reply.segment").find((met) => met.event["ref"] === event["ref"]);
      assert.ok(ms >= segment!.ms + 900, "synthesised after the acknowledgement");
    }
  });

  test("a speculative one logs no sentence and says nothing before it is committed", async () => {
    const bench = await new EffectBench().join();
    const end = watch(bench.run(reply(bench).runner, { ...INPUT, speculative: true }));
    await bench.clock.advance(5_000);
    assert.deepEqual(
      bench.met.map(({ event }) => event.type),
      ["reply.requested"],
    );
    assert.deepEqual(bench.sound, []);
    bench.tell("commit");
    await bench.clock.advance(2_600);
    assert.deepEqual(bench.sound, [[5_100, 7_500]]);
    assert.equal(end.value?.position, 2_400);
  });

  test("a speculative one that only wants tools waits for the commit as well", async () => {
    const bench = await new EffectBench().join();
    const answer = { toolCalls: [{ id: "theirs", name: "book", input: { at: 8 } }] };
    const { runner } = reply(bench, { answer, tools: [tool({ idempotent: true, write: true })] });
    const end = watch(bench.run(runner, { ...INPUT, speculative: true }));
    await bench.clock.advance(5_000);
    assert.equal(end.done, false);
    bench.tell("commit");
    await bench.clock.advance(0);
    const asked = { name: "book", write: true, idempotent: true };
    const call = { ...asked, call: "9.0.effect.0", cancels: false, sayWhile: "", joins: "" };
    assert.deepEqual(end.value?.result, { toolCalls: [call] });
    assert.deepEqual(end.value?.text, { "9.0.effect.0": { name: "book", input: { at: 8 } } });
  });

  test("thrown away, it still tells what it cost and says nothing", async () => {
    const bench = await new EffectBench().join();
    const end = watch(bench.run(reply(bench).runner, { ...INPUT, speculative: true }));
    await bench.clock.advance(1_000);
    bench.abort.abort();
    await bench.clock.advance(1_000);
    assert.deepEqual([end.value?.position, bench.sound.length], [0, 0]);
    assert.deepEqual(
      end.value?.usage?.map(({ meter }) => meter),
      ["inputTokens", "outputTokens"],
    );
  });

  test("paused before its first sound it holds back, and goes on where it was", async () => {
    const bench = await new EffectBench().join();
    const end = watch(bench.run(reply(bench).runner, INPUT));
    await bench.clock.advance(100);
    bench.tell("pause");
    await bench.clock.advance(1_900);
    assert.deepEqual(bench.sound, []);
    // The text goes on meanwhile: only its sound is held.
    assert.equal(bench.metOf("reply.segment").length, 2);
    bench.tell("resume");
    await bench.clock.advance(700);
    bench.tell("pause");
    await bench.clock.advance(1_300);
    bench.tell("resume");
    await bench.clock.advance(1_700);
    assert.deepEqual(bench.sound, [
      [2_000, 2_700],
      [4_000, 5_700],
    ]);
    assert.equal(end.value?.position, 2_400);
  });

  test("stopped, it is silent at once and reports the very position", async () => {
    const bench = await new EffectBench().join();
    const end = watch(bench.run(reply(bench).runner, INPUT));
    await bench.clock.advance(1_234);
    bench.abort.abort();
    assert.deepEqual(bench.sound, [[400, 1_234]]);
    await bench.clock.advance(3_000);
    assert.deepEqual(bench.sound, [[400, 1_234]]);
    assert.deepEqual([end.value?.position, end.value?.result], [834, undefined]);
    assert.ok(bench.met.every(({ ms }) => ms <= 1_234));
  });

  test("a command that comes after the stop makes no sound", async () => {
    const bench = await new EffectBench().join();
    void bench.run(reply(bench).runner, INPUT);
    await bench.clock.advance(1_234);
    bench.tell("pause");
    bench.abort.abort();
    bench.tell("resume");
    await bench.clock.advance(3_000);
    assert.deepEqual(bench.sound, [[400, 1_234]]);
  });

  test("says given texts without a model", async () => {
    const bench = await new EffectBench().join();
    bench.transcript.texts.set("greeting", { ref: "greeting", text: TEXT, at: 0 });
    const { runner, llm } = reply(bench);
    void bench.run(runner, { ...INPUT, saying: ["greeting"] });
    await bench.clock.advance(5_000);
    assert.deepEqual(bench.sound, [[100, 2_500]]);
    assert.equal(llm.requests.length, 0);
    const [first] = bench.metOf("reply.segment");
    assert.deepEqual([first?.event["ttftMs"], first?.text], [undefined, { text: "We open nine." }]);
  });

  test("a model that breaks ends it as failed, and silent", async () => {
    const bench = await new EffectBench().join();
    const { runner } = reply(bench, { answer: { text: TEXT, fails: true } });
    const ended = watch(bench.run(runner, INPUT));
    await bench.clock.advance(5_000);
    assert.equal(ended.value?.error, "provider.failed");
    assert.deepEqual(bench.sound, []);
  });
});

function tool(more: Partial<Tool> = {}): Tool {
  return {
    spec: { name: "book", description: "books a table", parameters: {} },
    write: false,
    idempotent: false,
    timeoutMs: 2_000,
    run: (input) => Promise.resolve({ got: input }),
    ...more,
  };
}

const NO_RUN = {
  effect: "9.0.reply",
  segments: [],
  positionMs: 0,
  complete: true,
  requestedAt: 0,
  firstSoundAt: 0,
  ttftMs: 0,
  ttfbMs: 0,
};

suite("a tool", () => {
  const input = {
    call: "9.0.reply.0",
    name: "book",
    turn: 2,
    agent: "",
    key: "tool.2.9.0.reply.0",
  };

  /** Runs it for a call that the model has asked for. */
  async function run(one: Tool, bench = new EffectBench()): Promise<Json | undefined> {
    return (await runStored(one, bench)).output;
  }

  async function runStored(one: Tool, bench = new EffectBench()) {
    const { blobs } = openMemory({ clock: bench.clock });
    const toolCalls = [{ call: input.call, name: "book", input: { at: 8 } }];
    bench.transcript.turn(2).runs.push({ ...NO_RUN, toolCalls });
    const end = watch(
      bench.run(
        toolRunner(() => partsOf({ tools: [one] }), blobs),
        input,
      ),
    );
    await bench.clock.advance(10_000);
    const output = (end.value?.text as { output: Json } | undefined)?.output;
    const { blob } = (output ?? {}) as { blob?: string };
    const bytes = blob === undefined ? undefined : await blobs.get(blob);
    const stored: unknown = bytes && JSON.parse(new TextDecoder().decode(bytes));
    return { output, stored };
  }

  test("gets the model's input and its key; its output is the text of its end", async () => {
    const keys: string[] = [];
    const one = tool({
      run: (got, { key }) => {
        keys.push(key);
        return Promise.resolve({ got });
      },
    });
    assert.deepEqual(await run(one), { got: { at: 8 } });
    assert.deepEqual(keys, [input.key]);
  });

  test("too slow: the model is told, and the tool to stop", async () => {
    let stoppedAt: number | undefined;
    const bench = new EffectBench();
    const one = tool({
      run: async (_, { signal }) => {
        await sleep(bench.clock, 60_000, signal);
        stoppedAt = bench.ms;
        return null;
      },
    });
    assert.deepEqual(await run(one, bench), { error: "the tool took too long" });
    assert.equal(stoppedAt, 2_000);
  });

  test("unknown: the model is told", async () => {
    const other = tool({ spec: { name: "other", description: "", parameters: {} } });
    assert.deepEqual(await run(other), { error: "there is no tool book" });
  });

  test("input that does not fit, or a throw: the model is told what was wrong", async () => {
    const wrong = tool({
      run: () => Promise.reject(new AppError("input.invalid", "which day?")),
    });
    assert.deepEqual(await run(wrong), { error: "which day?", code: "input.invalid" });
    const broken = tool({
      run: () => {
        throw new TypeError("no such property");
      },
    });
    assert.deepEqual(await run(broken), { error: "no such property", code: "tool.failed" });
  });

  test("an output too large for a record lies in the blobs, by digest", async () => {
    const rows = Array.from({ length: 4_000 }, (_, i) => `row ${i} of a long list`);
    const bytes = JSON.stringify(rows).length;
    assert.ok(bytes > LIMITS.recordBytesMax);
    const { output, stored } = await runStored(tool({ run: () => Promise.resolve(rows) }));
    assert.deepEqual(Object.keys(output as object), ["blob", "bytes"]);
    assert.deepEqual(stored, rows);
  });
});
