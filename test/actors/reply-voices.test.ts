import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AgentParts } from "../../src/actors/agent-parts.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { samplesOf } from "../../src/base/audio.ts";
import { sleep } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { heardOf, type SpokenSegment } from "../../src/folds/heard.ts";
import { ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Tts, TtsEvent, TtsRequest } from "../../src/providers/tts.port.ts";
import { EffectBench, watch } from "./support/effect-bench.ts";

const WORD_MS = 400;

/** Gives some sound of each sentence and then nothing, or it breaks after some time. */
class DyingTts extends ScriptedTts implements Tts {
  readonly #bench: EffectBench;
  readonly #ms: number;
  readonly #breaksAfterMs: number | undefined;

  constructor(bench: EffectBench, ms: number, breaksAfterMs?: number) {
    super(bench.clock, { model: "a" });
    this.#bench = bench;
    this.#ms = ms;
    this.#breaksAfterMs = breaksAfterMs;
  }

  override async *speak({ text }: TtsRequest): AsyncIterable<TtsEvent> {
    const wordEndsMs = text.split(" ").map((_, i) => (i + 1) * WORD_MS);
    yield { type: "alignment", wordEndsMs };
    const samples = new Int16Array(samplesOf(this.#ms, this.rateHz)).fill(1);
    yield { type: "audio", frame: { samples, rateHz: this.rateHz } };
    if (this.#breaksAfterMs === undefined) await new Promise(() => undefined);
    await sleep(this.#bench.clock, this.#breaksAfterMs!);
    throw new AppError("provider.failed", "the line is dead");
  }
}

/** A bench where given texts are said by these voices. */
class Mouth {
  readonly bench: EffectBench;
  readonly #runner;

  constructor(bench: EffectBench, voices: readonly Tts[]) {
    this.bench = bench;
    const parts: AgentParts = {
      models: [],
      voices: voices.map((tts) => ({ tts, name: tts.model })),
      tools: [],
      hooks: {},
    };
    this.#runner = replyRunner({ partsOf: () => parts, media: bench.media });
  }

  say(text: string) {
    const { transcript } = this.bench;
    transcript.textOf = () => text;
    const input = { turn: 2, key: "k", refs: [], speculative: false, agent: "" };
    return watch(this.bench.run(this.#runner, { ...input, saying: ["n.1"] }));
  }

  get positions(): readonly unknown[] {
    return this.bench.metOf("reply.position").map(({ event }) => event["ms"]);
  }

  get switches(): readonly unknown[] {
    return this.bench.metOf("reply.switched").map(({ event }) => event["why"]);
  }
}

type Does = "tells" | "refuses" | "hangs" | "unsaid";

/** A vendor's voice, which knows its ids alone: it tells its counts, is refused, or is silent. */
class CountingTts extends ScriptedTts {
  override readonly voices: string[] = [];
  readonly #does: Does;

  constructor(bench: EffectBench, does: Does) {
    super(bench.clock, { model: does });
    this.#does = does;
  }

  override async *speak(request: TtsRequest): AsyncIterable<TtsEvent> {
    if (this.#does === "refuses")
      throw new AppError("provider.limited", "too many", { detail: { status: 429 } });
    if (this.#does === "unsaid") return;
    if (this.#does === "hangs") await new Promise(() => undefined);
    yield { type: "usage", usage: { characters: 100, inputTokens: 3 } };
    yield* super.speak(request);
    yield { type: "usage", usage: { inputTokens: 4, audioOutTokens: 50 } };
  }
}

suite("a vendor's voice is metered", () => {
  async function usageOf(does: readonly Does[], stopAt?: number, text = "We open at nine.") {
    const bench = await new EffectBench().join();
    const mouth = new Mouth(
      bench,
      does.map((one) => new CountingTts(bench, one)),
    );
    const end = mouth.say(text);
    await bench.clock.advance(stopAt ?? 30_000);
    bench.abort.abort();
    await bench.clock.advance(0);
    return end.value?.usage?.map(({ model, meter, quantity, estimated, how, attempt }) =>
      [
        `${model} ${meter} ${quantity}${estimated ? " estimated" : ""}${how ? ` ${how}` : ""}`,
        ...(attempt ? [`try ${attempt}`] : []),
      ].join(", "),
    );
  }

  test("by its own counts where it tells them", async () => {
    assert.deepEqual(await usageOf(["tells"]), [
      "tells characters 100",
      "tells inputTokens 7",
      "tells audioOutTokens 50",
      "tells audioMs 1600",
    ]);
  });

  test("by what was sent where it is stopped before it told, and says so", async () => {
    assert.deepEqual(await usageOf(["hangs"], 500), ["hangs characters 16 estimated stopped"]);
  });

  test("not for a text that it has no sound for, and does not send", async () => {
    assert.deepEqual(await usageOf(["unsaid"], undefined, "…"), []);
    assert.deepEqual(await usageOf(["unsaid"]), ["unsaid characters 16 estimated"]);
  });

  test("by its requests alone where it refused them", async () => {
    assert.deepEqual((await usageOf(["refuses", "tells"]))?.slice(0, 4), [
      "refuses requests 1 failed",
      "refuses requests 1 failed, try 2",
      "refuses requests 1 failed, try 3",
      "tells characters 100",
    ]);
  });
});

suite("a voice", () => {
  test("is told with the first sentence that it will be asked for", async () => {
    const bench = await new EffectBench().join();
    const voices = [new DyingTts(bench, 200, 100), new ScriptedTts(bench.clock, { model: "b" })];
    const mouth = new Mouth(bench, voices);
    const told = () => bench.metOf("reply.segment").map(({ event }) => event["voice"]);
    mouth.say("One two three. Four five six.");
    await bench.clock.advance(5_000);
    assert.deepEqual(told(), [{ provider: "scripted", model: "a" }, undefined]);
    // The first was left: the next answer begins with the other.
    mouth.say("Seven eight nine.");
    await bench.clock.advance(5_000);
    assert.deepEqual(told().slice(2), [{ provider: "scripted", model: "b" }]);
  });

  test("that hangs after its first sound gives no more positions", async () => {
    const bench = await new EffectBench().join();
    const mouth = new Mouth(bench, [new DyingTts(bench, 600)]);
    mouth.say("We open at nine.");
    await bench.clock.advance(10_000);
    assert.deepEqual(mouth.positions, [0, 250, 500, 600]);
    bench.abort.abort();
    await bench.clock.advance(0);
  });

  test("that hangs in mid-sentence is left for the next, from the word that was cut", async () => {
    const bench = await new EffectBench().join();
    const next = new ScriptedTts(bench.clock, { model: "b" });
    const mouth = new Mouth(bench, [new DyingTts(bench, 800), next]);
    const end = mouth.say("We open at nine.");
    await bench.clock.advance(10_000);
    assert.deepEqual(next.texts, ["at nine."]);
    assert.deepEqual(mouth.switches, ["late"]);
    assert.equal(end.value?.position, 1_600);
  });

  test("that was left is not waited for by the next replies, until some time later", async () => {
    const bench = await new EffectBench().join();
    const first = new ScriptedTts(bench.clock, { model: "a", fails: () => true });
    const mouth = new Mouth(bench, [first, new ScriptedTts(bench.clock, { model: "b" })]);
    const tries: number[] = [];
    for (const afterMs of [5_000, LIMITS.voiceRetryMs - 10_000, 10_000]) {
      const end = mouth.say("We open at nine.");
      await bench.clock.advance(afterMs);
      assert.equal(end.done, true);
      tries.push(first.texts.length);
    }
    mouth.say("We open at nine.");
    await bench.clock.advance(5_000);
    assert.deepEqual([...tries, first.texts.length], [3, 3, 3, 6]);
  });

  test("that dies when more has left than it is followed from: no word end drifts", async () => {
    const bench = await new EffectBench().join();
    const next = new ScriptedTts(bench.clock, { model: "b" });
    // All its sound has left by then: a word and three quarters.
    const mouth = new Mouth(bench, [new DyingTts(bench, 700, 1_000), next]);
    const text = "We open at nine.";
    const end = mouth.say(text);
    await bench.clock.advance(10_000);
    assert.deepEqual(next.texts, ["open at nine."]);
    const { event } = bench.metOf("speech.segment")[0]!;
    assert.deepEqual(event["wordEndsMs"], [400, 1_100, 1_500, 1_900]);
    assert.deepEqual([event["ms"], end.value?.position], [1_900, 1_900]);
    const segment = { ref: "", text, ...event } as unknown as SpokenSegment;
    assert.equal(heardOf([segment], 1_600, 0.5).heard, "We open at");
  });
});
