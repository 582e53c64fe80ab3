import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AgentParts } from "../../src/actors/agent-parts.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { samplesOf } from "../../src/base/audio.ts";
import { sleep } from "../../src/base/clock.ts";
import { AppError, type ErrorCode } from "../../src/base/errors.ts";
import type { Ended, Guard } from "../../src/providers/breaker.port.ts";
import type { Llm, LlmEvent } from "../../src/providers/llm.port.ts";
import { ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tts, TtsEvent, TtsRequest } from "../../src/providers/tts.port.ts";
import { EffectBench, watch } from "./support/effect-bench.ts";

const INPUT = { turn: 2, key: "turn.2.1", saying: null, refs: [], speculative: false, agent: "" };
const TEXT = "We open at nine.";

type Does = ErrorCode | "hangs" | "speaks" | "empty" | AppError;

/** What the tries at one model or voice come to, one after the other; the last of them stays. */
class Script {
  readonly #does: readonly Does[];
  tries = 0;
  readonly signals: AbortSignal[] = [];

  constructor(does: readonly Does[]) {
    this.#does = does;
  }

  /** Throws, never returns, or returns to speak: `false` for nothing to say. */
  async next(signal: AbortSignal): Promise<boolean> {
    this.signals.push(signal);
    const what = this.#does[Math.min(this.tries++, this.#does.length - 1)]!;
    if (what === "hangs") await new Promise(() => undefined);
    if (what === "speaks" || what === "empty") return what === "speaks";
    throw what instanceof AppError ? what : new AppError(what as ErrorCode, "scripted");
  }
}

function model(bench: EffectBench, name: string, ...does: Does[]): Llm & { script: Script } {
  const script = new Script(does);
  async function* stream(_: unknown, signal: AbortSignal): AsyncIterable<LlmEvent> {
    await sleep(bench.clock, 10, signal);
    if (await script.next(signal)) yield { type: "text", text: `${TEXT} ` };
  }
  return { provider: "acme", model: name, script, stream };
}

class ScriptedVoice extends ScriptedTts implements Tts {
  readonly script: Script;

  constructor(bench: EffectBench, name: string, ...does: Does[]) {
    super(bench.clock, { model: name });
    this.script = new Script(does);
  }

  override async *speak(request: TtsRequest): AsyncIterable<TtsEvent> {
    if (await this.script.next(request.signal)) yield* super.speak(request);
  }
}

interface Parts {
  readonly models?: readonly Llm[];
  readonly voices?: readonly Tts[];
  readonly guard?: Guard;
}

async function answer(bench: EffectBench, { models, voices, guard }: Parts, ms = 30_000) {
  const parts: AgentParts = {
    models: models ?? [model(bench, "m", "speaks")],
    voices: (voices ?? [new ScriptedVoice(bench, "v", "speaks")]).map((tts) => ({
      tts,
      name: tts.model,
    })),
    tools: [],
    hooks: {},
  };
  const runner = replyRunner({ partsOf: () => parts, media: bench.media, ...(guard && { guard }) });
  const end = watch(bench.run(runner, INPUT));
  await bench.clock.advance(ms);
  return end;
}

/** Retries and switches, with their times less the jitter. */
function decisions(bench: EffectBench): readonly string[] {
  return bench.met
    .filter(({ event }) => ["reply.retried", "reply.switched"].includes(event.type))
    .map(({ event }) => {
      const { type, what, why, of, attempt, from, to } = event as Record<string, string>;
      if (type === "reply.retried") return `${what} ${of} again (${attempt}): ${why}`;
      return `${what} ${from} -> ${to}: ${why}`;
    });
}

function usageLines(value: { usage?: readonly object[] } | undefined, service: string) {
  return ((value?.usage ?? []) as readonly Record<string, unknown>[])
    .filter((row) => row["service"] === service)
    .map((row) =>
      [row["model"], row["meter"], row["attempt"] ?? 1, row["how"] ?? "done"].join(" "),
    );
}

suite("a model that fails before its first word", () => {
  test("is asked again, and answers at its third try", async () => {
    const bench = await new EffectBench().join();
    const a = model(bench, "a", "provider.failed", "provider.unavailable", "speaks");
    const end = await answer(bench, { models: [a, model(bench, "b", "speaks")] });
    assert.equal(end.value?.error, undefined);
    assert.deepEqual(decisions(bench), [
      "model a again (2): provider.failed",
      "model a again (3): provider.unavailable",
    ]);
    assert.equal(bench.metOf("reply.requested").length, 1);
    assert.deepEqual(usageLines(end.value, "llm"), [
      "a inputTokens 1 failed",
      "a outputTokens 1 failed",
      "a inputTokens 2 failed",
      "a outputTokens 2 failed",
      "a inputTokens 3 done",
      "a outputTokens 3 done",
    ]);
  });

  test("is not asked again where that is of no use", async () => {
    for (const code of ["provider.rejected", "provider.refused"] as const) {
      const bench = await new EffectBench().join();
      const a = model(bench, "a", code);
      await answer(bench, { models: [a, model(bench, "b", "speaks")] });
      assert.deepEqual([decisions(bench), a.script.tries], [[`model a -> b: ${code}`], 1]);
    }
  });

  test("is asked when it wants to be, where that is in its time", async () => {
    for (const [retryAfterMs, expected] of [
      [1_500, ["model a again (2): provider.limited"]],
      [5_000, ["model a -> b: provider.limited"]],
    ] as const) {
      const bench = await new EffectBench().join();
      const detail = { status: 429, retryAfterMs };
      const busy = new AppError("provider.limited", "too many", { detail });
      const a = model(bench, "a", busy, "speaks");
      const end = await answer(bench, { models: [a, model(bench, "b", "speaks")] });
      assert.deepEqual(decisions(bench), expected);
      assert.equal(
        bench.metOf("reply.segment")[0]?.ms,
        expected[0]!.includes("again") ? 1_520 : 20,
      );
      assert.equal(usageLines(end.value, "llm")[0], "a requests 1 failed");
    }
  });

  test("has one time for all its tries; what hangs is let go of at its end", async () => {
    const bench = await new EffectBench().join();
    const a = model(bench, "a", "provider.failed", "hangs");
    await answer(bench, { models: [a, model(bench, "b", "speaks")] });
    assert.deepEqual(decisions(bench), [
      "model a again (2): provider.failed",
      "model a -> b: late",
    ]);
    const [{ ms, event } = { ms: 0, event: undefined }] = bench.metOf("reply.switched");
    assert.deepEqual([ms, event?.["ms"]], [3_000, 3_000]);
    assert.equal(
      a.script.signals.every(({ aborted }) => aborted),
      true,
    );
  });

  test("leaves nothing to the next where none is left: the answer fails", async () => {
    const bench = await new EffectBench().join();
    const a = model(bench, "a", "provider.failed");
    const end = await answer(bench, { models: [a] });
    assert.deepEqual([end.value?.error, a.script.tries], ["provider.failed", 3]);
  });
});

suite("the last model", () => {
  test("is asked again where it hangs", async () => {
    const bench = await new EffectBench().join();
    const end = await answer(bench, { models: [model(bench, "a", "hangs", "speaks")] });
    assert.equal(end.value?.error, undefined);
    assert.deepEqual(decisions(bench), ["model a again (2): late"]);
    assert.equal(bench.metOf("reply.retried")[0]?.ms, 3_000);
  });

  test("that hangs for good fails at the end of the answer's time", async () => {
    const bench = await new EffectBench().join();
    const a = model(bench, "a", "hangs");
    const end = await answer(bench, { models: [a] }, 9_999);
    assert.equal(end.done, false);
    await bench.clock.advance(1);
    assert.deepEqual([end.value?.error, a.script.tries], ["provider.timeout", 2]);
    assert.equal(bench.clock.nextDue, undefined);
  });
});

suite("a voice that fails before its first sound", () => {
  test("is tried again, within one time for all its tries", async () => {
    const bench = await new EffectBench().join();
    const a = new ScriptedVoice(bench, "a", "provider.failed", "hangs");
    const b = new ScriptedVoice(bench, "b", "speaks");
    const end = await answer(bench, { voices: [a, b] });
    assert.deepEqual(decisions(bench), [
      "voice scripted/a again (2): provider.failed",
      "voice scripted/a -> scripted/b: late",
    ]);
    assert.equal(bench.metOf("reply.switched")[0]?.ms, 10 + 1_500);
    assert.deepEqual(usageLines(end.value, "tts"), [
      "a characters 1 failed",
      "a characters 2 failed",
      "b characters 1 done",
      "b audioMs 1 done",
    ]);
  });

  test("is not tried again once some of it was heard", async () => {
    const bench = await new EffectBench().join();
    const a = new ScriptedTts(bench.clock, { model: "a", breaksAfterMs: 900 });
    await answer(bench, { voices: [a, new ScriptedVoice(bench, "b", "speaks")] });
    assert.deepEqual(decisions(bench), ["voice scripted/a -> scripted/b: provider.failed"]);
  });
});

suite("S1-52: without a voice", () => {
  test("the answer is text, all of it, and it is said so", async () => {
    const bench = await new EffectBench().join();
    const a = new ScriptedVoice(bench, "a", "provider.rejected");
    const end = await answer(bench, { voices: [a] });
    assert.deepEqual([end.value?.error, end.value?.position], [undefined, 0]);
    assert.deepEqual(decisions(bench), ["voice scripted/a -> text: provider.rejected"]);
    const [{ event }] = bench.metOf("speech.segment") as unknown as [{ event: object }];
    assert.deepEqual(event, {
      type: "speech.segment",
      ref: "9.0.effect.0",
      ms: 0,
      wordEndsMs: [0, 0, 0, 0],
      estimated: false,
    });
  });

  test("that dies in mid-sentence what was made is heard, and the rest is text", async () => {
    const bench = await new EffectBench().join();
    const a = new ScriptedTts(bench.clock, { breaksAfterMs: 900 });
    const end = await answer(bench, { voices: [a] });
    const [{ event }] = bench.metOf("speech.segment") as unknown as [{ event: { ms: number } }];
    assert.deepEqual(event, { ...event, ms: 800, wordEndsMs: [400, 800, 800, 800] });
    assert.deepEqual([end.value?.error, end.value?.position], [undefined, 800]);
  });

  test("that hangs it is asked anew once, and then the answer is text", async () => {
    const bench = await new EffectBench().join();
    const a = new ScriptedVoice(bench, "a", "hangs");
    await answer(bench, { voices: [a] });
    assert.deepEqual(decisions(bench), [
      "voice scripted/a again (2): late",
      "voice scripted/a -> text: late",
    ]);
    assert.equal(bench.metOf("reply.switched")[0]?.ms, 10 + 3_000);
  });

  test("the next answer tries it again", async () => {
    const bench = await new EffectBench().join();
    const a = new ScriptedVoice(bench, "a", "provider.rejected", "speaks");
    await answer(bench, { voices: [a] });
    const end = await answer(bench, { voices: [a] });
    assert.equal(end.value?.position, 1_600);
  });
});

/** Refuses these; notes how each pass ended. */
class Watchman implements Guard {
  readonly ends: string[] = [];
  readonly #refused: readonly string[];

  constructor(...refused: readonly string[]) {
    this.#refused = refused;
  }

  enter({ service, model: name }: Parameters<Guard["enter"]>[0]) {
    if (this.#refused.includes(name)) return undefined;
    return { end: (how: Ended) => void this.ends.push(`${service} ${name} ${how}`) };
  }
}

suite("who is refused by its breaker", () => {
  test("is left at once for the next model and the next voice", async () => {
    const bench = await new EffectBench().join();
    const [a, v] = [model(bench, "a", "speaks"), new ScriptedVoice(bench, "v", "speaks")];
    const models = [a, model(bench, "b", "speaks")];
    const voices = [v, new ScriptedVoice(bench, "w", "speaks")];
    const end = await answer(bench, { models, voices, guard: new Watchman("a", "v") });
    assert.deepEqual(decisions(bench), [
      "model a -> b: provider.open",
      "voice scripted/v -> scripted/w: provider.open",
    ]);
    assert.deepEqual([a.script.tries, v.script.tries, end.value?.position], [0, 0, 1_600]);
    assert.deepEqual(
      bench.metOf("reply.requested").map(({ event }) => event["model"]),
      ["b"],
    );
  });

  test("fails the answer at once as the last model, makes it text as the last voice", async () => {
    const bench = await new EffectBench().join();
    const end = await answer(bench, { guard: new Watchman("m") }, 0);
    assert.equal(end.value?.error, "provider.open");
    await answer(bench, { guard: new Watchman("v") });
    assert.deepEqual(decisions(bench), ["voice scripted/v -> text: provider.open"]);
  });

  test("is told how each try ended", async () => {
    const bench = await new EffectBench().join();
    const guard = new Watchman();
    const models = [
      model(bench, "a", "provider.refused"),
      model(bench, "b", "provider.failed", "empty"),
      model(bench, "c", "speaks"),
    ];
    const voices = [
      new ScriptedVoice(bench, "v", "hangs"),
      new ScriptedVoice(bench, "w", "speaks"),
    ];
    await answer(bench, { models, voices, guard });
    assert.deepEqual(guard.ends, [
      "llm a void",
      "llm b failed",
      "llm b ok",
      "llm c ok",
      "tts v failed",
      "tts w ok",
    ]);
  });

  test("is told nothing by an answer that was stopped", async () => {
    const bench = await new EffectBench().join();
    const guard = new Watchman();
    await answer(bench, { models: [model(bench, "a", "hangs")], guard }, 1_000);
    bench.abort.abort();
    await bench.clock.advance(0);
    assert.deepEqual(guard.ends, ["llm a void"]);
  });
});

test("sound behind a try that hangs is of the next try alone", async () => {
  const bench = await new EffectBench().join();
  const late = new ScriptedVoice(bench, "a", "hangs", "speaks");
  await answer(bench, { voices: [late] });
  const samples = bench.room.agentSound.reduce((sum, { ms }) => sum + samplesOf(ms, 8_000), 0);
  assert.equal(samples, samplesOf(1_600, 8_000));
});

test("what a voice was given to say counts where the model breaks off in mid-word", async () => {
  const bench = await new EffectBench().join();
  async function* stream(_: unknown, signal: AbortSignal): AsyncIterable<LlmEvent> {
    yield { type: "text", text: `${TEXT} And` };
    await sleep(bench.clock, 50, signal);
    throw new AppError("provider.unavailable", "scripted");
  }
  const breaking: Llm = { provider: "acme", model: "a", stream };
  const end = await answer(bench, { models: [breaking] });
  assert.equal(end.value?.error, "provider.unavailable");
  assert.deepEqual(usageLines(end.value, "tts"), ["v characters 1 stopped"]);
});

test("a model and a voice that are stopped may close what they have", async () => {
  const bench = await new EffectBench().join();
  const closed: string[] = [];
  async function* stream(): AsyncIterable<LlmEvent> {
    try {
      for (;;) {
        yield { type: "text", text: `${TEXT} ` };
        await sleep(bench.clock, 100);
      }
    } finally {
      closed.push("model");
    }
  }
  const voice = new (class extends ScriptedTts {
    override async *speak(): AsyncIterable<TtsEvent> {
      try {
        for (;;) {
          yield { type: "audio", frame: { samples: new Int16Array(400), rateHz: this.rateHz } };
          await sleep(bench.clock, 50);
        }
      } finally {
        closed.push("voice");
      }
    }
  })(bench.clock);
  const models = [{ provider: "acme", model: "a", stream }];
  const end = await answer(bench, { models, voices: [voice] }, 1_020);
  bench.abort.abort();
  await bench.clock.advance(200);
  assert.equal(end.done, true);
  assert.deepEqual(closed.toSorted(), ["model", "voice"]);
});
