import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { seededRandom } from "../../src/base/id.ts";
import type { Transaction } from "../../src/events/ledger.events.ts";
import { linesOf } from "../../src/ledger/lines.ts";
import { costSums, costTotal, GROUPINGS } from "../../src/projections/cost-queries.ts";
import { CostProjector } from "../../src/projections/costs.projection.ts";
import { openPglite } from "../../src/projections/pglite.ts";
import { openPostgres } from "../../src/projections/postgres.ts";
import type { ReadSide } from "../../src/projections/read-side.ts";
import { Clerk, recount } from "../ledger/support/clerk.ts";
import { mix } from "../ledger/support/mixed.ts";
import { eventsOf, scripts } from "../ledger/support/usage.ts";
import { assertIsolated } from "../projections/isolation.ts";
import { contents, readerOf } from "../projections/support.ts";
import { findPostgres, PostgresServer } from "../support/postgres.ts";

const SEEDS = 10;
const found = await findPostgres();
const skip = "missing" in found && found.missing;

let server: PostgresServer;
let folder: string;
before(async () => {
  if ("missing" in found) return;
  folder = await mkdtemp(join(tmpdir(), "turnfold-projector-"));
  server = await PostgresServer.start(found.bin);
});
after(async () => {
  if (skip) return;
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Some hundred transactions of everything a ledger may be asked for. */
function clerkOfSeed(seed: number): Clerk {
  const samples = fc.sample(scripts, { seed, numRuns: 25 }).flat();
  const clerk = new Clerk();
  mix(
    clerk,
    samples.flatMap((one, index) => eventsOf(one, index)),
    seed,
  );
  return clerk;
}

test("no tenant sees or changes another's rows in PostgreSQL", { skip }, async () => {
  const url = await server.createDatabase("isolated");
  await using readSide = await openPostgres(url);
  await assertIsolated(readSide);
  // Nor does one that comes without a tenant, even as the owner of the tables.
  const owner = await openOwner(url);
  assert.deepEqual(owner, []);
});

test("a user who may make no roles is given the tenants' one", { skip }, async () => {
  const url = await server.createDatabase("plain");
  await server.query(`alter role plain nocreaterole`);
  const exists = await server.query(`select 1 from pg_roles where rolname = 'turnfold_tenant'`);
  if (exists.length === 0) await server.query(`create role turnfold_tenant nologin`);
  await assert.rejects(openPostgres(url), { code: "database.failed" });
  await server.query(`grant turnfold_tenant to plain`);
  await using readSide = await openPostgres(url);
  await assertIsolated(readSide);
});

async function openOwner(url: string): Promise<readonly unknown[]> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(`select * from "costEvents"`)).rows;
  } finally {
    await client.end();
  }
}

test("both engines hold the same rows of the same stream", { skip }, async () => {
  const { stream } = clerkOfSeed(1);
  await using small = await openPglite();
  // Several may bring the schema up to date at once.
  const url = await server.createDatabase("same");
  const all = await Promise.all([openPostgres(url), openPostgres(url), openPostgres(url)]);
  try {
    for (const readSide of [small, all[0]!])
      await new CostProjector(readSide, "t1").run(readerOf(stream));
    const [one, other] = [await contents(small, "t1"), await contents(all[0]!, "t1")];
    assert.ok(one.costEvents.length > 50);
    assert.deepEqual(datesAsText(one.costRollups), datesAsText(other.costRollups));
    assert.deepEqual(one.costEvents, other.costEvents);
    for (const by of GROUPINGS)
      assert.deepEqual(await costSums(small, "t1", by), await costSums(all[0]!, "t1", by));
  } finally {
    for (const readSide of all) await readSide[Symbol.asyncDispose]();
  }
});

/** Drivers have their own forms of a day. */
function datesAsText(rows: readonly string[]): readonly string[] {
  return rows.map((row) => row.replace(/\["day",[^\]]*\]/, "")).toSorted();
}

/** A projector in a process of its own. */
async function startChild(url: string, file: string): Promise<ChildProcess> {
  const path = join(import.meta.dirname, "projector-child.ts");
  const child = spawn(process.execPath, [path, url, "t1", file], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await Promise.race([once(child.stdout!, "data"), once(child, "exit")]);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Two projectors at once, whose connections break; each goes on until it has all of the stream. */
async function raceWithBreaks(
  readSides: readonly ReadSide[],
  clerk: Clerk,
  { next, name }: { readonly next: () => number; readonly name: string },
): Promise<number> {
  let running = readSides.length;
  let broken = 0;
  const projecting = readSides.map(async (readSide) => {
    const projector = new CostProjector(readSide, "t1", 1 + Math.floor(next() * 4));
    for (;;) {
      try {
        await projector.run(readerOf(clerk.stream));
        running--;
        return;
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, "database.failed");
        broken++;
      }
    }
  });
  const victims = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = '${name}' and random() < 0.5`;
  for (let kills = 0; running > 0 && kills < 8; kills++) {
    if (kills === 4) {
      await server.crash();
      await server.start();
    } else await server.query(victims);
  }
  await Promise.all(projecting);
  return broken;
}

function assertRecount(stream: readonly Transaction[], sum: bigint): void {
  assert.equal(
    sum,
    stream.flatMap(linesOf).reduce((all, line) => all + line.amountPico, 0n),
  );
  const accounts = Object.entries(recount(stream)).filter(([name]) => name.startsWith("cost:"));
  assert.equal(
    sum,
    accounts.reduce((all, [, amount]) => all + amount, 0n),
  );
}

for (let seed = 1; seed <= SEEDS; seed++)
  test(`killed at random, nothing is doubled or lost: seed ${seed}`, { skip }, async (t) => {
    const clerk = clerkOfSeed(seed);
    const name = `seed${seed}`;
    const url = await server.createDatabase(name);
    const file = join(folder, `${name}.jsonl`);
    await writeFile(file, clerk.stream.map((one) => `${JSON.stringify(one)}\n`).join(""));
    const next = seededRandom(seed);
    const readSides = await Promise.all([openPostgres(url), openPostgres(url)]);
    try {
      // A process is killed once it has projected a random part of what there is.
      const projector = new CostProjector(readSides[0]!, "t1");
      const child = await startChild(url, file);
      const enough = Math.floor(next() * clerk.stream.length * 0.5);
      while (child.exitCode === null && (await projector.ledgerSeq()) < enough)
        await setImmediate();
      await kill(child);
      const killedAt = await projector.ledgerSeq();
      const broken = await raceWithBreaks(readSides, clerk, { next, name });

      t.diagnostic(`${clerk.stream.length} transactions, killed at ${killedAt}, ${broken} broken`);
      assert.equal(await projector.ledgerSeq(), clerk.stream.length);
      const { amountPico, lines } = await costTotal(readSides[1]!, "t1");
      assert.equal(amountPico, clerk.ledger.cost().amountPico);
      assertRecount(clerk.stream, amountPico);
      assert.equal(lines, clerk.stream.flatMap(linesOf).length);
      const [direct] = await server.query(
        `select sum(amount_pico)::text as sum, count(*)::int as rows from "costEvents"`,
        name,
      );
      assert.deepEqual(direct, { sum: String(amountPico), rows: lines });
    } finally {
      for (const readSide of readSides) await readSide[Symbol.asyncDispose]();
    }
  });
