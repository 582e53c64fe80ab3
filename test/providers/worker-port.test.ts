import assert from "node:assert/strict";
import { after, test } from "node:test";
import { WorkerPort } from "../../src/base/worker-port.ts";

/** A worker that answers with what it got, breaks on "bad", dies on "die", waits on "slow". */
const SOURCE = `
  import { parentPort } from "node:worker_threads";
  parentPort.on("message", (m) => {
    if (m === "die") process.exit(1);
    if (m === "slow") setTimeout(() => parentPort.postMessage({ answer: m }), 20);
    else if (m === "bad") parentPort.postMessage({ error: "broken", code: "models.pull" });
    else parentPort.postMessage({ answer: m });
  });`;

const port = new WorkerPort(new URL(`data:text/javascript,${encodeURIComponent(SOURCE)}`));
after(() => port[Symbol.asyncDispose]());

test("answers come by rank, then by age", async () => {
  const order: string[] = [];
  const ask = async (name: string, rank: number): Promise<void> => {
    order.push(await port.ask<string>(name, { rank }));
  };
  await Promise.all([ask("slow", 1), ask("c", 1), ask("a", 0), ask("d", 1), ask("b", 0)]);
  assert.deepEqual(order, ["slow", "a", "b", "c", "d"]);
});

test("a waiting question gives way to a newer one of its key", async () => {
  const slow = port.ask("slow", { key: "k" });
  const old = port.ask("old", { key: "k" });
  const young = port.ask("young", { key: "k" });
  await assert.rejects(old, { code: "effect.stopped" });
  assert.deepEqual(await Promise.all([slow, young]), ["slow", "young"]);
});

test("an abort ends a question, and the next is answered", async () => {
  const stop = new AbortController();
  const slow = port.ask("slow", { signal: stop.signal });
  stop.abort();
  await assert.rejects(slow, { code: "effect.stopped" });
  assert.equal(await port.ask("next"), "next");
});

test("an error is the question's, a death starts a new worker", async () => {
  await assert.rejects(port.ask("bad"), { code: "models.pull", message: "broken" });
  const died = port.ask("die");
  const behind = port.ask("behind");
  await assert.rejects(died, { code: "provider.failed" });
  assert.equal(await behind, "behind");
});

test("closing fails what waits and what comes", async () => {
  const other = new WorkerPort(new URL(`data:text/javascript,${encodeURIComponent(SOURCE)}`));
  const all = [other.ask("slow"), other.ask("waiting")];
  const failed = all.map((one) => assert.rejects(one, { code: "provider.failed" }));
  await other[Symbol.asyncDispose]();
  await Promise.all(failed);
  await assert.rejects(other.ask("late"), { code: "provider.failed" });
});
