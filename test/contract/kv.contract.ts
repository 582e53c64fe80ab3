import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Adapter, rejects, unique } from "./bench.ts";

export function kvContract({ name, open }: Adapter): void {
  suite(`kv on ${name}`, () => {
    test("gives back what was put, with the revision of the put", async () => {
      await using bench = await open();
      const { kv } = bench.broker;
      const key = `${unique("k")}.worker-1.a=20room`;
      assert.equal(await kv.get(key), undefined);
      const first = await kv.put(key, { load: 0.5, list: [null, "ü"] });
      assert.deepEqual(await kv.get(key), {
        key,
        value: { load: 0.5, list: [null, "ü"] },
        revision: first,
      });
      const second = await kv.put(key, null);
      assert.ok(second > first);
      assert.deepEqual(await kv.get(key), { key, value: null, revision: second });
    });

    test("writes only on the expected revision", async () => {
      await using bench = await open();
      const { kv } = bench.broker;
      const key = unique("k");
      await rejects("kv.conflict", () => kv.put(key, 1, 7));
      const first = await kv.put(key, 1, 0);
      await rejects("kv.conflict", () => kv.put(key, 2, 0));
      const second = await kv.put(key, 2, first);
      await rejects("kv.conflict", () => kv.put(key, 3, first));
      await rejects("kv.conflict", () => kv.delete(key, first));
      assert.deepEqual(await kv.get(key), { key, value: 2, revision: second });
      await kv.delete(key, second);
      assert.equal(await kv.get(key), undefined);
    });

    test("of many writers on one revision exactly one wins", async () => {
      await using bench = await open();
      const { kv } = bench.broker;
      const key = unique("k");
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, i) => kv.put(key, i, 0)),
      );
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
      const winner = results.findIndex(({ status }) => status === "fulfilled");
      assert.equal((await kv.get(key))?.value, winner);
    });

    test("a deleted key is new again, and its revision still grows", async () => {
      await using bench = await open();
      const { kv } = bench.broker;
      const key = unique("k");
      const first = await kv.put(key, 1);
      await kv.delete(key);
      await kv.delete(key);
      assert.equal(await kv.get(key), undefined);
      const second = await kv.put(key, 2, 0);
      assert.ok(second > first);
      await rejects("kv.conflict", () => kv.put(key, 3, first));
    });

    test("lists keys by prefix, sorted, without the deleted", async () => {
      await using bench = await open();
      const { kv } = bench.broker;
      const root = unique("k");
      for (const name of ["fleet.b", "fleet.a", "fleet.c", "other.a"])
        await kv.put(`${root}.${name}`, 1);
      await kv.delete(`${root}.fleet.c`);
      assert.deepEqual(await kv.keys(`${root}.fleet.`), [`${root}.fleet.a`, `${root}.fleet.b`]);
      assert.deepEqual(await kv.keys(`${root}.none`), []);
    });
  });
}
