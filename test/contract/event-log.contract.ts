import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { EMPTY_TAIL } from "../../src/events/record.ts";
import {
  type Adapter,
  collect,
  fill,
  newCall,
  record,
  records,
  rejects,
  tailAt,
  unique,
} from "./bench.ts";

export function eventLogContract({ name, open }: Adapter): void {
  suite(`event log on ${name}`, () => {
    test("gives back what was appended, unchanged and in order", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      const first = record(1, { textDigest: "d", text: { salt: "s", value: ["hello", null] } });
      assert.deepEqual(await log.append(ref, EMPTY_TAIL, [first]), tailAt(1));
      assert.deepEqual(await log.append(ref, tailAt(1), records(2, 64)), tailAt(64));
      const reading = log.read(ref);
      assert.deepEqual(await collect(reading), [first, ...records(2, 64)]);
      assert.equal(reading.tornBytes, 0);
      assert.deepEqual(await log.tail(ref), tailAt(64));
    });

    test("reads from a position, past the end nothing", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      await fill(log, ref, 120);
      assert.deepEqual(await collect(log.read(ref, 118)), records(118, 120));
      assert.deepEqual(await collect(log.read(ref, 121)), []);
      assert.deepEqual(await collect(log.read(ref, 500)), []);
    });

    test("refuses an append on another tail and keeps nothing of it (L1)", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      await fill(log, ref, 2);
      await rejects("log.conflict", () => log.append(ref, EMPTY_TAIL, [record(1)]));
      await rejects("log.conflict", () => log.append(ref, tailAt(1), records(2, 3)));
      await rejects("log.conflict", () => log.append(ref, tailAt(3), [record(4)]));
      await rejects("log.conflict", () => log.append(ref, { seq: 2, hash: "x" }, [record(3)]));
      assert.deepEqual(await collect(log.read(ref)), records(1, 2));
      assert.deepEqual(await log.append(ref, tailAt(2), [record(3)]), tailAt(3));
    });

    test("an append to an unknown call on another tail makes no call", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      await rejects("log.conflict", () => log.append(ref, tailAt(3), [record(4)]));
      assert.deepEqual(await log.calls(ref.tenant), []);
      assert.deepEqual(await log.tail(ref), EMPTY_TAIL);
    });

    test("of many writers on one tail exactly one wins", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      await fill(log, ref, 1);
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, epoch) =>
          Promise.try(() => log.append(ref, tailAt(1), [record(2, { epoch: epoch + 1 })])),
        ),
      );
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
      const winner = results.findIndex(({ status }) => status === "fulfilled");
      assert.deepEqual(await collect(log.read(ref, 2)), [record(2, { epoch: winner + 1 })]);
    });

    test("refuses a record that is too large, and the records with it", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      await fill(log, ref, 1);
      const large = record(3, { input: { type: "x", data: "x".repeat(70_000) } });
      await rejects("record.tooLarge", () => log.append(ref, tailAt(1), [record(2), large]));
      assert.deepEqual(await log.tail(ref), tailAt(1));
    });

    test("an unknown call has an empty tail and cannot be read or erased", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      assert.deepEqual(await log.tail(ref), EMPTY_TAIL);
      await rejects("call.notFound", () => collect(log.read(ref)));
      await rejects("call.notFound", () => log.eraseText(ref));
    });

    test("what is appended during a reading does not disturb it", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      await fill(log, ref, 50);
      const seen: number[] = [];
      for await (const { seq } of log.read(ref)) {
        if (seq === 1) await log.append(ref, tailAt(50), records(51, 60));
        seen.push(seq);
      }
      assert.deepEqual(
        seen,
        seen.map((_, index) => index + 1),
      );
      assert.ok(seen.length >= 50, "what was there at the start is read");
    });

    test("lists calls by tenant, newest first", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const tenant = unique("t");
      const [a, b, c] = [newCall(tenant), newCall(tenant), newCall(tenant)];
      await log.append(a, EMPTY_TAIL, [record(1, { at: 2_000 })]);
      await log.append(b, EMPTY_TAIL, [record(1, { at: 3_000 })]);
      await log.append(c, EMPTY_TAIL, [record(1, { at: 1_000 })]);
      const other = newCall();
      await log.append(other, EMPTY_TAIL, [record(1, { at: 2_500 })]);
      assert.deepEqual(await log.calls(tenant), [b, a, c]);
      const mine = new Set([a, b, c, other].map(({ call }) => call));
      const all = (await log.calls()).filter(({ call }) => mine.has(call));
      assert.deepEqual(all, [b, other, a, c]);
    });

    test("keeps snapshots and gives the newest at or below", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      await fill(log, ref, 30);
      assert.equal(await log.loadSnapshot(ref, 30), undefined);
      await log.saveSnapshot(ref, 10, new Uint8Array([1, 2, 3]));
      await log.saveSnapshot(ref, 20, new Uint8Array([0, 255, 10]));
      const at = async (seq: number): Promise<unknown> => {
        const found = await log.loadSnapshot(ref, seq);
        return found && { seq: found.seq, bytes: [...found.bytes] };
      };
      assert.equal(await at(9), undefined);
      assert.deepEqual(await at(10), { seq: 10, bytes: [1, 2, 3] });
      assert.deepEqual(await at(19), { seq: 10, bytes: [1, 2, 3] });
      assert.deepEqual(await at(1_000), { seq: 20, bytes: [0, 255, 10] });
    });

    test("erasing removes the text of every record and nothing else (L8)", async () => {
      await using bench = await open();
      const { log } = bench.broker;
      const ref = newCall();
      const spoken = { textDigest: "d", text: { salt: "s", value: "my secret" } };
      await log.append(ref, EMPTY_TAIL, [record(1), record(2, spoken), record(3, spoken)]);
      await log.eraseText(ref);
      const left = records(2, 3, { textDigest: "d" });
      assert.deepEqual(await collect(log.read(ref)), [record(1), ...left]);
      assert.deepEqual(await log.append(ref, tailAt(3), [record(4)]), tailAt(4));
      assert.deepEqual(await collect(log.read(ref, 4)), [record(4)]);
    });
  });
}
