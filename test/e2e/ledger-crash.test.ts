import assert from "node:assert/strict";
import { test } from "node:test";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { codeOf } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { Json } from "../../src/events/record.ts";
import { usdText } from "../../src/ledger/money.ts";
import { CostProjector } from "../../src/projections/costs.projection.ts";
import { openPostgres } from "../../src/projections/postgres.ts";
import type { ReadSide } from "../../src/projections/read-side.ts";
import { findPostgres, PostgresServer } from "../support/postgres.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { checkBooks, checkQuarantine, Watched } from "./ledger-checks.ts";
import { itemId, type Usage, usageOf } from "../ledger/support/month.ts";
import { RestartedProcess } from "./restarted-process.ts";
import { openNatsBench } from "./support.ts";

/**
 * The ledger, its projector and the servers under both, killed at random while usage comes in
 * anyhow. `SEED=5 SEEDS=10 KILLS=40` for seeds 5 to 14, with so many kills in each.
 */
const SEED = Number(process.env["SEED"] ?? 1);
const SEEDS = Number(process.env["SEEDS"] ?? 1);
const KILLS = Number(process.env["KILLS"] ?? 12);
const EVENTS = 10_000;
const TENANTS = ["t1", "t2", "t3", "t4", "t5"];
/** Whatever is not settled by then will not be. */
const PATIENCE_MS = 140_000;
const LOOK_EVERY_MS = 200;
const AGAIN_MS = 50;
/** What is told between two kills, or without any, comes in so many parts of the whole. */
const STEPS = 50;

const nats = await findNats(NATS_VERSIONS.at(-1)!);
const postgres = await findPostgres();
const missing = [nats, postgres].flatMap((found) => ("missing" in found ? found.missing : []));
const skip = missing.length > 0 && missing.join("; ");

interface Run {
  readonly seed: number;
  readonly tenants: readonly string[];
  readonly events: number;
  readonly kills: number;
  /** Ledgers that are slow, or slow and without the compare-and-set. */
  readonly ledgers?: "slow" | "careless";
}

interface Ended {
  readonly totalPico: bigint;
  readonly killed: Readonly<Record<string, number>>;
  readonly ms: number;
}

for (let seed = SEED; seed < SEED + SEEDS; seed++)
  test(`killed at random, all books agree to the picodollar: seed ${seed}`, { skip }, async (t) => {
    const { totalPico, killed, ms } = await run({
      seed,
      tenants: TENANTS,
      events: EVENTS,
      kills: KILLS,
    });
    const kills = Object.entries(killed).map(([name, count]) => `${name} ${count}`);
    const took = `${(ms / 1_000).toFixed(0)} s`;
    t.diagnostic(`seed ${seed}: ${usdText(totalPico)} USD; ${kills.join(", ")}; ${took}`);
  });

test("without the compare-and-set the same run fails", { skip }, async () => {
  const small = { seed: SEED, tenants: ["t1"], events: 400, kills: 0 };
  await run({ ...small, ledgers: "slow" });
  await assert.rejects(run({ ...small, ledgers: "careless" }), /ledger\.damaged/);
});

async function run(of: Run): Promise<Ended> {
  assert.ok("path" in nats && "bin" in postgres);
  const startedAt = performance.now();
  await using server = await NatsServer.start(nats);
  await using database = await PostgresServer.start(postgres.bin);
  const databaseUrl = await database.createDatabase("costs");
  await using bench = await openNatsBench(server.url);
  await using readSide = await openPostgres(databaseUrl);
  const { broker, prefix } = bench;
  const usage = new Map(
    of.tenants.map((tenant, i) => [
      tenant,
      usageOf(tenant, of.events / of.tenants.length, of.seed * 100 + i),
    ]),
  );
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const who = [server.url, prefix, of.tenants.join(",")];
  const ledger = [...who, ...(of.ledgers ? [of.ledgers] : [])];
  await using first = new RestartedProcess("ledger-child", ledger, fail);
  await using second = new RestartedProcess("ledger-child", ledger, fail);
  await using projector = new RestartedProcess("costs-child", [...who, databaseUrl], fail);
  for (const one of [first, second, projector]) one.start();
  const again = (process: RestartedProcess) => () => process.kill().then(() => process.start());
  const crash = {
    ledger: again(first),
    "other ledger": again(second),
    projector: again(projector),
    nats: () => server.kill().then(() => server.restart()),
    postgres: () => database.crash().then(() => database.start()),
  };
  const gate = { share: 0, closed: false };
  using _ = { [Symbol.dispose]: () => void (gate.closed = true) };
  const telling = Promise.all(
    [...usage].map(([tenant, one]) => tell(broker, { tenant, one, gate })),
  );
  const settling = (async () => {
    await Promise.all([first.ready, second.ready]);
    const killed = await killAll(crash, of, gate);
    await telling;
    await settled(broker, readSide, usage);
    return killed;
  })();
  const killed = await Promise.race([settling, failed]);
  let totalPico = 0n;
  for (const [tenant, one] of usage) {
    const books = { broker, readSide, tenant, usage: one };
    totalPico += await Promise.race([checkBooks(books), failed]);
    await checkQuarantine(broker, books);
  }
  return { totalPico, killed, ms: performance.now() - startedAt };
}

interface Telling {
  readonly tenant: string;
  readonly one: Usage;
  readonly gate: Gate;
}

/** What share of all usage may be told by now, if any. */
interface Gate {
  share: number;
  closed: boolean;
}

/** One after the other in their order; what is not answered is told again. */
async function tell({ usage }: Broker, { tenant, one: { told }, gate }: Telling): Promise<void> {
  const ends = new Map<string, number>();
  for (const [i, event] of told.entries()) {
    while (i >= gate.share * told.length && !gate.closed) await sleep(systemClock, AGAIN_MS);
    const key = { tenant, call: event.call };
    const item = { id: itemId(event), value: { ...event } as Json };
    while (!gate.closed)
      try {
        const end = ends.get(event.call) ?? (await usage.tail(key));
        ends.set(event.call, await usage.append(key, end, item));
        break;
      } catch (error) {
        assert.notEqual(codeOf(error), "bug", String(error));
        ends.delete(event.call);
        await sleep(systemClock, AGAIN_MS);
      }
  }
}

/** Something dies every now and then, and usage comes all the while; how often what died. */
async function killAll(
  crash: Readonly<Record<string, () => Promise<void>>>,
  { seed, kills }: Run,
  gate: Gate,
): Promise<Record<string, number>> {
  const next = seededRandom(seed);
  const names = Object.keys(crash);
  const killed = Object.fromEntries(names.map((name) => [name, 0]));
  for (let i = 0; i < kills; i++) {
    gate.share = (i + 1) / (kills + 1);
    await sleep(systemClock, 200 + next() * 800);
    // Each of them once, then any.
    const name = names[i < names.length ? i : Math.floor(next() * names.length)]!;
    await crash[name]!();
    killed[name]!++;
  }
  for (; gate.share < 1; gate.share += 1 / STEPS) await sleep(systemClock, AGAIN_MS);
  return killed;
}

/** All that was told is posted, what nobody answers for is closed, and all of it is projected. */
async function settled(
  broker: Broker,
  readSide: ReadSide,
  usage: ReadonlyMap<string, Usage>,
): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  for (const [tenant, one] of usage) {
    const watched = new Watched(broker.cost, tenant);
    const projector = new CostProjector(readSide, tenant);
    for (;;) {
      await watched.look();
      const [lost, open] = [watched.missing(one).length, watched.open(one)];
      const projected = await projector.ledgerSeq();
      if (lost + open === 0 && projected === watched.transactions.length) break;
      const state = `${lost} events not posted, ${open} open, ${projected} projected`;
      assert.ok(performance.now() < until, `${tenant}: ${state}`);
      await sleep(systemClock, LOOK_EVERY_MS);
    }
  }
}
