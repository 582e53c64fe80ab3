import assert from "node:assert/strict";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { Stream } from "../../src/broker/stream.port.ts";
import { collect, rejects } from "../contract/bench.ts";
import { DataFolder } from "./embedded-bench.ts";

const KEY = { tenant: "t1" };
const item = (id: string) => ({ id, value: { id } });
const idsOf = async (stream: Stream): Promise<string[]> =>
  (await collect(stream.read(KEY))).map(({ id }) => id);

/** A tenant's cost stream of so many items, closed again. */
async function makeStream(count: number): Promise<{ folder: DataFolder; path: string }> {
  const folder = await DataFolder.make();
  await using broker = await folder.open();
  for (let at = 0; at < count; at++) await broker.cost.append(KEY, at, item(`i${at + 1}`));
  return { folder, path: join(folder.dir, KEY.tenant, "cost.jsonl") };
}

suite("a stream's file", () => {
  test("goes on after the broker was opened anew, across its marks", async () => {
    const made = await makeStream(600);
    await using folder = made.folder;
    await using broker = await folder.open();
    assert.equal(await broker.cost.tail(KEY), 600);
    await rejects("stream.conflict", () => broker.cost.append(KEY, 598, item("x")));
    assert.equal(await broker.cost.append(KEY, 600, item("i601")), 601);
    for (const after of [0, 255, 256, 257, 511, 512, 600]) {
      const [next] = await collect(broker.cost.read(KEY, after));
      assert.equal(next?.position, after + 1);
    }
  });

  test("torn at any byte of its last line keeps all before, and is written on", async () => {
    const made = await makeStream(3);
    await using folder = made.folder;
    const whole = await readFile(made.path, "utf8");
    const start = whole.lastIndexOf("\n", whole.length - 2) + 1;
    for (let cut = start; cut < whole.length; cut++) {
      await writeFile(made.path, whole.slice(0, cut));
      await using broker = await folder.open();
      assert.deepEqual(await idsOf(broker.cost), ["i1", "i2"], `cut at ${cut}`);
      await rejects("stream.conflict", () => broker.cost.append(KEY, 3, item("x")));
      assert.equal(await broker.cost.append(KEY, 2, item("again")), 3);
      assert.deepEqual(await idsOf(broker.cost), ["i1", "i2", "again"]);
    }
  });

  test("that is damaged before its end is not read as if it were whole", async () => {
    const made = await makeStream(3);
    await using folder = made.folder;
    const whole = await readFile(made.path, "utf8");
    const lines = whole.split("\n");
    for (const text of [
      whole.replace('"i1"', '"i1'),
      [lines[0], lines[2], ""].join("\n"),
      [lines[0], lines[0], lines[1], ""].join("\n"),
    ]) {
      await writeFile(made.path, text);
      await using broker = await folder.open();
      await rejects("log.damaged", () => broker.cost.tail(KEY));
      await rejects("log.damaged", () => broker.cost.append(KEY, 3, item("x")));
    }
  });

  test("is read beside its owner as it grows, and not written there", async () => {
    const made = await makeStream(1);
    await using folder = made.folder;
    await using owner = await folder.open();
    await using reader = await folder.open({ readOnly: true });
    assert.deepEqual(await idsOf(reader.cost), ["i1"]);
    await owner.cost.append(KEY, 1, item("i2"));
    assert.equal(await reader.cost.tail(KEY), 2);
    assert.deepEqual(await idsOf(reader.cost), ["i1", "i2"]);
    await appendFile(made.path, '{"position":3,');
    assert.deepEqual(await idsOf(reader.cost), ["i1", "i2"]);
    await rejects("data.readOnly", () => reader.cost.append(KEY, 2, item("x")));
    assert.deepEqual(await reader.log.calls(), []);
  });
});
