import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { SimulatedClock } from "../../src/base/clock.ts";
import { AppError, type ErrorCode } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Guard } from "../../src/providers/breaker.port.ts";
import { SteadyStt } from "../../src/providers/steady-stt.ts";
import type { Stt, SttEvent, SttStream } from "../../src/providers/stt.port.ts";
import { NumberedEars, SPEECH_HZ, speech, wordText } from "../support/numbered-speech.ts";

const FRAME = SPEECH_HZ / 100;
const ENDPOINT_MS = 300;

/** A provider that hears numbered speech, and fails when it is told to. */
class ShakyStt implements Stt {
  readonly provider: string;
  readonly model = "m";
  readonly rateHz = SPEECH_HZ;
  readonly #clock: SimulatedClock;
  /** Of each connection to come: how it fails at once. */
  readonly refusals: (AppError | undefined)[] = [];
  /** How long from the opening to `up`. */
  openMs = 20;
  opened = 0;
  sentMs = 0;
  /** Of the connection there is now, where there is one. */
  fail: (code: ErrorCode) => void = () => undefined;

  constructor(clock: SimulatedClock, provider: string) {
    this.#clock = clock;
    this.provider = provider;
  }

  warm = () => Promise.resolve();
  async [Symbol.asyncDispose](): Promise<void> {}

  open(on: (event: SttEvent) => void): SttStream {
    this.opened++;
    const ears = new NumberedEars();
    let done = 0;
    let [isUp, isOver] = [false, false];
    const waiting: Int16Array[] = [];
    const opened = Promise.withResolvers<void>();
    const failWith = (error: AppError): void => {
      if (isOver) return;
      isOver = true;
      opened.resolve();
      on({ type: "failed", error });
    };
    this.fail = (code) => failWith(new AppError(code, code));
    const final = (): void => {
      const words = ears.words.slice(done);
      const [first] = words;
      if (!first) return;
      done = ears.words.length;
      const text = words.map((word) => word.text).join(" ");
      on({ type: "final", fromMs: first.fromMs, toMs: ears.audioMs, text, words });
    };
    const hear = (samples: Int16Array): void => {
      ears.push(samples);
      const [first, ...more] = ears.words.slice(done);
      if (ears.silentMs >= ENDPOINT_MS) return final();
      if (!first || ears.audioMs % 100 !== 0) return;
      const text = [first, ...more].map((word) => word.text).join(" ");
      const { fromMs } = first;
      on({ type: "interim", fromMs, toMs: ears.audioMs, text, stableWords: more.length });
    };
    const refusal = this.refusals.shift();
    this.#clock.after(this.openMs, () => {
      if (refusal) return failWith(refusal);
      if (isOver) return;
      isUp = true;
      on({ type: "up" });
      for (const samples of waiting.splice(0)) hear(samples);
      opened.resolve();
    });
    const usage = () => {
      isOver = true;
      return [{ provider: this.provider, model: "m", audioMs: ears.audioMs }];
    };
    return {
      push: ({ samples }) => {
        if (isOver) return;
        this.sentMs += (samples.length * 1000) / SPEECH_HZ;
        if (isUp) hear(samples);
        else waiting.push(samples.slice());
      },
      speechStarted: () => undefined,
      speechEnded: () => undefined,
      finish: async () => {
        await opened.promise;
        if (isOver) return usage();
        ears.flush();
        final();
        return usage();
      },
      abort: usage,
    };
  }
}

class Bench {
  readonly clock = new SimulatedClock();
  readonly events: SttEvent[] = [];
  readonly one = new ShakyStt(this.clock, "one");
  readonly two = new ShakyStt(this.clock, "two");
  readonly stream: SttStream;
  #audioMs = 0;

  constructor(random: () => number = () => 0.5, breakers?: Guard) {
    const { clock, one, two } = this;
    const steady = new SteadyStt({
      stts: [one, two],
      clock,
      random,
      ...(breakers && { breakers }),
    });
    this.stream = steady.open((event) => this.events.push(event));
  }

  /** In real time, as a microphone would; `each` comes before each frame. */
  async play(samples: Int16Array, each: (audioMs: number) => void = () => undefined) {
    for (let at = 0; at < samples.length; at += FRAME) {
      each(this.#audioMs);
      this.stream.push({ samples: samples.subarray(at, at + FRAME), rateHz: SPEECH_HZ });
      this.#audioMs += 10;
      await this.clock.advance(10);
    }
  }

  async finish(): Promise<void> {
    const over = this.stream.finish();
    await this.clock.advance(5_000);
    await over;
  }

  of<T extends SttEvent["type"]>(type: T): Extract<SttEvent, { type: T }>[] {
    return this.events.filter((event) => event.type === type) as Extract<SttEvent, { type: T }>[];
  }

  get told(): readonly string[] {
    return this.of("final").flatMap(({ text }) => text.split(" "));
  }

  /** What happened, but for the words. */
  get course(): readonly string[] {
    return this.events
      .map(({ type }) => type)
      .filter((type) => type !== "interim" && type !== "final");
  }
}

/** A seeded source of numbers from 0 to 1: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("whatever breaks, and when: no word is lost, none told twice, each at its time", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed);
    const bench = new Bench(random);
    bench.one.openMs = Math.round(random() * 200);
    const parts = Array.from({ length: 12 }, (_, i) => {
      const pause = random() < 0.4 ? 400 + Math.round(random() * 60) * 10 : 100;
      return [[i + 1, 200] as const, [0, pause] as const];
    }).flat();
    const codes = ["provider.unavailable", "provider.failed", "provider.timeout"] as const;
    await bench.play(speech([0, 300], ...parts, [0, 400]), () => {
      const isBad = random() < 0.02;
      if (isBad) bench.one.fail(codes[Math.floor(random() * codes.length)]!);
      if (isBad && random() < 0.5)
        bench.one.refusals.push(new AppError("provider.limited", "busy"));
      if (random() < 0.005) bench.two.fail("provider.unavailable");
    });
    await bench.finish();
    const said = Array.from({ length: 12 }, (_, i) => wordText(i + 1));
    assert.deepEqual(bench.told, said, `seed ${seed}`);
    let at = 300;
    const starts = parts.flatMap(([word, ms]) => {
      at += ms;
      return word === 0 ? [] : [at - ms];
    });
    const words = bench.of("final").flatMap((final) => final.words);
    assert.deepEqual(
      words.map(({ fromMs }) => Math.round(fromMs)),
      starts,
      `seed ${seed}`,
    );
  }
});

suite("a connection that breaks", () => {
  test("is told, tried again after a jittered delay, and sent what had no final", async () => {
    const bench = new Bench();
    await bench.play(speech([1, 200], [0, 400], [2, 200], [0, 50]));
    assert.deepEqual(bench.told, ["word1"]);
    const before = bench.one.sentMs;
    bench.one.fail("provider.unavailable");
    await bench.play(speech([0, 50], [3, 200], [0, 400]));
    assert.deepEqual(bench.course, ["down", "retried", "up"]);
    const { error, ...retried } = bench.of("retried")[0]!;
    const why = "provider.unavailable";
    assert.equal(error.code, why);
    assert.deepEqual(retried, { type: "retried", of: "one/m", attempt: 2, why, waitMs: 100 });
    assert.deepEqual(bench.told, ["word1", "word2", "word3"]);
    // From the final of the first word on, and not from the beginning.
    assert.ok(bench.one.sentMs - before < 650 + 400 + 200);
    const usage = bench.stream.abort();
    assert.deepEqual(
      usage.map(({ attempt, provider }) => [provider, attempt]),
      [
        ["one", undefined],
        ["one", 2],
      ],
    );
  });

  test("three times in a row is left for the next provider", async () => {
    const bench = new Bench();
    const busy = new AppError("provider.failed", "500");
    bench.one.refusals.push(busy, busy, busy);
    await bench.play(speech([1, 200], [0, 100], [2, 200], [0, 1_000]));
    assert.deepEqual(bench.course, ["down", "retried", "retried", "switched", "up"]);
    assert.deepEqual(bench.of("switched"), [
      { type: "switched", from: "one/m", to: "two/m", why: "provider.failed", error: busy },
    ]);
    assert.deepEqual(
      bench.of("retried").map(({ waitMs }) => waitMs),
      [100, 200],
    );
    assert.deepEqual(bench.told, ["word1", "word2"]);
  });

  for (const code of ["provider.rejected", "provider.refused", "provider.missing"] as const)
    test(`with ${code} is left at once, and never asked again`, async () => {
      const bench = new Bench();
      bench.one.refusals.push(new AppError(code, "no"));
      await bench.play(speech([1, 200], [0, 400]));
      assert.deepEqual(bench.course, ["down", "switched", "up"]);
      assert.deepEqual(bench.told, ["word1"]);
      bench.two.fail("provider.failed");
      await bench.play(speech([2, 200], [0, 600]));
      assert.deepEqual([bench.one.opened, bench.told], [1, ["word1", "word2"]]);
    });

  test("has failed for good once every provider has refused us", async () => {
    const bench = new Bench();
    bench.one.refusals.push(new AppError("provider.rejected", "no key"));
    bench.two.refusals.push(new AppError("provider.refused", "no such model"));
    await bench.play(speech([0, 200]));
    assert.deepEqual(bench.course, ["down", "switched", "failed"]);
    assert.equal(bench.of("failed")[0]?.error.code, "provider.refused");
  });

  test("is asked again no sooner than it says, or the next one is", async () => {
    const bench = new Bench();
    const limited = (retryAfterMs: number) =>
      new AppError("provider.limited", "429", { detail: { retryAfterMs } });
    bench.one.refusals.push(limited(700), limited(60_000));
    await bench.play(speech([0, 1_000]));
    assert.equal(bench.of("retried")[0]?.waitMs, 700);
    assert.deepEqual(bench.course, ["down", "retried", "switched", "up"]);
  });

  test("goes round all providers without end, and not at once", async () => {
    const bench = new Bench();
    const down = Array.from({ length: 40 }, () => new AppError("provider.unavailable", "down"));
    bench.one.refusals.push(...down.slice(0, 20));
    bench.two.refusals.push(...down.slice(0, 20));
    await bench.play(speech([1, 200], [0, 400]));
    await bench.clock.advance(60_000);
    assert.deepEqual(bench.told, ["word1"]);
    assert.ok(bench.one.opened + bench.two.opened <= 43);
    assert.equal(bench.of("failed").length, 0);
  });

  test("while nobody speaks is opened again with the next audio, and nobody is told", async () => {
    const bench = new Bench();
    await bench.play(speech([1, 200], [0, 400]));
    await bench.clock.advance(12_000);
    bench.one.fail("provider.unavailable");
    await bench.clock.advance(60_000);
    assert.deepEqual([bench.one.opened, bench.course], [1, []]);
    await bench.play(speech([2, 200], [0, 400]));
    assert.deepEqual([bench.one.opened, bench.told], [2, ["word1", "word2"]]);
  });
});

test("audio of a long outage is kept up to its bound, the newest of it", async () => {
  const bench = new Bench();
  await bench.play(speech([0, 100]));
  const never = Array.from({ length: 500 }, () => new AppError("provider.unavailable", "down"));
  bench.one.refusals.push(...never);
  bench.two.refusals.push(...never);
  bench.one.fail("provider.unavailable");
  const words = Array.from({ length: 100 }, (_, i) => [[i + 1, 200] as const, [0, 200] as const]);
  await bench.play(speech(...words.flat()));
  bench.one.refusals.length = 0;
  bench.two.refusals.length = 0;
  await bench.clock.advance(5_000);
  await bench.finish();
  const kept = Math.floor(LIMITS.resendAudioMsMax / 400);
  const newest = Array.from({ length: kept }, (_, i) => wordText(100 - kept + i + 1));
  assert.deepEqual(bench.told, newest);
});

test("in silence only the newest audio is kept for a new connection", async () => {
  const bench = new Bench();
  bench.stream.speechStarted(0);
  await bench.play(speech([1, 200], [0, 400]));
  bench.stream.speechEnded(200);
  await bench.play(speech([0, 20_000]));
  const before = bench.one.sentMs;
  bench.one.fail("provider.unavailable");
  await bench.clock.advance(200);
  assert.ok(bench.one.sentMs - before <= 2_010);
});

test("an open breaker is passed over, and what becomes of a connection is told to it", async () => {
  const ended: string[] = [];
  let isOpen = true;
  const breakers: Guard = {
    enter: ({ provider }) =>
      provider === "one" && isOpen
        ? undefined
        : { end: (how) => void ended.push(`${provider} ${how}`) },
  };
  const bench = new Bench(undefined, breakers);
  await bench.play(speech([1, 200], [0, 400]));
  assert.deepEqual(bench.course, ["down", "switched", "up"]);
  assert.equal(bench.of("switched")[0]?.why, "provider.open");
  assert.deepEqual([bench.told, ended[0]], [["word1"], "two ok"]);
  isOpen = false;
  bench.two.fail("provider.rejected");
  await bench.play(speech([0, 100]));
  assert.deepEqual(ended.at(-1), "two failed");
  bench.stream.abort();
  assert.deepEqual(ended.at(-1), "one ok");
});

test("who is silent holds back nobody: a connection that lasts has passed its trial", async () => {
  const ended: string[] = [];
  const breakers: Guard = {
    enter: ({ provider }) => ({ end: (how) => void ended.push(`${provider} ${how}`) }),
  };
  const bench = new Bench(undefined, breakers);
  await bench.play(speech([0, 1_000]));
  assert.deepEqual(ended, []);
  await bench.play(speech([0, 10_000]));
  assert.deepEqual(ended, ["one ok"]);
  bench.stream.abort();
  await bench.clock.advance(0);
  assert.equal(bench.clock.nextDue, undefined);
});

test("who hangs up where nobody speaks has not failed", async () => {
  const ended: string[] = [];
  const breakers: Guard = {
    enter: ({ provider }) => ({ end: (how) => void ended.push(`${provider} ${how}`) }),
  };
  const bench = new Bench(undefined, breakers);
  await bench.play(speech([0, 100]));
  await bench.clock.advance(5_000);
  bench.one.fail("provider.unavailable");
  assert.deepEqual([bench.course, ended], [[], ["one void"]]);
});

test("a noise that was no word connects to nobody while nothing is sent", async () => {
  const bench = new Bench();
  bench.stream.speechStarted(0);
  await bench.play(speech([0, 500]));
  bench.stream.speechEnded(300);
  await bench.clock.advance(10_000);
  bench.one.fail("provider.unavailable");
  await bench.clock.advance(60_000);
  assert.deepEqual([bench.one.opened, bench.course], [1, []]);
  await bench.play(speech([1, 200], [0, 400]));
  assert.deepEqual([bench.one.opened, bench.told], [2, ["word1"]]);
});

test("words that were never answered are asked for again, also when nothing is sent", async () => {
  const bench = new Bench();
  bench.stream.speechStarted(0);
  await bench.play(speech([1, 200], [0, 100]));
  bench.stream.speechEnded(200);
  await bench.clock.advance(10_000);
  bench.one.fail("provider.timeout");
  await bench.clock.advance(1_000);
  assert.deepEqual([bench.one.opened, bench.course], [2, ["down", "retried", "up"]]);
});
