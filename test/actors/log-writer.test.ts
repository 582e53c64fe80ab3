import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { LogWriter } from "../../src/actors/log-writer.ts";
import { SimulatedClock, sleep } from "../../src/base/clock.ts";
import { AppError, type ErrorCode } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { EventLog } from "../../src/broker/event-log.port.ts";
import { MemoryLog } from "../../src/broker/memory/memory-log.ts";
import { EMPTY_TAIL, type LogRecord } from "../../src/events/record.ts";
import { record } from "../contract/bench.ts";

const REF = { tenant: "acme", call: "c1" };

/** A writer on a log whose appends fail with a code until told otherwise. */
function openWriter(code?: ErrorCode) {
  const clock = new SimulatedClock();
  const inner = new MemoryLog();
  const told = {
    appends: [] as number[],
    tails: 0,
    sizes: [] as number[],
    acked: 0,
    fenced: "",
    unanswered: [] as number[],
  };
  const state = { code, ackAfterMs: 0, tailAfterMs: 0 };
  const log = {
    tail: async (ref) => {
      told.tails++;
      const tail = await inner.tail(ref);
      await sleep(clock, state.tailAfterMs);
      return tail;
    },
    append: (ref, expect, records) => {
      told.appends.push(clock.now());
      if (state.code) return Promise.reject(new AppError(state.code, "not now"));
      told.sizes.push(records.length);
      const landed = inner.append(ref, expect, records);
      return state.ackAfterMs === 0 ? landed : sleep(clock, state.ackAfterMs).then(() => landed);
    },
  } as Partial<EventLog> as EventLog;
  const hooks = {
    acked: (seq: number) => void (told.acked = seq),
    fenced: ({ code }: AppError) => void (told.fenced = code),
    unanswered: (ms: number) => void told.unanswered.push(ms),
  };
  const writer = new LogWriter(log, REF, { tail: EMPTY_TAIL, clock, hooks });
  const other = (seq: number): void =>
    void inner.append(REF, { seq: seq - 1, hash: record(seq - 1).hash }, [
      record(seq, { epoch: 2 }),
    ]);
  return { clock, told, state, writer, other };
}

for (const code of ["log.unknown", "broker.full", "broker.unavailable"] as const)
  test(`${code}: tried again, each time after a longer wait, and then it lands`, async () => {
    const { clock, told, state, writer } = openWriter(code);
    writer.add(record(1));
    writer.flush();
    await clock.advance(1_600);
    const waits = told.appends.map((at, i) => at - (told.appends[i - 1] ?? at));
    assert.deepEqual(waits, [0, 0, 50, 100, 200, 400, 800]);
    state.code = undefined;
    await clock.advance(1_000);
    assert.deepEqual([told.acked, told.fenced, told.sizes], [1, "", [1]]);
  });

test("an append that is never answered is tried until the writer is told to stop", async () => {
  const { clock, told, writer } = openWriter("log.unknown");
  writer.add(record(1));
  writer.flush();
  await clock.advance(30_000);
  assert.ok(told.appends.length > 30);
  assert.deepEqual(told.unanswered.slice(0, 3), [250, 500, 750]);
  assert.equal(told.unanswered.at(-1), 30_000);
  writer.stop();
  const { length } = told.appends;
  await clock.advance(5_000);
  assert.deepEqual([told.appends.length, told.fenced], [length, ""]);
  assert.equal(told.unanswered.at(-1), 30_000);
});

test("the time without an answer is counted anew for each, and not by who has one", async () => {
  const { clock, told, state, writer } = openWriter();
  for (let seq = 1; seq <= 3; seq++) {
    state.ackAfterMs = seq === 2 ? 900 : 100;
    writer.add(record(seq));
    writer.flush();
    await clock.advance(1_000);
  }
  assert.deepEqual([told.acked, told.tails], [3, 0]);
  assert.deepEqual(told.unanswered, [250, 500, 750]);
});

suite("an answer that was there while the process stood still", () => {
  /** One append is on its way when the loop stands still for `ms`. */
  async function standStill(ms: number) {
    const opened = openWriter();
    const { clock, state, writer } = opened;
    writer.add(record(1));
    writer.flush();
    state.ackAfterMs = 100;
    writer.add(record(2));
    writer.flush();
    await clock.advance(50);
    clock.set(clock.now() + ms);
    return opened;
  }

  test("counts where that was short", async () => {
    const { clock, told } = await standStill(400);
    await clock.advance(0);
    assert.deepEqual([told.acked, told.tails], [2, 0]);
  });

  test("counts once the tail was read and is still ours", async () => {
    const { clock, told, state } = await standStill(9_000);
    state.tailAfterMs = 30;
    await clock.advance(0);
    assert.deepEqual([told.acked, told.tails], [1, 1]);
    await clock.advance(30);
    assert.deepEqual([told.acked, told.fenced, told.appends.length], [2, "", 2]);
    // It is no outage: nobody asked the log in that time.
    assert.ok(Math.max(0, ...told.unanswered) < 1_000);
  });

  test("is worth nothing where another owner has come", async () => {
    const opened = openWriter();
    const { clock, told, state, writer, other } = opened;
    state.ackAfterMs = 100;
    writer.add(record(1));
    writer.flush();
    await clock.advance(50);
    other(2);
    clock.set(clock.now() + 9_000);
    await clock.advance(0);
    assert.deepEqual([told.acked, told.fenced], [0, "owner.fenced"]);
  });

  test("the tail is read again where it stood still over that too", async () => {
    const { clock, told, state, other } = await standStill(9_000);
    state.tailAfterMs = 30;
    await clock.advance(0);
    other(3);
    clock.set(clock.now() + 9_000);
    await clock.advance(30);
    assert.deepEqual([told.acked, told.fenced, told.tails], [1, "owner.fenced", 2]);
  });
});

test("a conflict is not tried again", async () => {
  const { clock, told, writer } = openWriter("log.conflict");
  writer.add(record(1));
  writer.flush();
  await clock.advance(10_000);
  assert.deepEqual([told.appends.length, told.fenced], [1, "owner.fenced"]);
});

test("what waits is packed by number and by bytes, and all of it lands in order", async () => {
  const { clock, told, writer } = openWriter();
  const large = (seq: number): LogRecord =>
    record(seq, { text: { salt: "s", value: "x".repeat(60_000) } });
  for (let seq = 1; seq <= 100; seq++) writer.add(seq > 70 ? large(seq) : record(seq));
  writer.flush();
  await clock.advance(10);
  assert.equal(told.acked, 100);
  assert.equal(told.sizes[0], LIMITS.appendRecordsMax);
  assert.equal(
    told.sizes.reduce((sum, size) => sum + size, 0),
    100,
  );
  assert.ok(Math.max(...told.sizes.slice(1)) * 60_000 <= 9 * LIMITS.recordBytesMax);
});
