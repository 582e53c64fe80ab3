import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Stream, StreamItem, StreamKey } from "../../src/broker/stream.port.ts";
import { type Adapter, collect, newCall, rejects, unique } from "./bench.ts";

const item = (id: string, value: StreamItem["value"] = { id, note: "Grüße, 你好" }) => ({
  id,
  value,
});

/** Appends one item after the other; their positions. */
async function fill(stream: Stream, key: StreamKey, ids: readonly string[]): Promise<number[]> {
  const positions: number[] = [];
  let end = await stream.tail(key);
  for (const id of ids) positions.push((end = await stream.append(key, end, item(id))));
  return positions;
}

async function idsOf(stream: Stream, key: StreamKey, after?: number): Promise<string[]> {
  return (await collect(stream.read(key, after))).map(({ id }) => id);
}

const names = (count: number, stem = "i"): string[] =>
  Array.from({ length: count }, (_, index) => `${stem}${index + 1}`);

export function streamContract({ name, open }: Adapter): void {
  suite(`streams on ${name}`, () => {
    test("give back what was appended, unchanged and in order", async () => {
      await using bench = await open();
      const { cost } = bench.broker;
      const key = { tenant: unique("t") };
      assert.deepEqual(await collect(cost.read(key)), []);
      assert.equal(await cost.tail(key), 0);
      const first = await cost.append(key, 0, item("a", { list: [null, "ü", 0.5] }));
      const second = await cost.append(key, first, item("b", "text"));
      assert.ok(first > 0 && second > first);
      assert.deepEqual(await collect(cost.read(key)), [
        { key, position: first, id: "a", value: { list: [null, "ü", 0.5] } },
        { key, position: second, id: "b", value: "text" },
      ]);
      assert.equal(await cost.tail(key), second);
    });

    test("are read from a position, past the end nothing", async () => {
      await using bench = await open();
      const { cost } = bench.broker;
      const key = { tenant: unique("t") };
      const ids = names(12);
      const positions = await fill(cost, key, ids);
      assert.deepEqual(await idsOf(cost, key, positions[8]), ids.slice(9));
      assert.deepEqual(await idsOf(cost, key, positions.at(-1)), []);
      assert.deepEqual(await idsOf(cost, key, positions.at(-1)! + 500), []);
    });

    test("refuse an append at another end and keep nothing of it (S1)", async () => {
      await using bench = await open();
      const { cost } = bench.broker;
      const key = { tenant: unique("t") };
      await rejects("stream.conflict", () => cost.append(key, 7, item("x")));
      const [first, second] = await fill(cost, key, ["a", "b"]);
      await rejects("stream.conflict", () => cost.append(key, 0, item("x")));
      await rejects("stream.conflict", () => cost.append(key, first!, item("x")));
      await rejects("stream.conflict", () => cost.append(key, second! + 1, item("x")));
      // Older than the last one: what became of it must be read.
      await rejects("stream.conflict", () => cost.append(key, 0, item("a")));
      assert.deepEqual(await idsOf(cost, key), ["a", "b"]);
    });

    test("take the repetition of the last append for what it is (S2)", async () => {
      await using bench = await open();
      const { cost } = bench.broker;
      const key = { tenant: unique("t") };
      const first = await cost.append(key, 0, item("a"));
      assert.equal(await cost.append(key, 0, item("a")), first);
      const second = await cost.append(key, first, item("b"));
      assert.equal(await cost.append(key, first, item("b")), second);
      assert.deepEqual(await idsOf(cost, key), ["a", "b"]);
    });

    test("of many writers at one end exactly one wins", async () => {
      await using bench = await open();
      const { cost } = bench.broker;
      const key = { tenant: unique("t") };
      const [end] = await fill(cost, key, ["a"]);
      const results = await Promise.allSettled(
        names(8, "w").map((id) => cost.append(key, end!, item(id))),
      );
      assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
      const winner = results.findIndex(({ status }) => status === "fulfilled");
      assert.deepEqual(await idsOf(cost, key), ["a", `w${winner + 1}`]);
    });

    test("two writers who read and try again lose nothing and double nothing", async () => {
      await using bench = await open();
      const { cost } = bench.broker;
      const key = { tenant: unique("t") };
      const write = async (ids: readonly string[]): Promise<void> => {
        for (const id of ids)
          for (;;) {
            const end = await cost.tail(key);
            const landed = await cost.append(key, end, item(id)).catch(() => undefined);
            if (landed !== undefined) break;
          }
      };
      await Promise.all([write(names(10, "a")), write(names(10, "b"))]);
      const ids = await idsOf(cost, key);
      assert.deepEqual(
        ids.filter((id) => id.startsWith("a")),
        names(10, "a"),
      );
      assert.deepEqual(
        ids.filter((id) => id.startsWith("b")),
        names(10, "b"),
      );
      assert.equal(ids.length, 20);
    });

    test("of a tenant hold its calls' items in one order, each with its own end", async () => {
      await using bench = await open();
      const { usage } = bench.broker;
      const one = newCall();
      const other = newCall(one.tenant);
      const a = await usage.append(one, 0, item("a"));
      const b = await usage.append(other, 0, item("b"));
      const c = await usage.append(one, a, item("c"));
      await rejects("stream.conflict", () => usage.append(other, c, item("x")));
      const all = await collect(usage.read({ tenant: one.tenant }));
      assert.deepEqual(
        all.map(({ key, position, id }) => ({ key, position, id })),
        [
          { key: one, position: a, id: "a" },
          { key: other, position: b, id: "b" },
          { key: one, position: c, id: "c" },
        ],
      );
      assert.deepEqual(await idsOf(usage, one), ["a", "c"]);
      assert.deepEqual(await idsOf(usage, { tenant: one.tenant }, a), ["b", "c"]);
      assert.equal(await usage.tail(one), c);
      assert.equal(await usage.tail(other), b);
      assert.equal(await usage.tail({ tenant: one.tenant }), c);
    });

    test("of one tenant are nothing of another's", async () => {
      await using bench = await open();
      const { usage, cost } = bench.broker;
      const mine = newCall();
      const theirs = newCall();
      await fill(usage, mine, ["a"]);
      await fill(usage, theirs, ["b"]);
      assert.deepEqual(await idsOf(usage, { tenant: mine.tenant }), ["a"]);
      assert.deepEqual(await idsOf(cost, { tenant: mine.tenant }), []);
    });

    test("refuse an item that is too large, and a name that is none", async () => {
      await using bench = await open();
      const { cost } = bench.broker;
      const key = { tenant: unique("t") };
      await rejects("record.tooLarge", () => cost.append(key, 0, item("a", "x".repeat(600_000))));
      await rejects("input.invalid", () => cost.append({ tenant: "a.b" }, 0, item("a")));
      await rejects("input.invalid", () => cost.tail({ tenant: "../a" }));
      assert.deepEqual(await idsOf(cost, key), []);
    });
  });
}
