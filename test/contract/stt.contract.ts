import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { SimulatedClock } from "../../src/base/clock.ts";
import type { AppError, ErrorCode } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Stt, SttEvent, SttStream } from "../../src/providers/stt.port.ts";
import type { Fault, VendorServer } from "../emulators/vendor-server.ts";
import { SPEECH_HZ, speech } from "../support/numbered-speech.ts";

/** What every speech to text of a vendor keeps, through its real SDK against its emulator. */
export interface SttBench {
  readonly server: VendorServer;
  /** The key is one that must never be seen. */
  readonly stt: Stt;
  readonly clock: SimulatedClock;
}

export interface SttKind {
  readonly open: () => Promise<SttBench>;
  readonly keyName: string;
  /** One request for each utterance: no interims, and no connection of its own. */
  readonly isBatch?: boolean;
}

export const SECRET = "sk-never-to-be-seen";
const FRAME = SPEECH_HZ / 50;
const HELLO = speech([0, 300], [1, 200], [0, 100], [2, 200]);
const PAUSE = speech([0, 700]);
const BYE = speech([3, 200], [0, 100], [4, 200]);

/** A stream with all that it told, and the voice detector's hints that go with the speech. */
class Hearing {
  readonly events: SttEvent[] = [];
  readonly stream: SttStream;
  #audioMs = 0;
  #waiting: { readonly is: () => boolean; readonly go: () => void }[] = [];

  constructor(stt: Stt) {
    this.stream = stt.open((event) => {
      this.events.push(event);
      for (const { is, go } of this.#waiting) if (is()) go();
    });
  }

  /** Speech as such: its pauses inside are too short for a detector. */
  say(samples: Int16Array): void {
    const lead = Math.max(
      0,
      samples.findIndex((sample) => sample !== 0),
    );
    const fromMs = this.#audioMs + (lead * 1000) / SPEECH_HZ;
    this.#push(samples.subarray(0, lead + FRAME));
    this.stream.speechStarted(fromMs);
    this.#push(samples.subarray(lead + FRAME));
    const toMs = this.#audioMs;
    this.#push(PAUSE);
    this.stream.speechEnded(toMs);
  }

  /** Speech that goes on: its end has not been told. */
  begin(samples: Int16Array): void {
    this.stream.speechStarted(this.#audioMs);
    this.#push(samples);
  }

  #push(samples: Int16Array): void {
    for (let at = 0; at < samples.length; at += FRAME) {
      this.stream.push({ samples: samples.subarray(at, at + FRAME), rateHz: SPEECH_HZ });
      this.#audioMs += (Math.min(FRAME, samples.length - at) * 1000) / SPEECH_HZ;
    }
  }

  of<T extends SttEvent["type"]>(type: T): Extract<SttEvent, { type: T }>[] {
    return this.events.filter((event) => event.type === type) as Extract<SttEvent, { type: T }>[];
  }

  get told(): readonly string[] {
    return this.of("final").map(({ text }) => text);
  }

  until(is: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (is()) resolve();
      else this.#waiting.push({ is, go: resolve });
    });
  }

  async failure(): Promise<AppError> {
    await this.until(() => this.of("failed").length > 0);
    return this.of("failed")[0]!.error;
  }

  get audioMs(): number {
    return this.#audioMs;
  }
}

/** A fact of the server that comes without an event: looked at in each turn of the loop. */
async function when(is: () => boolean): Promise<void> {
  while (!is()) await turn();
}

export function sttContract(name: string, kind: SttKind): void {
  suite(`${name} as speech to text`, () => {
    words(kind);
    ends(kind);
    faults(kind);
  });
}

function words({ open, isBatch = false }: SttKind): void {
  test("each utterance has one final, in order, with its words at their times", async () => {
    const { server, stt } = await open();
    await using _server = server;
    const hearing = new Hearing(stt);
    hearing.say(HELLO);
    hearing.say(BYE);
    await hearing.stream.finish();
    assert.deepEqual(hearing.told, ["word1 word2", "word3 word4"]);
    const words = hearing.of("final").flatMap((final) => final.words);
    assert.deepEqual(
      words.map(({ text, fromMs, toMs }) => [text, Math.round(fromMs), Math.round(toMs)]),
      [
        ["word1", 300, 500],
        ["word2", 600, 800],
        ["word3", 1_500, 1_700],
        ["word4", 1_800, 2_000],
      ],
    );
    for (const { fromMs, toMs, words: own } of hearing.of("final")) {
      assert.ok(fromMs <= own[0]!.fromMs && toMs >= own.at(-1)!.toMs);
      assert.ok(toMs <= hearing.audioMs);
    }
    assert.deepEqual(hearing.of("failed"), []);
    assert.equal(hearing.events[0]?.type, "up");
  });

  test("interims come while the words are said, none after their final or of a batch", async () => {
    const { server, stt } = await open();
    await using _server = server;
    const hearing = new Hearing(stt);
    hearing.begin(HELLO);
    if (!isBatch)
      await hearing.until(() => hearing.of("interim").some(({ text }) => text === "word1"));
    assert.deepEqual(hearing.told, []);
    hearing.say(BYE);
    await hearing.stream.finish();
    assert.equal(hearing.of("interim").length === 0, isBatch);
    const types = hearing.events
      .map(({ type }) => type)
      .filter((type) => /interim|final/.test(type));
    assert.equal(types.at(-1), "final");
    for (const { text, stableWords } of hearing.of("interim"))
      assert.ok(stableWords >= 0 && stableWords <= text.split(" ").length);
  });
}

function ends({ open, isBatch = false }: SttKind): void {
  test("finish gives the words of speech that goes on, and tells what it took", async () => {
    const { server, stt } = await open();
    await using _server = server;
    const hearing = new Hearing(stt);
    hearing.begin(HELLO);
    const usage = await hearing.stream.finish();
    assert.deepEqual(hearing.told, ["word1 word2"]);
    await when(() => server.billed.length > 0);
    const [row, ...more] = usage;
    assert.deepEqual([row?.provider, row?.model, more], [stt.provider, stt.model, []]);
    assert.equal(Math.round(row!.audioMs), Math.round(server.total("audioMs")));
    assert.equal(row!.connectionMs === undefined, isBatch);
    assert.equal(row!.how, undefined);
  });

  test("abort hangs up at once, and tells what it took so far", async () => {
    const { server, stt } = await open();
    await using _server = server;
    // The answer of a batch request never comes.
    if (isBatch) server.script.faults.push({ kind: "halfOpen", after: 0 });
    const hearing = new Hearing(stt);
    if (isBatch) hearing.say(HELLO);
    else hearing.begin(HELLO);
    if (isBatch) await when(() => server.seen.length > 0);
    else await hearing.until(() => hearing.of("interim").length > 0);
    const usage = hearing.stream.abort();
    const told = hearing.events.length;
    await when(() => server.aborted === 1);
    if (!isBatch) await when(() => server.openSockets === 0);
    assert.equal(hearing.events.length, told);
    assert.ok(usage.length === 1 && usage[0]!.audioMs > 0);
    assert.deepEqual(hearing.stream.abort(), usage);
    if (!isBatch) assert.equal(Math.round(usage[0]!.audioMs), Math.round(server.total("audioMs")));
  });

  test("1,000 streams leave no socket behind", async () => {
    const { server, stt } = await open();
    await using _server = server;
    server.script.everyMs = 0;
    for (let i = 0; i < 1_000; i += 20) {
      const hearings = Array.from({ length: 20 }, () => new Hearing(stt));
      for (const hearing of hearings) hearing.say(speech([1, 120]));
      await Promise.all(
        hearings.map(async ({ stream }, n) => (n % 4 === 0 ? stream.abort() : stream.finish())),
      );
    }
    const most = isBatch ? 40 : 0;
    await when(() => server.openSockets <= most);
    assert.ok(server.socketsEver >= (isBatch ? 1 : 700));
  });
}

function faults({ open, keyName, isBatch = false }: SttKind): void {
  const cases: readonly (readonly [string, Fault, ErrorCode])[] = [
    ["a refused key", { kind: "status", status: 401 }, "provider.rejected"],
    ["an account without money", { kind: "status", status: 402 }, "provider.rejected"],
    ["a wrong request", { kind: "status", status: 400 }, "provider.refused"],
    ["too many requests", { kind: "status", status: 429, retryAfterS: 3 }, "provider.limited"],
    ["a broken server", { kind: "status", status: 503 }, "provider.failed"],
    ["a torn connection", { kind: "drop", after: 1 }, "provider.unavailable"],
    ["garbage", { kind: "garbage", after: 1 }, "provider.garbled"],
    [
      "an end in mid-word",
      { kind: "cut", after: 1 },
      isBatch ? "provider.garbled" : "provider.unavailable",
    ],
  ];
  for (const [what, fault, code] of cases)
    test(`${what} is told once, as ${code}, without the key`, async () => {
      const { server, stt } = await open();
      await using _server = server;
      server.script.faults.push(fault);
      const hearing = new Hearing(stt);
      hearing.say(HELLO);
      const error = await hearing.failure();
      assert.equal(error.code, code);
      assert.ok(!`${error.message} ${error.stack} ${String(error.cause)}`.includes(SECRET));
      if (what === "a refused key") assert.match(error.message, new RegExp(keyName));
      if (fault.kind === "status" && fault.retryAfterS)
        assert.equal(error.detail["retryAfterMs"], fault.retryAfterS * 1000);
      const told = hearing.events.length;
      hearing.say(BYE);
      const usage = await hearing.stream.finish();
      assert.equal(hearing.events.length, told, "a stream that failed tells nothing more");
      for (const { how } of usage) assert.equal(how, "failed");
      assert.equal(usage.length > 0, fault.kind !== "status");
    });

  test("a connection that is open and dead is given up by the clock", async () => {
    const { server, stt, clock } = await open();
    await using _server = server;
    server.script.faults.push({ kind: "halfOpen", after: isBatch ? 0 : 1 });
    const hearing = new Hearing(stt);
    if (isBatch) hearing.say(HELLO);
    else hearing.begin(HELLO);
    if (isBatch) await when(() => server.seen.length > 0);
    else await hearing.until(() => hearing.events.length > 0);
    const wait = isBatch ? LIMITS.sttFinishMsMax : LIMITS.sttSilentMsMax;
    while (hearing.of("failed").length === 0) {
      if (!isBatch) hearing.begin(BYE);
      await clock.advance(wait / 4);
      await turn();
    }
    assert.equal((await hearing.failure()).code, "provider.timeout");
  });

  test("nobody there is no refusal", async () => {
    const { server, stt } = await open();
    await server[Symbol.asyncDispose]();
    const hearing = new Hearing(stt);
    hearing.say(HELLO);
    assert.equal((await hearing.failure()).code, "provider.unavailable");
  });
}
