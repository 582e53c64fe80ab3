import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { LIMITS } from "../../src/base/limits.ts";
import type { Json } from "../../src/events/record.ts";
import { type Adapter, eventually, rejects, unique } from "./bench.ts";

export function busContract({ name, open }: Adapter): void {
  suite(`bus on ${name}`, () => {
    test("delivers to every subscriber in order, and never inside publish", async () => {
      await using bench = await open();
      const { bus } = bench.broker;
      const subject = unique("s");
      const seen: Json[][] = [[], []];
      for (const mine of seen) bus.subscribe(subject, ({ data }) => void mine.push(data));
      await bench.advance(10);
      for (let i = 0; i < 100; i++) bus.publish(subject, { i, text: "ä" });
      assert.deepEqual(seen, [[], []]);
      await eventually(bench, () => seen.every((mine) => mine.length === 100));
      const all = Array.from({ length: 100 }, (_, i) => ({ i, text: "ä" }));
      assert.deepEqual(seen, [all, all]);
    });

    test("matches patterns by token", async () => {
      await using bench = await open();
      const { bus } = bench.broker;
      const root = unique("s");
      const seen = new Map<string, string[]>();
      for (const pattern of ["a.b", "*.b", "a.*", "a.>", ">", "a", "*", "a.*.c", "b.>"]) {
        const mine: string[] = [];
        seen.set(pattern, mine);
        bus.subscribe(`${root}.${pattern}`, ({ subject }) => void mine.push(subject));
      }
      await bench.advance(10);
      for (const subject of ["a", "a.b", "a.b.c", "x.b", "b.c"])
        bus.publish(`${root}.${subject}`, null);
      await eventually(bench, () => seen.get(">")!.length === 5);
      const strip = (subjects: string[]): string[] =>
        subjects.map((subject) => subject.slice(root.length + 1));
      assert.deepEqual(Object.fromEntries([...seen].map(([key, mine]) => [key, strip(mine)])), {
        "a.b": ["a.b"],
        "*.b": ["a.b", "x.b"],
        "a.*": ["a.b"],
        "a.>": ["a.b", "a.b.c"],
        ">": ["a", "a.b", "a.b.c", "x.b", "b.c"],
        a: ["a"],
        "*": ["a"],
        "a.*.c": ["a.b.c"],
        "b.>": ["b.c"],
      });
    });

    test("of a queue group one member gets each message", async () => {
      await using bench = await open();
      const { bus } = bench.broker;
      const subject = unique("s");
      const seen: Json[] = [];
      let outside = 0;
      for (let i = 0; i < 3; i++)
        bus.subscribe(subject, ({ data }) => void seen.push(data), { queue: "q" });
      bus.subscribe(subject, () => void outside++);
      await bench.advance(10);
      for (let i = 0; i < 30; i++) bus.publish(subject, i);
      await eventually(bench, () => seen.length >= 30 && outside === 30);
      await bench.advance(50);
      assert.deepEqual(
        seen.toSorted((a, b) => Number(a) - Number(b)),
        Array.from({ length: 30 }, (_, i) => i),
      );
    });

    test("a closed subscription gets nothing more", async () => {
      await using bench = await open();
      const { bus } = bench.broker;
      const subject = unique("s");
      let closed = 0;
      let open_ = 0;
      const subscription = bus.subscribe(subject, () => void closed++);
      bus.subscribe(subject, () => void open_++);
      await bench.advance(10);
      bus.publish(subject, 1);
      await eventually(bench, () => open_ === 1);
      subscription.close();
      bus.publish(subject, 2);
      await eventually(bench, () => open_ === 2);
      await bench.advance(20);
      assert.equal(closed, 1);
    });

    test("a handler that throws harms no one", async () => {
      await using bench = await open();
      const { bus } = bench.broker;
      const subject = unique("s");
      const seen: Json[] = [];
      const refuse = (): never => {
        throw new RangeError("a bad handler");
      };
      bus.subscribe(subject, refuse);
      bus.subscribe(subject, () => Promise.reject(new RangeError("a bad handler")));
      bus.subscribe(subject, ({ data }) => {
        seen.push(data);
        if (data === 1) refuse();
        return undefined;
      });
      await bench.advance(10);
      for (let i = 1; i <= 3; i++) bus.publish(subject, i);
      await eventually(bench, () => seen.length === 3);
      assert.deepEqual(seen, [1, 2, 3]);
    });

    test("a backlog that grows too long loses its oldest, and counts them", async () => {
      await using bench = await open();
      const { bus } = bench.broker;
      const subject = unique("s");
      const gate = Promise.withResolvers<undefined>();
      const seen: number[] = [];
      const slow = bus.subscribe(subject, ({ data }) => {
        seen.push(Number(data));
        return gate.promise;
      });
      let quick = 0;
      const other = bus.subscribe(subject, () => void quick++);
      await bench.advance(10);
      bus.publish(subject, 0);
      await eventually(bench, () => seen.length === 1 && quick === 1);
      const sent = LIMITS.busBacklogMax + 500;
      for (let i = 1; i <= sent; i++) {
        bus.publish(subject, i);
        // So that only the one who waits lags.
        if (i % 1_000 === 0) await eventually(bench, () => quick === i + 1);
      }
      await eventually(bench, () => slow.dropped === 500);
      gate.resolve(undefined);
      await eventually(bench, () => seen.at(-1) === sent);
      assert.deepEqual(seen.slice(0, 2), [0, 501]);
      assert.equal(seen.length, 1 + LIMITS.busBacklogMax);
      assert.equal(other.dropped, 0);
    });

    test("a request is answered by a handler, also a late one", async () => {
      await using bench = await open();
      const { bus } = bench.broker;
      const subject = unique("s");
      bus.subscribe(`${subject}.*`, () => undefined);
      bus.subscribe(`${subject}.sum`, async ({ data }) => {
        await Promise.resolve();
        const [a, b] = data as [number, number];
        return { sum: a + b };
      });
      await bench.advance(10);
      assert.deepEqual(await bus.request(`${subject}.sum`, [2, 3], 1_000), { sum: 5 });
    });

    test("a request that nobody hears fails at once, one unanswered fails in time", async () => {
      await using bench = await open();
      const { bus } = bench.broker;
      const subject = unique("s");
      await rejects("bus.noResponder", () => bus.request(subject, null, 60_000));
      bus.subscribe(subject, () => undefined);
      bus.subscribe(subject, () => {
        throw new RangeError("a bad handler");
      });
      await bench.advance(10);
      const late = rejects("bus.timeout", () => bus.request(subject, null, 200));
      await bench.advance(250);
      await late;
    });
  });
}
