import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SimulatedClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { Posting, Transaction } from "../../src/events/ledger.events.ts";
import type { Json } from "../../src/events/record.ts";
import { CostFollower } from "../../src/projections/cost-follower.ts";
import { costTotal } from "../../src/projections/cost-queries.ts";
import { openPglite } from "../../src/projections/pglite.ts";
import type { ReadSide } from "../../src/projections/read-side.ts";
import { event } from "../ledger/support/usage.ts";
import { clerkOf } from "./support.ts";

let readSide: ReadSide;
before(async () => {
  readSide = await openPglite();
});
after(() => readSide[Symbol.asyncDispose]());

/** The same database, which a follower may close and which is away at times. */
class Reached {
  isAway = false;
  opened = 0;

  async open(): Promise<ReadSide> {
    this.#check();
    this.opened++;
    const asTenant: ReadSide["asTenant"] = (tenant, work) => {
      this.#check();
      return readSide.asTenant(tenant, async (tx) => {
        const result = await work(tx);
        // Also in the midst of a transaction.
        this.#check();
        return result;
      });
    };
    return { asTenant, [Symbol.asyncDispose]: async () => undefined } as unknown as ReadSide;
  }

  #check(): void {
    if (this.isAway) throw new AppError("database.failed", "nobody there");
  }
}

function stage(quietMs = 0) {
  const clock = new SimulatedClock();
  const { cost } = openMemory({ clock });
  const database = new Reached();
  const logged: string[] = [];
  const logger = {
    log: (level: string, message: string) => void logged.push(`${level}: ${message}`),
  };
  const follow = () =>
    new CostFollower({ cost, clock, logger, quietMs, open: () => database.open() });
  /** Transactions of one posting. */
  const post = async (tenant: string, ...transactions: Transaction[]): Promise<void> => {
    const posting: Posting = { transactions };
    const item = { id: transactions.at(-1)!.hash, value: posting as unknown as Json };
    await cost.append({ tenant }, await cost.tail({ tenant }), item);
  };
  return { clock, cost, database, logged, follow, post };
}

let count = 0;
/** A tenant of its own, and so many transactions of it. */
function streamOf(transactions: number): { tenant: string; stream: readonly Transaction[] } {
  const tenant = `follow-${count++}`;
  const events = Array.from({ length: transactions }, (_, i) =>
    event({ tenant, clientRequest: `r${i}`, meters: { outputTokens: 1 } }),
  );
  return { tenant, stream: clerkOf(tenant, events).stream };
}

test("what is posted is in the database soon, each line once, also after a new start", async () => {
  const { follow, post } = stage();
  const { tenant, stream } = streamOf(6);
  {
    await using follower = follow();
    await post(tenant, ...stream.slice(0, 2));
    follower.posted(tenant);
    await follower.idle();
    assert.equal((await costTotal(readSide, tenant)).lines, 2);
    await post(tenant, stream[2]!);
    follower.posted(tenant);
    follower.posted(tenant);
    await follower.idle();
    assert.equal((await costTotal(readSide, tenant)).lines, 3);
  }
  await post(tenant, ...stream.slice(3));
  await using follower = follow();
  follower.posted(tenant);
  await follower.idle();
  const { lines, amountPico } = await costTotal(readSide, tenant);
  assert.equal(lines, 6);
  assert.equal(amountPico, 6n * 600_000n);
});

test("a database that is away is told once and waited for: each line is there once", async () => {
  const { clock, database, follow, logged, post } = stage();
  const { tenant, stream } = streamOf(4);
  database.isAway = true;
  await using follower = follow();
  for (const transaction of stream.slice(0, 2)) {
    await post(tenant, transaction);
    follower.posted(tenant);
  }
  await clock.advance(5 * 60_000);
  assert.equal(follower.problem, "nobody there");
  assert.deepEqual(logged, ["error: costs wait for the database"]);
  database.isAway = false;
  await clock.advance(2_000);
  await follower.idle();
  assert.equal(follower.problem, undefined);
  assert.equal((await costTotal(readSide, tenant)).lines, 2);
  // And while it is open.
  database.isAway = true;
  await post(tenant, ...stream.slice(2));
  follower.posted(tenant);
  await clock.advance(60_000);
  assert.equal((await costTotal(readSide, tenant)).lines, 2);
  database.isAway = false;
  await clock.advance(2_000);
  await follower.idle();
  assert.equal((await costTotal(readSide, tenant)).lines, 4);
  assert.equal(database.opened, 1);
});

test("a damaged stream stays as it is, and the others go on", async () => {
  const { clock, follow, logged, post } = stage();
  const [bad, good] = [streamOf(2), streamOf(1)];
  // Its first transaction is not there.
  await post(bad.tenant, bad.stream[1]!);
  await post(good.tenant, ...good.stream);
  await using follower = follow();
  follower.posted(bad.tenant);
  follower.posted(good.tenant);
  await clock.advance(10_000);
  await follower.idle();
  assert.equal((await costTotal(readSide, bad.tenant)).lines, 0);
  assert.equal((await costTotal(readSide, good.tenant)).lines, 1);
  assert.match(follower.problem!, /does not follow/);
  assert.deepEqual(logged, ["error: a cost stream is damaged: the database stays behind it"]);
});

test("what is costly to open is opened when it is quiet, and at last all the same", async () => {
  const { clock, database, follow } = stage(3_000);
  {
    await using follower = follow();
    follower.posted("busy");
    await clock.advance(2_000);
    follower.posted("busy");
    await clock.advance(2_900);
    assert.equal(database.opened, 0);
    await clock.advance(100);
    assert.equal(database.opened, 1);
  }
  await using follower = follow();
  for (let at = 0; at < 59_000; at += 1_000) {
    follower.posted("busy");
    await clock.advance(1_000);
  }
  assert.equal(database.opened, 1);
  follower.posted("busy");
  await clock.advance(1_000);
  assert.equal(database.opened, 2);
});

test("who closes before it was opened does not wait for it", async () => {
  const { clock, database, follow } = stage(3_000);
  const follower = follow();
  follower.posted("busy");
  await clock.advance(1_000);
  await follower[Symbol.asyncDispose]();
  follower.posted("busy");
  assert.equal(database.opened, 0);
});
