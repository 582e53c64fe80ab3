import assert from "node:assert/strict";
import { test } from "node:test";
import { LogWriter } from "../../src/actors/log-writer.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
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
  const told = { appends: [] as number[], sizes: [] as number[], acked: 0, fenced: "" };
  const state = { code };
  const log = {
    tail: (ref) => inner.tail(ref),
    append: (ref, expect, records) => {
      told.appends.push(clock.now());
      if (state.code) return Promise.reject(new AppError(state.code, "not now"));
      told.sizes.push(records.length);
      return inner.append(ref, expect, records);
    },
  } as Partial<EventLog> as EventLog;
  const hooks = {
    acked: (seq: number) => void (told.acked = seq),
    fenced: ({ code }: AppError) => void (told.fenced = code),
  };
  const writer = new LogWriter(log, REF, { tail: EMPTY_TAIL, clock, hooks });
  return { clock, told, state, writer };
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

test("an append that is never answered ends the owner within the time of an outage", async () => {
  const { clock, told, writer } = openWriter("log.unknown");
  const startedAt = clock.now();
  writer.add(record(1));
  writer.flush();
  await clock.advance(LIMITS.unknownMsMax);
  assert.equal(told.fenced, "owner.fenced");
  assert.ok(told.appends.length > LIMITS.unknownTriesMax);
  assert.ok(told.appends.at(-1)! - startedAt < 6_000);
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
