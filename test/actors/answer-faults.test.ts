import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AgentParts } from "../../src/actors/agent-parts.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { samplesOf } from "../../src/base/audio.ts";
import { sleep } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Usage } from "../../src/events/effect.events.ts";
import type { Llm, LlmEvent } from "../../src/providers/llm.port.ts";
import { ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";
import type { TtsEvent, TtsRequest } from "../../src/providers/tts.port.ts";
import { Stage } from "./support/stage.ts";
import { EffectBench, watch } from "./support/effect-bench.ts";

const INPUT = { turn: 2, key: "turn.2.1", saying: null, refs: [], speculative: false, agent: "" };

function model(name: string, stream: Llm["stream"]): Llm {
  return { provider: "own", model: name, stream };
}

/** A model that gives these events, each after so many ms; `undefined` is for ever. */
function giving(
  bench: EffectBench,
  events: readonly (readonly [ms: number | undefined, event: LlmEvent | "breaks"])[],
  name = "a",
): Llm {
  return model(name, async function* () {
    for (const [ms, event] of events) {
      if (ms === undefined) await new Promise(() => undefined);
      await sleep(bench.clock, ms!);
      if (event === "breaks") throw new AppError("provider.failed", "the line is dead");
      yield event;
    }
  });
}

function text(words: string): LlmEvent {
  return { type: "text", text: words };
}

function used(inputTokens: number, outputTokens: number): LlmEvent {
  const usage = { provider: "own", model: "a", inputTokens, outputTokens, estimated: false };
  return { type: "usage", usage };
}

/** Runs an answer of these parts for 20 s. */
async function answer(bench: EffectBench, parts: Partial<AgentParts>, ms = 20_000) {
  const voices = [{ tts: new ScriptedTts(bench.clock), name: "scripted" }];
  const all = { models: [], voices, tools: [], hooks: {}, ...parts };
  const end = watch(bench.run(replyRunner({ partsOf: () => all, media: bench.media }), INPUT));
  await bench.clock.advance(ms);
  return end;
}

function saidOf(bench: EffectBench): readonly unknown[] {
  return bench.metOf("reply.segment").map(({ text: said }) => (said as { text: string }).text);
}

function whysOf(bench: EffectBench): readonly unknown[] {
  return bench.metOf("reply.switched").map(({ event }) => event["why"]);
}

suite("a model", () => {
  test("that gives a count and nothing else in its time is left for the next", async () => {
    for (const first of [used(9, 0), text(""), text("\n")]) {
      const bench = await new EffectBench().join();
      const late = giving(bench, [
        [10, first],
        [undefined, text("Too late.")],
      ]);
      await answer(bench, { models: [late, giving(bench, [[10, text("In time.")]], "b")] });
      assert.deepEqual([whysOf(bench), saidOf(bench)], [["late"], ["In time."]]);
      const why = "a gave nothing in its time";
      assert.deepEqual(bench.warned, [["the model a failed: it is left", why]]);
    }
  });

  test("that gives nothing at all is left for the next", async () => {
    const bench = await new EffectBench().join();
    const models = [giving(bench, [[10, used(9, 0)]]), giving(bench, [[10, text("Here.")]], "b")];
    await answer(bench, { models });
    assert.deepEqual([whysOf(bench), saidOf(bench)], [["empty"], ["Here."]]);
  });

  test("that throws at once is left for the next", async () => {
    const bench = await new EffectBench().join();
    const broken = model("a", () => {
      throw new Error("no key");
    });
    await answer(bench, { models: [broken, giving(bench, [[10, text("Here.")]], "b")] });
    assert.deepEqual([whysOf(bench), saidOf(bench)], [["provider.failed"], ["Here."]]);
  });

  test("that counted before its words came, or counts no number, is estimated", async () => {
    for (const [count, estimates] of [
      [used(9, 0), [false, false, true]],
      [used(Number.NaN, 3), [true, true]],
    ] as const) {
      const bench = await new EffectBench().join();
      const end = await answer(bench, {
        models: [
          giving(bench, [
            [10, count],
            [10, text("We open nine.")],
          ]),
        ],
      });
      const tokens = end.value?.usage?.filter(({ service }) => service === "llm") ?? [];
      assert.deepEqual(
        tokens.map(({ estimated }) => estimated),
        estimates,
      );
      assert.equal(
        tokens.findLast(({ meter }) => meter === "outputTokens")?.quantity,
        Math.ceil("We open nine.".length / 4),
      );
    }
  });

  test("that gives a usage which is none answers all the same, and is estimated", async () => {
    const counts = { inputTokens: 9, outputTokens: 3 };
    for (const [usage, estimated] of [
      [[], true],
      [null, true],
      [undefined, true],
      [{ inputTokens: "9", outputTokens: 3 }, true],
      [counts, false],
      [{ ...counts, provider: 7, model: null, estimated: "no" }, false],
    ] as const) {
      const own: Llm["stream"] = async function* () {
        yield text("We open at nine.");
        yield { type: "usage", usage } as unknown as LlmEvent;
      };
      const stage: Stage = await Stage.open({ llm: model("a", own) });
      await stage.say(0, "What are your opening hours?", { ms: 1_000 });
      await stage.close();
      const log = await stage.log();
      await stage[Symbol.asyncDispose]();
      const ends = log.filter(({ input }) =>
        (input["effect"] as string | undefined)?.endsWith(".reply"),
      );
      const { how, usage: metered } = ends.findLast(({ input }) => input["how"])!.input;
      assert.equal(how, "done");
      const tokens = (metered as unknown as Usage[]).filter(({ service }) => service === "llm");
      assert.deepEqual(
        tokens.map((one) => [one.provider, one.model, one.estimated]),
        [0, 1].map(() => ["own", "a", estimated]),
      );
    }
  });

  test("that gives what is no event fails the answer, and nothing else", async () => {
    for (const event of [null, "text", {}, { type: "text" }, { type: "toolCall" }]) {
      const bench = await new EffectBench().join();
      const models = [giving(bench, [[10, event as LlmEvent]])];
      const end = await answer(bench, { models });
      assert.equal(end.value?.error, "provider.failed");
      assert.match(
        String(bench.warned.at(-1)),
        /^the reply failed,an event of the model: [a-z.]+: /i,
      );
    }
  });

  test("that heeds no signal does not hold an answer that is stopped", async () => {
    const bench = await new EffectBench().join();
    const models = [
      giving(bench, [
        [10, text("We open nine. ")],
        [undefined, text("Never.")],
      ]),
    ];
    const end = await answer(bench, { models }, 1_000);
    assert.equal(end.done, false);
    bench.abort.abort();
    await bench.clock.advance(0);
    assert.equal(end.done, true);
    assert.deepEqual(
      end.value?.usage?.map(({ service }) => service),
      ["llm", "llm", "tts", "tts"],
    );
  });
});

suite("an answer that fails", () => {
  test("says why on the logger: its model, its voice, its hook", async () => {
    const bench = await new EffectBench().join();
    const broken = (name: string): Llm =>
      model(name, () => {
        throw new Error(`${name} has no key`);
      });
    const beforeReply = (): never => {
      throw new Error("no shop");
    };
    await answer(bench, { models: [broken("a"), broken("b")], hooks: { beforeReply } });
    const tts = new ScriptedTts(bench.clock, { fails: () => true });
    const voices = ["x", "y"].map((name) => ({ tts, name }));
    await answer(bench, { models: [giving(bench, [[10, text("Here.")]])], voices });
    const again = (what: string, count: number): unknown[] =>
      Array(count).fill([what, cause(what)]);
    const cause = (what: string): string =>
      what.includes("voice") ? "the scripted voice failed" : `${what.split(" ")[2]} has no key`;
    assert.deepEqual(bench.warned, [
      ["the hook beforeReply failed", "no shop"],
      ...again("the model a failed: it is asked again", 2),
      ...again("the model a failed: it is left", 1),
      ...again("the model b failed: it is asked again", 2),
      ["the reply failed", "b has no key"],
      ...again("the voice scripted/x failed: it is asked again", 2),
      ...again("the voice scripted/x failed: it is left", 1),
      ...again("the voice scripted/y failed: it is asked again", 2),
      ...again("the voice scripted/y failed: it is left", 1),
    ]);
  });

  test("tells what it cost and how far it was heard", async () => {
    const bench = await new EffectBench().join();
    const models = [
      giving(bench, [
        [10, text("We open nine. ")],
        [700, "breaks"],
      ]),
    ];
    const end = await answer(bench, { models });
    assert.deepEqual([end.value?.error, end.value?.position], ["provider.failed", 600]);
    assert.deepEqual(
      end.value?.usage?.map(({ meter }) => meter),
      ["inputTokens", "outputTokens", "characters", "audioMs"],
    );
  });

  test("has its cost and its position in the log of the call", async () => {
    let asks = 0;
    const breaks: Llm["stream"] = async function* () {
      yield text(asks++ === 0 ? "We open at nine. " : "");
      await sleep(stage.simulation.clock, 900);
      throw new AppError("provider.failed", "the line is dead");
    };
    const stage: Stage = await Stage.open({ llm: model("a", breaks) });
    await stage.say(0, "What are your opening hours?", { ms: 1_000 });
    await stage.close();
    const log = await stage.log();
    await stage[Symbol.asyncDispose]();
    const { input } = log.find(({ input: { how } }) => how === "failed")!;
    assert.equal(input["error"], "provider.failed");
    assert.ok((input["position"] as number) > 500);
    assert.equal((input["usage"] as unknown[]).length, 4);
  });

  test("stops its voice, also where that waits for the buffer", async () => {
    for (const waits of ["voice", "buffer"]) {
      const bench = await new EffectBench().join();
      const tts = new ScriptedTts(bench.clock);
      tts.speak = async function* ({ signal }: TtsRequest): AsyncIterable<TtsEvent> {
        if (waits === "voice") await sleep(bench.clock, 60_000, signal);
        const samples = new Int16Array(samplesOf(LIMITS.speechBufferMsMax + 9_000, tts.rateHz));
        yield { type: "audio", frame: { samples, rateHz: tts.rateHz } };
      };
      const models = [
        giving(bench, [
          [10, text("One is said. Two is not. ")],
          [1_000, "breaks"],
        ]),
      ];
      const end = await answer(bench, { models, voices: [{ tts, name: "v" }] }, 1_100);
      assert.equal(end.value?.error, "provider.failed");
      await bench.clock.advance(1_000);
      assert.equal(bench.clock.nextDue, undefined, `the ${waits} has let go`);
    }
  });
});

suite("an answer stopped while it waits for the room", () => {
  test("asks no hook and no model, and ends", async () => {
    const bench = new EffectBench();
    let asked = 0;
    const beforeReply = (): string => `asked ${asked++}`;
    const end = await answer(bench, { models: [], hooks: { beforeReply } }, 100);
    bench.abort.abort();
    await bench.clock.advance(0);
    assert.deepEqual(end.value, { position: 0 });
    await bench.join();
    await bench.clock.advance(100);
    assert.equal(asked, 0);
  });
});
