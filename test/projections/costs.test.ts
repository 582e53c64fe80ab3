import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import type { Transaction } from "../../src/events/ledger.events.ts";
import { CostProjector } from "../../src/projections/costs.projection.ts";
import { costRows, costSums, costTotal, GROUPINGS } from "../../src/projections/cost-queries.ts";
import { openPglite } from "../../src/projections/pglite.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { bookOf, desk, USED } from "../ledger/support/books.ts";
import { balancesOf, Clerk, RUNS } from "../ledger/support/clerk.ts";
import { mix } from "../ledger/support/mixed.ts";
import { event, eventsOf, scripts, usage } from "../ledger/support/usage.ts";
import { clerkOf, contents, readerOf } from "./support.ts";

const readSide = await openPglite();
after(() => readSide[Symbol.asyncDispose]());

/** Each run goes through a database. */
const runs = { numRuns: Math.ceil(RUNS / 10) };
let tenants = 0;
const freshTenant = (): string => `tenant-${++tenants}`;

async function project(stream: readonly Transaction[], tenant: string): Promise<CostProjector> {
  const projector = new CostProjector(readSide, tenant, 3);
  await projector.run(readerOf(stream));
  return projector;
}

test("sums equal the ledger's balances to the picodollar, however they are grouped", async () => {
  await fc.assert(
    fc.asyncProperty(usage, fc.integer(), async (events, seed) => {
      const clerk = new Clerk();
      mix(clerk, events, seed);
      clerk.do({
        type: "adjust",
        id: "by-hand",
        account: "cost:llm",
        amountPico: BigInt(seed),
        evidence: "e",
        occurredAt: USED,
      });
      await new CostProjector(readSide, "t1").reset();
      await project(clerk.stream, "t1");

      const { ledger } = clerk;
      const { amountPico, unrated } = ledger.cost();
      const total = await costTotal(readSide, "t1");
      assert.equal(total.amountPico, amountPico);
      for (const by of GROUPINGS) {
        const sums = await costSums(readSide, "t1", by);
        assert.equal(
          total.amountPico,
          sums.reduce((sum, one) => sum + one.amountPico, 0n),
          by,
        );
        assert.equal(
          total.lines,
          sums.reduce((sum, one) => sum + one.lines, 0),
          by,
        );
        assert.equal(
          total.hasUnrated,
          sums.some(({ hasUnrated }) => hasUnrated),
          by,
        );
      }
      const services = (await costSums(readSide, "t1", "service"))
        .filter((sum) => sum.amountPico !== 0n)
        .map((sum) => [`cost:${sum.key}`, sum.amountPico]);
      const balances = Object.entries(balancesOf(ledger));
      assert.deepEqual(
        services,
        balances.filter(([account]) => account.startsWith("cost:")),
      );
      if (ledger.sealedCalls().size === 0) assert.equal(total.hasUnrated, unrated.length > 0);
    }),
    runs,
  );
});

test("rebuilt from nothing, and in batches of any size, the tables are the same", async () => {
  await fc.assert(
    fc.asyncProperty(usage, fc.integer(), fc.integer({ min: 1, max: 9 }), async (...made) => {
      const [events, seed, batch] = made;
      const clerk = new Clerk();
      mix(clerk, events, seed);
      const projector = new CostProjector(readSide, "t1", batch);
      await projector.reset();
      await projector.run(readerOf(clerk.stream.slice(0, 5)));
      await projector.run(readerOf(clerk.stream));
      const before = await contents(readSide, "t1");
      await projector.run(readerOf(clerk.stream));
      assert.deepEqual(await contents(readSide, "t1"), before, "the same stream again");

      await projector.reset();
      assert.equal(await projector.ledgerSeq(), 0);
      assert.deepEqual(await contents(readSide, "t1"), {
        costEvents: [],
        costRollups: [],
        cursors: [],
      });
      await new CostProjector(readSide, "t1").run(readerOf(clerk.stream));
      assert.deepEqual(await contents(readSide, "t1"), before);
    }),
    runs,
  );
});

test("projectors at once double and lose nothing", async () => {
  await fc.assert(
    fc.asyncProperty(scripts, fc.integer({ min: 2, max: 4 }), async (all, count) => {
      const [one, many] = [freshTenant(), freshTenant()];
      const streamOf = (tenant: string) =>
        clerkOf(
          tenant,
          all.flatMap((script, at) => eventsOf(script, at, tenant)),
        ).stream;
      await project(streamOf(one), one);
      const stream = streamOf(many);
      await Promise.all(Array.from({ length: count }, () => project(stream, many)));
      const [expected, got] = [await costTotal(readSide, one), await costTotal(readSide, many)];
      assert.deepEqual(got, expected);
      const { costEvents } = await contents(readSide, many);
      assert.equal(costEvents.length, expected.lines);
    }),
    { numRuns: Math.ceil(RUNS / 20) },
  );
});

test("a batch that fails in its midst leaves nothing behind, and is taken again", async () => {
  const tenant = freshTenant();
  const { stream } = clerkOf(tenant, [
    event({ tenant, meters: { inputTokens: 1_000 } }),
    event({ tenant, clientRequest: "r2", meters: { outputTokens: 7 } }),
  ]);
  // The second transaction brings a line that the first has stored: the insert fails.
  const doubled = stream.map((transaction) => ({
    ...transaction,
    entries: transaction.entries.map((entry) =>
      entry.rated ? { ...entry, rated: { ...entry.rated, line: "the same" } } : entry,
    ),
  }));
  const projector = new CostProjector(readSide, tenant);
  const failed = projector.run(readerOf(doubled));
  await assert.rejects(failed, { code: "database.failed" });
  const nothing = { costEvents: [], costRollups: [], cursors: [] };
  assert.deepEqual(await contents(readSide, tenant), nothing);
  await projector.run(readerOf(stream));
  assert.equal((await contents(readSide, tenant)).costEvents.length, 2);
});

test("a stream that does not go on where the cursor stands is refused", async () => {
  const tenant = freshTenant();
  const event1 = event({ tenant, meters: { inputTokens: 1 } });
  const event2 = event({ tenant, clientRequest: "r2", meters: { inputTokens: 2 } });
  const { stream } = clerkOf(tenant, [event1, event2]);
  const other = clerkOf(tenant, [event2, event1]).stream;
  const projector = await project(stream.slice(0, 1), tenant);
  for (const wrong of [[other[1]!], [{ ...stream[1]!, seq: 3 }], [{ ...stream[1]!, tenant: "x" }]])
    await assert.rejects(projector.run(readerOf(wrong)), { code: "ledger.damaged" });
  assert.equal(await projector.ledgerSeq(), 1);
  await projector.run(readerOf(stream));
  assert.equal(await projector.ledgerSeq(), 2);
});

test("what comes late in a live stream is taken without waiting for a batch to fill", async () => {
  const tenant = freshTenant();
  const { stream } = clerkOf(tenant, [event({ tenant, meters: { inputTokens: 1 } })]);
  const end = Promise.withResolvers<void>();
  const projector = new CostProjector(readSide, tenant);
  const running = projector.run(async function* (from) {
    yield* readerOf(stream)(from);
    await end.promise;
  });
  while ((await projector.ledgerSeq()) < 1) await setImmediate();
  assert.equal((await costTotal(readSide, tenant)).lines, 1);
  end.resolve();
  await running;
});

test("amounts beyond every JS number come back to the last digit", async () => {
  const tenant = freshTenant();
  const clerk = clerkOf(tenant);
  const amounts = [2n ** 53n + 1n, 10n ** 30n + 7n, -1n];
  for (const [index, amountPico] of amounts.entries())
    clerk.do({
      type: "adjust",
      id: `a${index}`,
      account: "cost:llm",
      amountPico,
      evidence: "e",
      occurredAt: USED,
    });
  await project(clerk.stream, tenant);
  const sum = amounts.reduce((all, one) => all + one, 0n);
  assert.equal((await costTotal(readSide, tenant)).amountPico, sum);
  assert.equal(sum, clerk.ledger.balance("cost:llm"));
  const rows = await costRows(readSide, tenant, { from: 0, to: USED + 1 });
  assert.deepEqual(rows.map(({ costUsd }) => costUsd).toSorted(), [
    "-0.000000000001",
    "1000000000000000000.000000000007",
    "9007.199254740993",
  ]);
});

test("a cost is told in the shape that other programs know", async () => {
  const tenant = freshTenant();
  const usageOf = (clientRequest: string, occurredAt: number) =>
    event({
      tenant,
      clientRequest,
      turn: "turn.2",
      room: "lobby",
      meters: { inputTokens: 100_000 },
      occurredAt,
    });
  const { stream } = clerkOf(tenant, [usageOf("r1", USED), usageOf("r2", USED + 5)]);
  await project(stream, tenant);
  const rows = await costRows(readSide, tenant, { from: USED, to: USED + 5 });
  assert.deepEqual(rows, [
    {
      tenantId: tenant,
      service: "llm",
      costUsd: "0.03",
      timestamp: USED,
      metadata: {
        line: stream[0]!.entries[0]!.rated!.line,
        call: "c1",
        turn: "turn.2",
        agent: "desk",
        room: "lobby",
        provider: "acme",
        model: "quick",
        meter: "inputTokens",
        quantity: "100000",
        priceId: "acme/quick/long#inputTokens",
        kind: "rate",
      },
    },
  ]);
  const keys = [];
  for (const by of GROUPINGS)
    keys.push(...(await costSums(readSide, tenant, by)).map((sum) => sum.key));
  const day = "2026-10-15";
  assert.deepEqual(keys, ["c1", "c1/turn.2", "desk", "llm", "acme", "acme/quick", day]);
});

test("what takes a line back names it, and counts where it did", async () => {
  const tenant = freshTenant();
  const clerk = clerkOf(tenant);
  const facts = { tenant, room: "lobby", meters: { inputTokens: 500 } };
  clerk.take([event({ ...facts, kind: "progress", requestModel: "quick" })]);
  // Another model answered than was asked, and it has no price.
  clerk.take([event({ ...facts, requestModel: "quick", responseModel: "nobody" })]);
  const [request] = clerk.ledger.requests();
  clerk.do({ type: "reverse", id: "x", call: "c1", request: request!.id });
  // Over batches, and within one.
  for (const batchMax of [1, 10]) {
    const projector = new CostProjector(readSide, tenant, batchMax);
    await projector.reset();
    await projector.run(readerOf(clerk.stream));
    const rows = await readSide.asTenant(tenant, (tx) =>
      tx
        .selectFrom("costEvents")
        .select(["line_id", "reverses_line_id", "model", "room", "quantity_measured"])
        .orderBy("ledger_seq")
        .orderBy("line_no")
        .execute(),
    );
    const [asked, back, unpriced, backToo] = rows;
    assert.equal(rows.length, 4);
    assert.deepEqual(
      rows.map((row) => [row.model, row.quantity_measured, row.reverses_line_id, row.room]),
      [
        ["quick", "500", null, "lobby"],
        ["quick", "-500", asked!.line_id, "lobby"],
        ["nobody", "500", null, "lobby"],
        ["nobody", "-500", unpriced!.line_id, "lobby"],
      ],
    );
    assert.ok(back && backToo);
    const models = await costSums(readSide, tenant, "model");
    assert.ok(models.every((sum) => sum.amountPico === 0n && !sum.hasUnrated));
  }
});

test("a thousand vision turns at 0.015 USD are a thousand rows of that, and 15 USD", async () => {
  const tenant = freshTenant();
  const eye = { model: "eye", services: ["vision"], perUnits: 1 };
  const book = bookOf({ priceId: "acme/eye", ...eye, pricePico: { requests: "15000000000" } });
  const events = Array.from({ length: 1_000 }, (_, i) =>
    event({
      tenant,
      clientRequest: `r${i}`,
      service: "vision",
      requestModel: "eye",
      meters: { requests: 1 },
      occurredAt: USED + i,
    }),
  );
  const { stream } = new Clerk(desk(book), new Ledger(tenant)).take(events);
  await project(stream, tenant);
  const rows = await costRows(readSide, tenant, { from: USED, to: USED + 1_000 });
  assert.equal(rows.length, 1_000);
  for (const [i, { tenantId, service, costUsd, timestamp, metadata }] of rows.entries()) {
    assert.deepEqual([tenantId, service, costUsd], [tenant, "vision", "0.015"]);
    // When it was used, not when it was told.
    assert.equal(timestamp, USED + i);
    assert.equal(typeof metadata, "object");
  }
  assert.equal((await costTotal(readSide, tenant)).amountPico, 15_000_000_000_000n);
});
