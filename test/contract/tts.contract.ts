import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { joinSamples } from "../../src/base/audio.ts";
import { AppError } from "../../src/base/errors.ts";
import type { Tts, TtsEvent, TtsUsage } from "../../src/providers/tts.port.ts";
import {
  MS_PER_CHARACTER,
  PIECE_MS,
  RATE_HZ,
  SPEECH_KEY,
  speechOf,
} from "../emulators/tone-speech.ts";
import type { Fault, VendorServer } from "../emulators/vendor-server.ts";

/** What every vendor's voice does, run through its SDK against an emulator that speaks tones. */
export interface TtsKind {
  start(): Promise<VendorServer>;
  /** For the server at this `http://` address. */
  create(baseUrl: string, key: string): Tts;
  /** Name of the variable that holds the key. */
  readonly keyName: string;
  /** True where it tells the end of each word. */
  readonly aligns?: boolean;
  /** True where its first request only teaches it how to ask. */
  readonly learns?: boolean;
}

const TEXT = "We open at nine, and close at six in the evening.";
const WORD_ENDS = [...TEXT.matchAll(/\S+/g)].map(
  (word) => (word.index + word[0].length) * MS_PER_CHARACTER,
);

class Bench implements AsyncDisposable {
  readonly server: VendorServer;
  readonly tts: Tts;
  readonly stop = new AbortController();

  constructor(server: VendorServer, tts: Tts) {
    this.server = server;
    this.tts = tts;
  }

  static async open(kind: TtsKind, key = SPEECH_KEY): Promise<Bench> {
    const server = await kind.start();
    return new Bench(server, kind.create(server.url, key));
  }

  speak(text = TEXT, voice = "tone-1000"): AsyncIterable<TtsEvent> {
    return this.tts.speak({ text, voice, signal: this.stop.signal });
  }

  async error(voice?: string): Promise<AppError> {
    try {
      await Array.fromAsync(this.speak(TEXT, voice));
    } catch (error) {
      assert.ok(error instanceof AppError, `${String(error)} is ours`);
      return error;
    }
    throw new assert.AssertionError({ message: "it did not fail" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tts[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

export function ttsContract(name: string, kind: TtsKind): void {
  suite(`${name} speaks`, () => {
    suiteOfSound(kind);
    suiteOfStops(kind);
    suiteOfFaults(kind);
  });
}

function suiteOfSound(kind: TtsKind): void {
  test("a tone of 1 kHz comes as it is made, in its pitch and to the sample", async () => {
    await using bench = await Bench.open(kind);
    const { server, tts } = bench;
    const got: TtsEvent[] = [];
    let madeAtFirst: number | undefined;
    for await (const event of bench.speak()) {
      if (event.type === "audio") madeAtFirst ??= server.total("audioMs");
      got.push(event);
    }
    const ms = TEXT.length * MS_PER_CHARACTER;
    assert.ok(madeAtFirst! < ms / 2, `${madeAtFirst} ms of ${ms} were made at the first sound`);
    assert.equal(tts.rateHz, RATE_HZ);
    const samples = soundOf(got);
    assert.ok(Math.abs(hertzOf(samples) - 1_000) < 10, `${hertzOf(samples)} Hz`);
    assert.equal((samples.length * 1_000) / RATE_HZ, ms);
    assert.deepEqual(samples, speechOf(TEXT, 1_000));
  });

  test("the end of each word is told by those that know it", async () => {
    await using bench = await Bench.open(kind);
    const told = (await Array.fromAsync(bench.speak())).filter(({ type }) => type === "alignment");
    assert.deepEqual(told, kind.aligns ? [{ type: "alignment", wordEndsMs: WORD_ENDS }] : []);
  });

  test("sentences at the same time do not mix", async () => {
    await using bench = await Bench.open(kind);
    const pitches = [400, 500, 600, 700, 800, 900, 1_000, 1_100];
    const heard = await Promise.all(
      pitches.map((hz, i) => Array.fromAsync(bench.speak(TEXT.slice(i), `tone-${hz}`))),
    );
    for (const [i, hz] of pitches.entries())
      assert.deepEqual(soundOf(heard[i]!), speechOf(TEXT.slice(i), hz), `${hz} Hz`);
  });

  test("nothing to say is no request", async () => {
    await using bench = await Bench.open(kind);
    assert.deepEqual(await Array.fromAsync(bench.speak(" … 😀")), []);
    assert.equal(bench.server.seen.length, 0);
  });

  test("what it tells of its cost is what is billed, also where it is stopped", async () => {
    await using bench = await Bench.open(kind);
    const { server, stop } = bench;
    const whole = usageOf(await Array.fromAsync(bench.speak()));
    assert.equal(whole.characters, TEXT.length);
    assert.equal(whole.inputTokens ?? 0, server.total("inputTokens"));
    assert.equal(whole.audioOutTokens ?? 0, server.total("audioOutTokens"));
    const cut: TtsEvent[] = [];
    await assert.rejects(async () => {
      for await (const event of bench.speak()) {
        cut.push(event);
        if (event.type === "audio") stop.abort();
      }
    });
    assert.equal(usageOf(cut).characters, TEXT.length);
    assert.equal(server.total("characters"), 2 * TEXT.length);
  });

  test("a thousand sentences leave no more sockets than a hundred, and no listener", async () => {
    await using bench = await Bench.open(kind);
    const { server, stop } = bench;
    server.script.everyMs = 0;
    const ten = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 10 }, () => Array.fromAsync(bench.speak("Yes."))));
    for (let i = 0; i < 10; i++) await ten();
    const { openSockets, socketsEver } = server;
    for (let i = 10; i < 100; i++) await ten();
    assert.ok(server.openSockets <= openSockets, `${server.openSockets}, were ${openSockets}`);
    assert.ok(server.socketsEver <= socketsEver + 10, `${server.socketsEver} were made`);
    assert.equal(server.total("characters"), 4_000);
    assert.equal(getEventListeners(stop.signal, "abort").length, 0);
  });
}

function suiteOfStops(kind: TtsKind): void {
  test("an abort stops the vendor within two pieces", async () => {
    await using bench = await Bench.open(kind);
    const { server, stop } = bench;
    server.script.everyMs = 20;
    let madeMs = 0;
    await assert.rejects(
      async () => {
        for await (const event of bench.speak()) {
          if (event.type !== "audio") continue;
          madeMs = server.total("audioMs");
          stop.abort();
        }
      },
      { code: "effect.stopped" },
    );
    await until(() => server.aborted === 1);
    assert.ok(server.total("audioMs") <= madeMs + 2 * PIECE_MS, "no more is made");
  });

  test("an abort ends a sentence that hangs, before its first sound or after it", async () => {
    for (const after of [0, 2]) {
      await using bench = await Bench.open(kind);
      const { server, stop } = bench;
      server.script.faults.push({ kind: "halfOpen", after });
      const ended = assert.rejects(Array.fromAsync(bench.speak()), { code: "effect.stopped" });
      await until(
        () => server.total("audioMs") >= (after - 1) * PIECE_MS && server.seen.length > 0,
      );
      stop.abort();
      await ended;
      await until(() => server.aborted > 0 || server.openSockets === 0);
    }
  });

  test("a caller that leaves, or never reads on once it aborts, stops the vendor", async () => {
    await using bench = await Bench.open(kind);
    const { server, stop } = bench;
    server.script.everyMs = 20;
    for await (const event of bench.speak()) if (event.type === "audio") break;
    await until(() => server.aborted === 1);
    const events = bench.speak()[Symbol.asyncIterator]();
    let came = await events.next();
    while (came.value?.type !== "audio") came = await events.next();
    stop.abort();
    await until(() => server.aborted === 2);
    assert.equal(getEventListeners(stop.signal, "abort").length, 0);
  });

  test("a signal that was aborted before asks for nothing", async () => {
    await using bench = await Bench.open(kind);
    bench.stop.abort();
    assert.equal((await bench.error()).code, "effect.stopped");
    assert.equal(bench.server.seen.length, 0);
  });
}

const FAULTS: readonly (readonly [string, Fault, readonly string[]])[] = [
  ["limited", { kind: "status", status: 429, retryAfterS: 7 }, ["provider.limited"]],
  ["broken", { kind: "status", status: 500 }, ["provider.failed"]],
  ["overloaded", { kind: "status", status: 529 }, ["provider.failed"]],
  ["refused", { kind: "status", status: 401 }, ["provider.rejected"]],
  ["no sound before its socket is torn", { kind: "drop", after: 0 }, ["provider.unavailable"]],
  ["torn in mid-word", { kind: "drop", after: 3 }, ["provider.unavailable"]],
  ["no protocol from the start", { kind: "garbage", after: 0 }, ["provider.garbled"]],
  ["no protocol in mid-word", { kind: "garbage", after: 3 }, ["provider.garbled"]],
  [
    "ended in mid-word, and not a shorter sentence",
    { kind: "cut", after: 3 },
    ["provider.garbled", "provider.unavailable"],
  ],
];

function suiteOfFaults(kind: TtsKind): void {
  for (const [what, fault, codes] of FAULTS)
    test(`${what}: a typed error, and the next sentence is whole`, async () => {
      await using bench = await Bench.open(kind);
      if (kind.learns) await Array.fromAsync(bench.speak("Yes."));
      bench.server.script.faults.push(fault);
      const error = await bench.error();
      assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
      assert.equal(error.detail["provider"], bench.tts.provider);
      assert.ok(error.message.startsWith(`${bench.tts.provider}: `), error.message);
      const { retryAfterS } = { retryAfterS: undefined, ...fault };
      assert.equal(error.detail["retryAfterMs"], retryAfterS && retryAfterS * 1_000);
      assert.deepEqual(soundOf(await Array.fromAsync(bench.speak())), speechOf(TEXT, 1_000));
    });

  test("a rejected key names its variable, and is never shown", async () => {
    const key = "sk-another-secret";
    await using bench = await Bench.open(kind, key);
    const error = await bench.error();
    assert.equal(error.code, "provider.rejected");
    assert.ok(error.message.includes(kind.keyName), error.message);
    const { message, detail, stack, cause } = error;
    const { message: inner, stack: innerStack } = cause as Error;
    const shown = JSON.stringify([message, detail, stack, inner, innerStack, cause]);
    assert.ok(!shown.includes(key), shown);
  });

  test("a voice that is not there is refused by its name, and is not silence", async () => {
    await using bench = await Bench.open(kind);
    const error = await bench.error("nobody-at-all");
    assert.equal(error.code, "provider.refused");
    assert.match(error.message, /nobody-at-all/);
    assert.equal(error.detail["voice"], "nobody-at-all");
  });

  test("nobody listening is told apart from a rejected key", async () => {
    const bench = await Bench.open(kind);
    await bench.server[Symbol.asyncDispose]();
    assert.equal((await bench.error()).code, "provider.unavailable");
    await bench.tts[Symbol.asyncDispose]();
  });
}

function soundOf(events: readonly TtsEvent[]): Int16Array {
  return joinSamples(
    events.flatMap((event) => (event.type === "audio" ? event.frame.samples : [])),
  );
}

function usageOf(events: readonly TtsEvent[]): TtsUsage {
  const sum: Record<string, number> = {};
  for (const event of events)
    for (const [meter, count] of Object.entries(event.type === "usage" ? event.usage : {}))
      sum[meter] = (sum[meter] ?? 0) + (count as number);
  return sum;
}

/** By its rising zero crossings. */
function hertzOf(samples: Int16Array): number {
  const crossings: number[] = [];
  for (let i = 1; i < samples.length; i++)
    if (samples[i - 1]! < 0 && samples[i]! >= 0) crossings.push(i);
  return ((crossings.length - 1) * RATE_HZ) / (crossings.at(-1)! - crossings[0]!);
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await turn();
}
