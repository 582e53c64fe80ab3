import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { UsageOutbox, type UsageOutboxOptions } from "../../src/books/usage-outbox.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/id.ts";
import { openFaulty } from "../../src/broker/faulty/faulty-broker.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { Stream } from "../../src/broker/stream.port.ts";
import { type CallRef, EMPTY_TAIL, type LogRecord } from "../../src/events/record.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { collect, record } from "../contract/bench.ts";
import { RUNS } from "../ledger/support/clerk.ts";
import { type Ground, mortal } from "./support/mortal-broker.ts";

const REF: CallRef = { tenant: "acme", call: "c1" };

/** A call's log: its header, and so many replies that used something, with steps between. */
function callLog(replies: number, ref = REF): readonly LogRecord[] {
  const header = { ...ref, room: "desk", agent: { name: "main" }, agents: {} };
  const inputs: LogRecord["input"][] = [{ type: "call.opened", header }];
  for (let i = 1; i <= replies; i++) {
    const row = { service: "llm", provider: "acme", model: "quick", estimated: false };
    const usage = [{ ...row, meter: "outputTokens", quantity: 10 * i }];
    inputs.push({ type: "stt.interim", words: i });
    inputs.push({ type: "effect.ended", effect: `${i}.0.reply`, how: "done", usage });
  }
  return inputs.map((input, i) => record(i + 1, { input, actor: i === 0 ? "room" : "turn.1" }));
}

const wanted = (records: readonly LogRecord[]): readonly string[] =>
  usageEventsOf(records).map(({ eventId }) => eventId);

async function told(usage: Stream, ref = REF): Promise<string[]> {
  const entries = await collect(usage.read(ref));
  return entries.map(({ value }) => (value as { eventId: string }).eventId);
}

async function write(ground: Ground, records: readonly LogRecord[], ref = REF): Promise<void> {
  const { seq, hash } = await ground.log.tail(ref);
  await ground.log.append(ref, seq === 0 ? EMPTY_TAIL : { seq, hash }, records);
}

function stage(more: Partial<UsageOutboxOptions> = {}) {
  const clock = new SimulatedClock();
  const broker = openMemory({ clock });
  const open = (other: Partial<UsageOutboxOptions> = {}) =>
    new UsageOutbox({ broker, clock, ...more, ...other });
  return { clock, broker, open };
}

suite("the outbox of usage", () => {
  test("tells what acknowledged records used, in order, after the offer returned", async () => {
    const { broker, open } = stage();
    const records = callLog(3);
    await write(broker, records);
    await using outbox = open();
    for (const one of records) outbox.offer(REF, [one]);
    assert.deepEqual(await told(broker.usage), []);
    await outbox.idle();
    // Its owner's own time, which goes on, and the replies.
    assert.equal(wanted(records).length, 4);
    assert.deepEqual(await told(broker.usage), wanted(records));
    assert.deepEqual(outbox.counts, { published: 4, known: 0, refused: 0, failed: 0 });
  });

  test("tells nothing twice, whoever follows the call again", async () => {
    const { broker, open } = stage();
    const records = callLog(3);
    await write(broker, records);
    await using first = open();
    first.follow(REF);
    await first.idle();
    await using second = open();
    second.follow(REF);
    second.offer(REF, records);
    await second.idle();
    assert.deepEqual(await told(broker.usage), wanted(records));
    assert.deepEqual(second.counts, { published: 0, known: 4, refused: 0, failed: 0 });
  });

  test("reads what it was not offered, as after a takeover", async () => {
    const { broker, open } = stage();
    const records = callLog(3);
    await write(broker, records);
    await using outbox = open();
    outbox.offer(REF, records.slice(-1));
    await outbox.idle();
    assert.deepEqual(await told(broker.usage), wanted(records));
  });

  test("finds the calls that were not told to their end, and no others", async () => {
    const { broker, open } = stage();
    const other = { ...REF, call: "c2" };
    await write(broker, callLog(2));
    await write(broker, callLog(1, other), other);
    await using first = open();
    first.follow(REF);
    await first.idle();
    await using second = open();
    await second.followAll();
    await second.idle();
    assert.deepEqual(await told(broker.usage, other), wanted(callLog(1, other)));
    assert.deepEqual(second.counts, { published: 2, known: 0, refused: 0, failed: 0 });
  });

  test("refuses what finds no room, counts it, and reads it from the log", async () => {
    const { broker, open } = stage({ waitingMax: 3 });
    const records = callLog(4);
    await write(broker, records);
    await using outbox = open();
    for (const one of records) outbox.offer(REF, [one]);
    assert.equal(outbox.counts.refused, records.length - 3);
    await outbox.idle();
    assert.deepEqual(await told(broker.usage), wanted(records));
  });

  test("goes on when the broker is back", async () => {
    const { broker, clock, open } = stage();
    const records = callLog(2);
    await write(broker, records);
    const reach = { away: true };
    const usage: Stream = {
      read: (key, after) => broker.usage.read(key, after),
      tail: (key) => broker.usage.tail(key),
      append: async (key, expect, item) => {
        if (reach.away) throw new AppError("broker.unavailable", "nobody there");
        return broker.usage.append(key, expect, item);
      },
    };
    await using outbox = open({ broker: { ...broker, usage } });
    outbox.offer(REF, records);
    await clock.advance(2_000);
    assert.ok(outbox.counts.failed > 1);
    reach.away = false;
    await clock.advance(1_000);
    await outbox.idle();
    assert.deepEqual(await told(broker.usage), wanted(records));
  });

  test("leaves a call whose log cannot be folded, and goes on with the others", async () => {
    const { broker, open } = stage();
    const other = { ...REF, call: "c2" };
    await write(broker, [record(1)]);
    await write(broker, callLog(1, other), other);
    const logged: string[] = [];
    const logger = { log: (level: string) => void logged.push(level) };
    const read = (ref: CallRef, from?: number) => {
      if (ref.call === "c1") throw new AppError("log.damaged", "a bad line");
      return broker.log.read(ref, from);
    };
    const log = { ...broker.log, read, tail: (ref: CallRef) => broker.log.tail(ref) };
    await using outbox = open({ logger, broker: { ...broker, log: log as typeof broker.log } });
    outbox.follow(REF);
    outbox.follow(other);
    outbox.offer(REF, [record(2)]);
    await outbox.idle();
    assert.deepEqual(logged, ["error"]);
    assert.deepEqual(await told(broker.usage, other), wanted(callLog(1, other)));
  });
});

const FAULTS = {
  ackLost: 0.08,
  ackLate: 0.05,
  appendLost: 0.08,
  landedLater: 0.08,
  conflict: 0.05,
  staleTail: 0.2,
  staleRead: 0.2,
};

const run = fc.record({
  replies: fc.integer({ min: 1, max: 8 }),
  lives: fc.array(fc.record({ steps: fc.nat(15), after: fc.boolean() }), { maxLength: 5 }),
  seed: fc.nat(),
});
type Run = typeof run extends fc.Arbitrary<infer T> ? T : never;

/** A first owner that is killed again and again, and one that comes while it lives. */
async function compete({ replies, lives, seed }: Run, wrap = (usage: Stream) => usage) {
  const clock = new SimulatedClock();
  const inner = openMemory({ clock });
  const random = seededRandom(seed);
  const options = { random, clock, faults: FAULTS };
  const faulty = openFaulty({ ...inner, usage: wrap(inner.usage) }, options);
  const records = callLog(replies);
  await write(inner, records);
  const work = async (ground: Ground): Promise<void> => {
    const outbox = new UsageOutbox({ broker: { ...ground, log: faulty.log }, clock });
    outbox.offer(REF, records.slice(0, 1 + Math.floor(random() * records.length)));
    outbox.follow(REF);
    await outbox.idle();
  };
  const first = async (): Promise<void> => {
    for (const life of lives) {
      const { ground, death } = mortal(faulty, { ...life });
      await Promise.race([work(ground), death]);
    }
    await work(faulty);
  };
  const state = { done: false };
  const over = Promise.all([first(), work(faulty)]).finally(() => (state.done = true));
  while (!state.done) await clock.advance(1_000);
  await over;
  await using last = new UsageOutbox({ broker: inner, clock });
  await last.followAll();
  await last.idle();
  assert.deepEqual(await told(inner.usage), wanted(records));
}

/** Appends at the end whatever was expected there. */
const careless = (usage: Stream): Stream => ({
  read: (key, after) => usage.read(key, after),
  tail: (key) => usage.tail(key),
  append: async (key, _, item) => usage.append(key, await usage.tail(key), item),
});

suite("two outboxes of one call on a broker that fails", () => {
  test("tell each event once, wherever they are killed", async () => {
    await fc.assert(
      fc.asyncProperty(run, (one) => compete(one)),
      { numRuns: RUNS },
    );
  });

  test("double some without the compare-and-set", async () => {
    const planted = fc.asyncProperty(run, (one) => compete(one, careless));
    assert.ok((await fc.check(planted, { numRuns: RUNS, endOnFailure: true })).failed);
  });
});
