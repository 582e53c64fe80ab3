import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { SimulatedClock } from "../../src/base/clock.ts";
import { seededRandom } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { type FaultyBroker, openFaulty } from "../../src/broker/faulty/faulty-broker.ts";
import type { FaultRates } from "../../src/broker/faulty/faults.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import { EMPTY_TAIL, type LogTail } from "../../src/events/record.ts";
import { collect, fill, newCall, record, records, rejects, tailAt } from "../contract/bench.ts";

interface Stage {
  readonly clock: SimulatedClock;
  readonly inner: Broker;
  readonly faulty: FaultyBroker;
}

function stage(faults: FaultRates, seed = 1): Stage {
  const clock = new SimulatedClock();
  const inner = openMemory({ clock });
  const lateMs = { min: 100, max: 200 };
  const faulty = openFaulty(inner, { clock, random: seededRandom(seed), faults, lateMs });
  return { clock, inner, faulty };
}

suite("a faulty broker", () => {
  test("an ack lost: unknown, and landed", async () => {
    const { inner, faulty } = stage({ ackLost: 1 });
    const ref = newCall();
    await rejects("log.unknown", () => faulty.log.append(ref, EMPTY_TAIL, [record(1)]));
    assert.deepEqual(await inner.log.tail(ref), tailAt(1));
    await rejects("log.conflict", () => faulty.log.append(ref, EMPTY_TAIL, [record(1)]));
    assert.equal(faulty.counts.ackLost, 2);
  });

  test("an ack late: landed at once, told after the delay", async () => {
    const { clock, inner, faulty } = stage({ ackLate: 1 });
    const ref = newCall();
    let tail: LogTail | undefined;
    void Promise.resolve(faulty.log.append(ref, EMPTY_TAIL, [record(1)])).then((it) => (tail = it));
    await clock.advance(90);
    assert.equal(tail, undefined);
    assert.deepEqual(await inner.log.tail(ref), tailAt(1));
    await clock.advance(120);
    assert.deepEqual(tail, tailAt(1));
  });

  test("an append lost: unknown, and never there", async () => {
    const { clock, inner, faulty } = stage({ appendLost: 1 });
    const ref = newCall();
    await rejects("log.unknown", () => faulty.log.append(ref, EMPTY_TAIL, [record(1)]));
    await clock.advance(10_000);
    assert.deepEqual(await inner.log.tail(ref), EMPTY_TAIL);
  });

  test("landed later: unknown, then there, unless another was first", async () => {
    const { clock, inner, faulty } = stage({ landedLater: 1 });
    const [ref, taken] = [newCall(), newCall()];
    await rejects("log.unknown", () => faulty.log.append(ref, EMPTY_TAIL, [record(1)]));
    await rejects("log.unknown", () => faulty.log.append(taken, EMPTY_TAIL, [record(1)]));
    assert.deepEqual(await inner.log.tail(ref), EMPTY_TAIL);
    await inner.log.append(taken, EMPTY_TAIL, [record(1, { epoch: 9 })]);
    await clock.advance(300);
    assert.deepEqual(await inner.log.tail(ref), tailAt(1));
    assert.deepEqual(await collect(inner.log.read(taken)), [record(1, { epoch: 9 })]);
  });

  test("a lost compare-and-set: conflict, and not there", async () => {
    const { inner, faulty } = stage({ conflict: 1 });
    const ref = newCall();
    await rejects("log.conflict", () => faulty.log.append(ref, EMPTY_TAIL, [record(1)]));
    assert.deepEqual(await inner.log.tail(ref), EMPTY_TAIL);
  });

  test("stale reads: an older tail, and the newest records missing", async () => {
    const { faulty } = stage({ staleTail: 1, staleRead: 1 });
    const ref = newCall();
    for (let seq = 1; seq <= 9; seq++) await faulty.log.append(ref, tailAt(seq - 1), [record(seq)]);
    for (let i = 0; i < 20; i++) {
      const { seq } = await faulty.log.tail(ref);
      assert.ok(seq >= 6 && seq <= 8, `tail ${seq}`);
      const seen = await collect(faulty.log.read(ref));
      assert.ok(seen.length >= 6 && seen.length <= 8, `${seen.length} records`);
      assert.deepEqual(seen, records(1, seen.length));
    }
    assert.deepEqual([faulty.counts.staleTail, faulty.counts.staleRead], [20, 20]);
  });

  test("a claim returning early: lost, and open to another", async () => {
    const { faulty } = stage({ claimEarly: 1 });
    await faulty.jobs.offer({ tenant: "t", room: "r", payload: null });
    const first = await faulty.jobs.claim("w1", 0);
    await rejects("job.lost", () => first!.keepAlive());
    const second = await faulty.jobs.claim("w2", 0);
    assert.equal(second?.redeliveries, 1);
    await rejects("job.lost", () => first!.finish());
    await second!.finish();
    assert.equal(faulty.counts.claimEarly, 1);
  });

  test("the same seed gives the same faults, near their rates", async () => {
    const run = async (seed: number): Promise<FaultyBroker["counts"]> => {
      const { faulty } = stage({ ackLost: 0.1, appendLost: 0.2, conflict: 0.3 }, seed);
      for (let i = 0; i < 2_000; i++)
        await Promise.try(() => faulty.log.append(newCall(), EMPTY_TAIL, [record(1)])).catch(
          () => undefined,
        );
      return faulty.counts;
    };
    const counts = await run(7);
    assert.deepEqual(await run(7), counts);
    assert.notDeepEqual(await run(8), counts);
    for (const [fault, rate] of [
      ["ackLost", 0.1],
      ["appendLost", 0.2],
      ["conflict", 0.3],
    ] as const)
      assert.ok(Math.abs(counts[fault] / 2_000 - rate) < 0.03, `${fault}: ${counts[fault]}`);
    assert.equal(counts.ackLate, 0);
  });

  test("disposing drops what was to come late and leaves the inner broker open", async () => {
    const { clock, inner, faulty } = stage({ landedLater: 1 });
    const ref = newCall();
    await rejects("log.unknown", () => faulty.log.append(ref, EMPTY_TAIL, [record(1)]));
    await faulty[Symbol.asyncDispose]();
    await clock.advance(1_000);
    assert.deepEqual(await inner.log.tail(ref), EMPTY_TAIL);
    await fill(inner.log, ref, 3);
  });

  test("rates beyond always are refused", () => {
    assert.throws(() => stage({ ackLost: 0.6, conflict: 0.6 }), { code: "bug" });
  });
});
