import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LiveCosts } from "../../src/api/live-costs.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { EventLog, LogReading } from "../../src/broker/event-log.port.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { readLogFile } from "../../src/main.ts";
import { CallCost } from "../../src/projections/call-cost.ts";
import { costSums } from "../../src/projections/cost-queries.ts";
import { CostProjector } from "../../src/projections/costs.projection.ts";
import { openPglite } from "../../src/projections/pglite.ts";
import { Clerk } from "../ledger/support/clerk.ts";
import { recordPricedCall } from "../support/priced-call.ts";
import { logFile } from "../support/recorded-call.ts";
import { readerOf } from "./support.ts";

/** What a call has cost so far, while it runs and after. */
const REF = { tenant: "acme", call: "c-simulated" };
const desk = { book: priceBook(), at: Date.parse("2026-11-20T00:00:00Z") };
let data = "";
let records: readonly LogRecord[] = [];

before(async () => {
  data = await mkdtemp(join(tmpdir(), "turnfold-cost-"));
  await recordPricedCall(data);
  records = await Array.fromAsync(readLogFile(logFile(data)));
});
after(() => rm(data, { recursive: true }));

function costAfter(count: number) {
  const cost = new CallCost(REF, desk);
  for (const record of records.slice(0, count)) cost.apply(record);
  return cost.now();
}

async function* each(found: readonly LogRecord[]): AsyncGenerator<LogRecord> {
  yield* found;
}

/** A log that has the first `length` records, and notes where it is read from. */
function growingLog() {
  const froms: number[] = [];
  const state = { length: 0, froms };
  const read = (_: unknown, from = 1): LogReading => {
    froms.push(from);
    const found = records.slice(from - 1, state.length);
    return { tornBytes: 0, [Symbol.asyncIterator]: () => each(found) };
  };
  return { state, log: { read } as unknown as EventLog };
}

test("S0-56: the running sum ends as that of the rows that are written, by service", async () => {
  await using readSide = await openPglite();
  const clerk = new Clerk(desk, new Ledger("acme")).take(usageEventsOf(records));
  await new CostProjector(readSide, "acme").run(readerOf(clerk.stream));
  const sums = await costSums(readSide, "acme", "service");
  const { totalPico, services, unpriced, running } = costAfter(records.length);
  assert.ok(BigInt(totalPico) > 0n);
  // A service that costs nothing may have rows of nothing.
  const paid = (rows: readonly (readonly [string | null, string])[]) =>
    new Map(rows.filter(([, pico]) => pico !== "0").toSorted(([a], [b]) => (a! < b! ? -1 : 1)));
  assert.deepEqual(
    paid(services.map(({ service, amountPico }) => [service, amountPico])),
    paid(sums.map(({ key, amountPico }) => [key, String(amountPico)])),
  );
  const [call] = await costSums(readSide, "acme", "call");
  assert.equal(totalPico, String(call!.amountPico));
  assert.deepEqual([unpriced, running], [[], false]);
});

test("it grows while the call runs", () => {
  const sums = records.map((_, i) => BigInt(costAfter(i + 1).totalPico));
  const steps = new Set(sums);
  assert.ok(steps.size > 5, `${steps.size} different sums`);
  assert.ok(sums[0]! < sums.at(-1)!);
  assert.equal(costAfter(records.length - 1).running, true);
});

test("what has no price is named with its quantity, and is not in the sum", () => {
  const bare = { book: priceBook(), at: desk.at };
  const cost = new CallCost(REF, bare);
  for (const record of records)
    cost.apply(JSON.parse(JSON.stringify(record).replaceAll("gpt-6-luna", "nobody")) as LogRecord);
  const { unpriced, totalPico } = cost.now();
  assert.deepEqual(
    unpriced.filter(({ meter }) => meter === "outputTokens"),
    [
      {
        service: "llm",
        provider: "openai",
        model: "nobody",
        meter: "outputTokens",
        quantity: 60,
      },
    ],
  );
  assert.ok(BigInt(totalPico) < BigInt(costAfter(records.length).totalPico));
});

test("a further question reads on where the last one ended, also of many at once", async () => {
  const { state, log } = growingLog();
  const costs = new LiveCosts(log, () => desk);
  state.length = 40;
  const first = await costs.of(REF);
  state.length = records.length;
  const [second, third] = await Promise.all([costs.of(REF), costs.of(REF)]);
  assert.deepEqual(state.froms, [1, 41, records.length + 1]);
  assert.deepEqual(
    [first, second, third],
    [costAfter(40), costAfter(Infinity), costAfter(Infinity)],
  );
});

test("calls that are long not asked about are forgotten, and read anew", async () => {
  const { state, log } = growingLog();
  const costs = new LiveCosts(log, () => desk);
  state.length = 10;
  await costs.of(REF);
  for (let i = 0; i < LIMITS.liveCostsMax; i++) await costs.of({ tenant: "acme", call: `c${i}` });
  await costs.of(REF);
  assert.equal(state.froms.at(-1), 1);
});
