import assert from "node:assert/strict";
import { sql } from "kysely";
import { costSums, costTotal } from "../../src/projections/cost-queries.ts";
import { CostProjector } from "../../src/projections/costs.projection.ts";
import type { ReadSide } from "../../src/projections/read-side.ts";
import { event } from "../ledger/support/usage.ts";
import { clerkOf, contents, readerOf } from "./support.ts";

/** No query of one tenant sees, changes or makes a row of another, whatever it asks for. */
export async function assertIsolated(readSide: ReadSide): Promise<void> {
  for (const tenant of ["ann", "bob"]) {
    const meters = { inputTokens: tenant === "ann" ? 1_000 : 500 };
    const { stream } = clerkOf(tenant, [event({ tenant, meters })]);
    await new CostProjector(readSide, tenant).run(readerOf(stream));
  }
  const bob = await contents(readSide, "bob");
  assert.deepEqual([bob.costEvents.length, bob.costRollups.length, bob.cursors.length], [1, 1, 1]);

  for (const table of ["costEvents", "costRollups", "cursors", "costRows"] as const) {
    const seen = await readSide.asTenant("ann", (tx) =>
      tx.selectFrom(table).select("tenant_id").execute(),
    );
    assert.deepEqual(seen, [{ tenant_id: "ann" }], table);
    const none = await readSide.asTenant("nobody", (tx) =>
      tx.selectFrom(table).selectAll().execute(),
    );
    assert.deepEqual(none, [], table);
    const unset = await readSide.asTenant("", (tx) => tx.selectFrom(table).selectAll().execute());
    assert.deepEqual(unset, [], table);
  }
  // A query with the wrong name finds nothing, though it asks for it.
  assert.equal(
    await readSide.asTenant("ann", async (tx) => {
      const asked = tx.selectFrom("costEvents").select("line_id").where("tenant_id", "=", "bob");
      return (await asked.execute()).length;
    }),
    0,
  );
  for (const table of ["costEvents", "costRollups", "cursors"] as const) {
    const { numDeletedRows } = await readSide.asTenant("ann", (tx) =>
      tx.deleteFrom(table).where("tenant_id", "=", "bob").executeTakeFirstOrThrow(),
    );
    assert.equal(numDeletedRows, 0n, table);
  }
  const written = readSide.asTenant("ann", (tx) =>
    tx.updateTable("cursors").set({ tenant_id: "bob", projection: "other" }).execute(),
  );
  await assert.rejects(written, /row-level security/);
  const schema = readSide.asTenant("ann", (tx) => sql`drop table "costEvents"`.execute(tx));
  await assert.rejects(schema, /must be owner/);
  assert.deepEqual(await contents(readSide, "bob"), bob);

  // What a connection was told is over with its transaction.
  await Promise.all(
    ["ann", "bob", "ann", "bob"].map(async (tenant) => {
      const { amountPico } = await costTotal(readSide, tenant);
      assert.equal(amountPico, tenant === "ann" ? 150_000_000n : 75_000_000n);
      assert.equal((await costSums(readSide, tenant, "call")).length, 1);
    }),
  );
}
