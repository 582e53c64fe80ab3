import { LedgerActor } from "../src/books/ledger-actor.ts";
import { assert } from "../src/base/assert.ts";
import { systemClock } from "../src/base/clock.ts";
import { openMemory } from "../src/broker/memory/memory-broker.ts";
import { parsePosting, type Transaction } from "../src/events/ledger.events.ts";
import type { Json } from "../src/events/record.ts";
import { priceBook } from "../src/ledger/price-book.ts";
import { costRowsOf } from "../src/projections/cost-rows.ts";
import { CostProjector } from "../src/projections/costs.projection.ts";
import { openPglite } from "../src/projections/pglite.ts";
import { openPostgres } from "../src/projections/postgres.ts";
import type { ReadSide } from "../src/projections/read-side.ts";
import type { CostEventsTable } from "../src/projections/tables.ts";
import { itemId, usageOf } from "../test/ledger/support/month.ts";
import { readerOf } from "../test/projections/support.ts";
import { findPostgres, PostgresServer } from "../test/support/postgres.ts";
import { takeTurns, timeAsyncMs } from "./measure.ts";
import { toRow, type Bench, type Row } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";

const EVENTS = 2_000;
const INSERT_MAX = 1_000;
const ROUNDS = { warmups: 1, rounds: 5 };

/** A tenant's whole cost stream into the tables of the read side. */
export const projector: Bench = {
  name: "projector",
  run: async () => {
    const stream = await streamOf("t0");
    await using folder = await TempFolder.make();
    await using pglite = await openPglite(folder.path);
    const rows = [await measure(pglite, stream, "PGlite")];
    const found = await findPostgres();
    if ("missing" in found) {
      process.stderr.write(`projector on PostgreSQL left out: ${found.missing}\n`);
      return rows;
    }
    await using server = await PostgresServer.start(found.bin);
    await using postgres = await openPostgres(await server.createDatabase("bench"));
    return [...rows, await measure(postgres, stream, "PostgreSQL, fsync off")];
  },
};

async function streamOf(tenant: string): Promise<readonly Transaction[]> {
  await using broker = openMemory({ clock: systemClock });
  const ends = new Map<string, number>();
  for (const event of usageOf(tenant, EVENTS, 1).events) {
    const { call } = event;
    const item = { id: itemId(event), value: { ...event } as Json };
    ends.set(call, await broker.usage.append({ tenant, call }, ends.get(call) ?? 0, item));
  }
  const prices = () => ({ book: priceBook() });
  const actor = await LedgerActor.open({ tenant, broker, clock: systemClock, prices });
  await actor.catchUp();
  const postings = await Array.fromAsync(broker.cost.read({ tenant }));
  return postings.flatMap(({ value }) => parsePosting(value).transactions);
}

async function measure(
  readSide: ReadSide,
  stream: readonly Transaction[],
  where: string,
): Promise<Row> {
  let round = 0;
  const count = stream.flatMap(costRowsOf).length;
  const perSecond = (ms: number): number => (count * 1_000) / ms;
  const [ours, floor] = await takeTurns(ROUNDS, [
    async () => {
      const tenant = `t${++round}`;
      const own = stream.map((transaction) => ({ ...transaction, tenant }));
      const ms = await timeAsyncMs(() => new CostProjector(readSide, tenant).run(readerOf(own)));
      assert((await rowsIn(readSide, tenant)) === count, "rows are missing");
      return perSecond(ms);
    },
    async () => {
      const tenant = `bare${round}`;
      const rows = stream.flatMap(costRowsOf).map((row) => ({ ...row, tenant_id: tenant }));
      return perSecond(await timeAsyncMs(() => insertAll(readSide, tenant, rows)));
    },
  ]);
  return toRow({
    name: `cost rows projected, ${where}`,
    unit: "rows/s",
    ...ours!,
    floor: floor!.ours,
    higherIsBetter: true,
  });
}

/** The same rows as they are, in as few statements as there can be, without sums and cursor. */
function insertAll(
  readSide: ReadSide,
  tenant: string,
  rows: readonly CostEventsTable[],
): Promise<void> {
  return readSide.asTenant(tenant, async (tx) => {
    for (let at = 0; at < rows.length; at += INSERT_MAX)
      await tx
        .insertInto("costEvents")
        .values(rows.slice(at, at + INSERT_MAX))
        .execute();
  });
}

function rowsIn(readSide: ReadSide, tenant: string): Promise<number> {
  return readSide.asTenant(tenant, async (tx) => {
    const { count } = await tx
      .selectFrom("costEvents")
      .select((eb) => eb.fn.countAll().as("count"))
      .where("tenant_id", "=", tenant)
      .executeTakeFirstOrThrow();
    return Number(count);
  });
}
