import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { AppError } from "../../src/base/errors.ts";
import { collect, record, records, rejects, tailAt } from "../contract/bench.ts";
import { DataFolder, REF } from "./embedded-bench.ts";

interface Owner {
  readonly child: ChildProcess;
  /** What it printed so far. */
  printed: string;
}

/** Starts an owner and waits until it printed at least so much. */
async function spawnOwner(dir: string, mode = "idle", printedMin = 1): Promise<Owner> {
  const program = join(import.meta.dirname, "owner-child.ts");
  const child = spawn(process.execPath, [program, dir, mode], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const owner = { child, printed: "" };
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new AppError("bug", "the owner ended by itself")));
    child.stdout.on("data", (data) => {
      owner.printed += String(data);
      if (owner.printed.length >= printedMin) resolve();
    });
  });
  return owner;
}

async function kill({ child }: Owner): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

suite("one owner per data folder", () => {
  test("a second owner is told the pid, readers need no lock", async () => {
    await using folder = await DataFolder.make();
    const owner = await spawnOwner(folder.dir);
    const { pid } = owner.child;
    try {
      const error = await rejects("data.locked", () => folder.open());
      assert.match(error.message, new RegExp(`\\b${pid}\\b`));
      assert.equal((error as { detail?: { pid?: number } }).detail?.pid, pid);
      await using reader = await folder.open({ readOnly: true });
      assert.deepEqual(await collect(reader.log.read(REF)), records(1, 2));
      assert.deepEqual((await reader.kv.get("fleet.child"))?.value, { pid });
    } finally {
      await kill(owner);
    }
  });

  test("kill -9 frees it, and all that was acknowledged is there", async () => {
    await using folder = await DataFolder.make();
    await kill(await spawnOwner(folder.dir));
    await using broker = await folder.open();
    assert.deepEqual(broker.log.append(REF, tailAt(2), [record(3)]), tailAt(3));
    assert.deepEqual(await collect(broker.log.read(REF)), records(1, 3));
    assert.deepEqual(await broker.kv.keys(""), ["fleet.child"]);
    const claims = [await broker.jobs.claim("w", 0), await broker.jobs.claim("w", 0)];
    assert.deepEqual(
      claims.map((claim) => [claim?.job.room, claim?.redeliveries]),
      [
        ["first", 1],
        ["second", 0],
      ],
    );
  });

  test("kill -9 while it writes loses nothing acknowledged, time after time", async () => {
    await using folder = await DataFolder.make();
    for (let round = 0; round < 3; round++) {
      const owner = await spawnOwner(folder.dir, "write", 2_000);
      await kill(owner);
      const lines = owner.printed.slice(0, owner.printed.lastIndexOf("\n")).split("\n");
      const acknowledged = Number(lines.at(-1));
      await using reader = await folder.open({ readOnly: true });
      const seqs = (await collect(reader.log.read(REF))).map(({ seq }) => seq);
      assert.deepEqual(
        seqs,
        seqs.map((_, index) => index + 1),
      );
      assert.ok(seqs.length >= acknowledged, `${seqs.length} of ${acknowledged}`);
    }
  });

  test("in one process too, by whatever name, and closing frees it", async () => {
    await using folder = await DataFolder.make();
    const first = await folder.open();
    await rejects("data.locked", () => folder.open());
    const alias = `${folder.dir}-alias`;
    await symlink(folder.dir, alias);
    try {
      await rejects("data.locked", () => folder.open({ dataDir: alias }));
    } finally {
      await unlink(alias);
    }
    // A refused opening must not have loosened the lock, which closing a descriptor can do.
    await rejects("data.locked", () => folder.open());
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await using second = await folder.open();
    assert.deepEqual(await second.log.calls(), []);
  });

  test("many processes' worth of rivals leave exactly one owner", async () => {
    await using folder = await DataFolder.make();
    const opened = await Promise.allSettled(Array.from({ length: 8 }, () => folder.open()));
    const owners = opened.filter((result) => result.status === "fulfilled");
    assert.equal(owners.length, 1);
    await owners[0]!.value[Symbol.asyncDispose]();
  });

  test("a pid left by a killed owner is not told of the next one", async () => {
    await using folder = await DataFolder.make();
    await using _owner = await folder.open();
    await writeFile(join(folder.dir, "owner.pid"), "999999999\n");
    const error = await rejects("data.locked", () => folder.open());
    assert.match(error.message, /another process/);
  });

  test("a folder that cannot be one is refused", async () => {
    await using folder = await DataFolder.make();
    const path = join(folder.dir, "file");
    await writeFile(path, "");
    await rejects("data.failed", () => folder.open({ dataDir: path }));
  });
});
