import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { turnSummaries } from "../../src/folds/turns.ts";
import { sleep } from "../../src/base/clock.ts";
import type { Json } from "../../src/events/record.ts";
import type { LlmRequest } from "../../src/providers/llm.port.ts";
import { ANSWER, CLAIM_MS, Fleet, type Member } from "./bench.ts";

const QUESTION = { text: "What are your opening hours?", ms: 1_250 };
const LIMIT_MS = 60_000;
const ROOMS = ["a", "b", "c", "d"];

/** A worker with a call in each room, another that is free, and callers who ask at `askAt`. */
async function atWork(fleet: Fleet, askAt = 5_000): Promise<Member> {
  const first = fleet.add().start();
  for (const room of ROOMS) {
    await fleet.offer(room);
    fleet.clock.after(askAt, () => void fleet.room(room).say("ann", QUESTION));
  }
  await fleet.until(() => fleet.joins.length === ROOMS.length);
  fleet.add().start();
  return first;
}

async function answersOf(fleet: Fleet): Promise<readonly (string | undefined)[]> {
  const logs = await Promise.all((await fleet.refs()).map((ref) => fleet.log(ref)));
  return logs.map((records) => turnSummaries(records).find(({ n }) => n === 2)?.heardText);
}

suite("a worker that is drained", () => {
  test("hands each call over between its turns: nothing is cut, nothing said twice", async () => {
    await using fleet = new Fleet();
    const first = await atWork(fleet);
    // Everybody listens to the answer.
    await fleet.run(8_000);
    const drained = first.worker.drain(LIMIT_MS);
    await fleet.wait(drained, 20_000);
    await fleet.until(() => fleet.joins.length === 2 * ROOMS.length, CLAIM_MS);
    assert.equal(first.worker.claims, 0);
    const calls = await fleet.close();
    assert.deepEqual(
      calls,
      ROOMS.map(() => ({ epochs: 2, reasons: ["handover"] })),
    );
    assert.deepEqual(
      await answersOf(fleet),
      ROOMS.map(() => ANSWER),
    );
  });

  test("is followed at once by the new owner", async () => {
    await using fleet = new Fleet();
    const first = await atWork(fleet);
    await fleet.run(4_500);
    const drained = first.worker.drain(LIMIT_MS);
    const before = fleet.clock.now();
    await fleet.until(() => fleet.joins.length === 2 * ROOMS.length);
    assert.ok(fleet.clock.now() - before <= 50, `${fleet.clock.now() - before} ms`);
    await fleet.wait(drained);
    const [entry] = await Promise.all(
      (await fleet.broker.kv.keys("room.acme.a")).map((key) => fleet.broker.kv.get(key)),
    );
    const { worker, epoch, state } = entry!.value as Record<string, Json>;
    assert.deepEqual([worker, epoch, state], ["w2", 2, "live"]);
    await fleet.close();
  });

  test("every record that was acknowledged is in the log", async () => {
    await using fleet = new Fleet();
    const first = await atWork(fleet);
    await fleet.run(6_000);
    await fleet.wait(first.worker.drain(LIMIT_MS));
    await fleet.close();
    const logs = await Promise.all((await fleet.refs()).map((ref) => fleet.log(ref)));
    const stored = new Set(logs.flat().map(({ hash }) => hash));
    assert.ok(fleet.acked.every(({ record }) => stored.has(record.hash)));
    assert.equal(stored.size, fleet.acked.length);
  });

  test("claims nothing more", async () => {
    await using fleet = new Fleet();
    const only = fleet.add().start();
    await fleet.run(500);
    await fleet.wait(only.worker.drain(LIMIT_MS));
    await fleet.offer("desk");
    await fleet.run(5_000);
    assert.deepEqual(fleet.joins, []);
    fleet.add().start();
    await fleet.until(() => fleet.joins.length === 1);
    assert.deepEqual(await fleet.close(), [{ epochs: 1, reasons: [] }]);
  });

  test("with nobody there, lets calls end by themselves", async () => {
    await using fleet = new Fleet();
    const only = fleet.add().start();
    await fleet.offer("desk");
    await fleet.run(6_000);
    const drained = only.worker.drain(LIMIT_MS);
    await fleet.run(10_000);
    assert.equal(only.worker.claims, 1);
    fleet.room("desk").leave("ann");
    await fleet.wait(drained, LIMIT_MS - 10_000);
    assert.deepEqual(await fleet.close(), [{ epochs: 1, reasons: [] }]);
    assert.deepEqual(await fleet.broker.kv.keys("room."), []);
  });

  test("with nobody there, gives up at the limit; who comes then goes on", async () => {
    await using fleet = new Fleet();
    const only = fleet.add().start();
    await fleet.offer("desk");
    await fleet.run(6_000);
    const before = fleet.clock.now();
    await fleet.wait(only.worker.drain(10_000));
    assert.ok(fleet.clock.now() - before >= 10_000);
    fleet.add().start();
    await fleet.until(() => fleet.joins.length === 2, 1_000);
    assert.deepEqual(await fleet.close(), [{ epochs: 2, reasons: ["handover"] }]);
  });

  test("while it waits, the first to come gets its calls", async () => {
    await using fleet = new Fleet();
    const only = fleet.add().start();
    await fleet.offer("desk");
    await fleet.run(6_000);
    const drained = only.worker.drain(LIMIT_MS);
    await fleet.run(5_000);
    fleet.add().start();
    await fleet.wait(drained, 2_000);
    assert.deepEqual(await fleet.close(), [{ epochs: 2, reasons: ["handover"] }]);
  });

  test("gives others no more than they have room for", async () => {
    await using fleet = new Fleet();
    const first = fleet.add().start();
    for (const room of ROOMS) await fleet.offer(room);
    await fleet.until(() => fleet.joins.length === ROOMS.length);
    fleet.add({ capacity: 1 }).start();
    await fleet.run(6_000);
    void first.worker.drain(LIMIT_MS);
    await fleet.run(10_000);
    assert.equal(first.worker.claims, ROOMS.length - 1);
  });

  test("a second time cuts short: in the midst of an answer", async () => {
    await using fleet = new Fleet();
    const first = await atWork(fleet);
    await fleet.run(8_000);
    const drained = first.worker.drain(LIMIT_MS);
    await fleet.run(100);
    assert.equal(first.worker.claims, ROOMS.length);
    first.worker.cutShort();
    await fleet.wait(drained, 1_500);
    await fleet.run(8_000);
    const calls = await fleet.close();
    assert.deepEqual(
      calls,
      ROOMS.map(() => ({ epochs: 2, reasons: ["handover"] })),
    );
    // The sentence that was cut is said again, and no other.
    for (const heard of await answersOf(fleet)) assert.ok(heard?.endsWith(ANSWER), heard);
  });

  test("waits for a tool that runs", async () => {
    await using fleet = new Fleet();
    let runs = 0;
    const tool = {
      spec: { name: "book", description: "", parameters: {} },
      write: true,
      idempotent: false,
      timeoutMs: 15_000,
      run: async (): Promise<Json> => {
        runs++;
        await sleep(fleet.clock, 9_000);
        return { ok: true };
      },
    };
    const asks = { toolCalls: [{ id: "1", name: "book", input: null }] };
    const answer = ({ messages }: LlmRequest) =>
      messages.at(-1)?.role === "tool" ? { text: ANSWER } : asks;
    const first = fleet.add({ tools: [tool], answer }).start();
    await fleet.offer("desk");
    fleet.clock.after(5_000, () => void fleet.room("desk").say("ann", QUESTION));
    await fleet.until(() => runs === 1);
    fleet.add().start();
    const before = fleet.clock.now();
    await fleet.wait(first.worker.drain(LIMIT_MS));
    assert.ok(fleet.clock.now() - before >= 8_900);
    await fleet.close();
    assert.equal(runs, 1);
  });
});
