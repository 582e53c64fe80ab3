import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { costTotal } from "../../src/projections/cost-queries.ts";
import { CostProjector } from "../../src/projections/costs.projection.ts";
import { openPglite } from "../../src/projections/pglite.ts";
import { event } from "../ledger/support/usage.ts";
import { assertIsolated } from "./isolation.ts";
import { clerkOf, contents, readerOf } from "./support.ts";

test("no tenant sees or changes another's rows in PGlite", async () => {
  await using readSide = await openPglite();
  await assertIsolated(readSide);
});

test("what was projected into a folder is there when it is opened again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-pglite-"));
  try {
    const { stream } = clerkOf("t1", [
      event({ meters: { inputTokens: 9 } }),
      event({ clientRequest: "r2", meters: { outputTokens: 9 } }),
    ]);
    const before = await (async () => {
      await using readSide = await openPglite(join(folder, "db"));
      await new CostProjector(readSide, "t1").run(readerOf(stream.slice(0, 1)));
      return await contents(readSide, "t1");
    })();
    await using readSide = await openPglite(join(folder, "db"));
    assert.deepEqual(await contents(readSide, "t1"), before);
    await new CostProjector(readSide, "t1").run(readerOf(stream));
    assert.equal((await costTotal(readSide, "t1")).lines, 2);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a folder that cannot be opened is told by its code", async () => {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-pglite-"));
  try {
    await writeFile(join(folder, "file"), "no folder");
    await assert.rejects(openPglite(join(folder, "file")), { code: "database.failed" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
