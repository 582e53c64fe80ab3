import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { rejects } from "../contract/bench.ts";
import { DataFolder } from "./embedded-bench.ts";

suite("kv and jobs on disk", () => {
  test("what was put, deleted and counted outlives the process", async () => {
    await using folder = await DataFolder.make();
    let deleted = 0;
    {
      await using broker = await folder.open();
      await broker.kv.put("a", { n: 1 });
      deleted = await broker.kv.put("b", 2);
      await broker.kv.delete("b");
    }
    await using broker = await folder.open();
    assert.deepEqual(await broker.kv.keys(""), ["a"]);
    assert.deepEqual((await broker.kv.get("a"))?.value, { n: 1 });
    assert.ok((await broker.kv.put("b", 3, 0)) > deleted);
  });

  test("a store that changes much stays small, and its revisions still grow", async () => {
    await using folder = await DataFolder.make();
    let last = 0;
    {
      await using broker = await folder.open();
      await broker.kv.put("still", "here");
      for (let i = 0; i < 5_000; i++) last = await broker.kv.put("beat", i);
      await broker.kv.delete("beat");
    }
    const lines = (await readFile(join(folder.dir, "kv.jsonl"), "utf8")).split("\n").length;
    assert.ok(lines < 1_100, `${lines} lines`);
    await using broker = await folder.open();
    assert.deepEqual(await broker.kv.keys(""), ["still"]);
    assert.ok((await broker.kv.put("beat", 0)) > last);
  });

  test("a torn last change is left out, a bad one before others is damage", async () => {
    await using folder = await DataFolder.make();
    const path = join(folder.dir, "kv.jsonl");
    {
      await using broker = await folder.open();
      await broker.kv.put("a", "ä");
      await broker.kv.put("b", 2);
    }
    for (const torn of ['{"revision":3,"key":"c","va', '{"revision":3,"key":"c\0\0\n', "{}\n"]) {
      await folder.addTo(path, torn);
      await using broker = await folder.open();
      assert.deepEqual(await broker.kv.keys(""), ["a", "b"]);
    }
    {
      await using broker = await folder.open();
      await broker.kv.put("d", 4);
    }
    {
      await using broker = await folder.open();
      assert.deepEqual(await broker.kv.keys(""), ["a", "b", "d"]);
    }
    await folder.edit(path, (text) => text.replace('"key":"b"', '"key:"b"'));
    const error = await rejects("log.damaged", () => folder.open());
    assert.deepEqual((error as { detail?: unknown }).detail, { file: path, line: 2 });
    await folder.edit(path, () => "");
    await using _freed = await folder.open();
  });

  test("a broker that only reads changes nothing", async () => {
    await using folder = await DataFolder.make();
    await using reader = await folder.open({ readOnly: true });
    await rejects("data.readOnly", () => reader.kv.put("a", 1));
    await rejects("data.readOnly", () => reader.blobs.put(new Uint8Array(1)));
    await rejects("data.readOnly", () =>
      reader.jobs.offer({ tenant: "t", room: "r", payload: null }),
    );
    assert.equal(await reader.kv.get("a"), undefined);
    assert.deepEqual(await reader.log.calls(), []);
  });

  test("a blob that rots is found out", async () => {
    await using folder = await DataFolder.make();
    await using broker = await folder.open();
    const digest = await broker.blobs.put(Buffer.from("some audio"));
    const path = join(folder.dir, "blobs", digest.slice(0, 2), digest);
    await folder.edit(path, (text) => text.replace("audio", "audia"));
    await rejects("log.damaged", () => broker.blobs.get(digest));
  });
});
