import { CallBudget } from "../src/books/call-budget.ts";
import { LedgerActor } from "../src/books/ledger-actor.ts";
import { ledgerLeases } from "../src/books/ledger-budgets.ts";
import { UsageOutbox } from "../src/books/usage-outbox.ts";
import { assert } from "../src/base/assert.ts";
import { systemClock } from "../src/base/clock.ts";
import { type EmbeddedBroker, openEmbedded } from "../src/broker/embedded/embedded-broker.ts";
import { systemIds } from "../src/base/id.ts";
import { silentLogger } from "../src/base/logger.ts";
import type { CallRef, LogRecord } from "../src/events/record.ts";
import type { CallHeader } from "../src/events/call.events.ts";
import { priceBook } from "../src/ledger/price-book.ts";
import { recordConversation } from "./conversation.ts";
import { loopTurn } from "./fake-call.ts";
import { differenceOf } from "./measure.ts";
import { ReplayedCall } from "./replayed-call.ts";
import { toRow, type Bench, type Row } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";

const TURNS = 40;
const PAIRS = 8;
const WARMUPS = 2;
const TARGET_US = 50;

/**
 * What metering and a budget add to a call: the same call twice at once, one of them metered and
 * charged, an input to each in turn and in an order by chance.
 */
export const metering: Bench = {
  name: "metering",
  run: async () => {
    const records = await recordConversation({ turns: TURNS });
    await using folder = await TempFolder.make();
    await using broker = await openEmbedded({ dataDir: folder.path, clock: systemClock });
    const steps: number[] = [];
    const behind: number[] = [];
    for (let pair = -WARMUPS; pair < PAIRS; pair++) {
      const measured = await runPair(records, broker, `p${pair + WARMUPS}`);
      if (pair < 0) continue;
      steps.push(...measured.steps);
      behind.push(measured.behindUs);
    }
    const perTurn = behind.map((us) => us / TURNS);
    return [
      differenceRow("what metering and a budget add to a step", steps, TARGET_US),
      differenceRow("metering behind the steps of a turn", perTurn),
    ];
  },
};

function differenceRow(name: string, us: readonly number[], target?: number): Row {
  const { mean, low, high } = differenceOf(us);
  const note = `95 % interval ${low.toFixed(2)} to ${high.toFixed(2)} us`;
  const row = toRow({ name, unit: "us", ours: mean, min: low, max: high, count: us.length, note });
  if (target === undefined) return row;
  // The whole interval must be within it.
  return { ...row, target, met: -target <= low && high <= target };
}

interface Pair {
  /** What each input took more where it was metered, us. */
  readonly steps: readonly number[];
  /** What the outbox did with them afterwards, of the whole call. */
  readonly behindUs: number;
}

async function runPair(
  records: readonly LogRecord[],
  broker: EmbeddedBroker,
  name: string,
): Promise<Pair> {
  await using outbox = new UsageOutbox({ broker, clock: systemClock });
  const { log } = broker;
  const ref = { tenant: "bench", call: `${name}-metered` };
  const plain = new ReplayedCall(records, { log, ref: { ...ref, call: `${name}-plain` } });
  const budget = await budgetOf({ ...ref, tenant: tenantOf(records) }, broker);
  const onRecord = (record: LogRecord): void => {
    budget.apply(record);
    outbox.offer(ref, [record]);
  };
  const metered = new ReplayedCall(records, { log, ref, onRecord });
  const steps: number[] = [];
  let behindUs = 0;
  while (!metered.done) {
    const first = Math.random() < 0.5;
    const before = first ? await stepUs(metered) : await stepUs(plain);
    const idleBefore = first ? await idleUs(outbox) : 0;
    const after = first ? await stepUs(plain) : await stepUs(metered);
    const idleAfter = first ? 0 : await idleUs(outbox);
    behindUs += idleBefore + idleAfter;
    steps.push(first ? before - after : after - before);
    await loopTurn();
  }
  plain.check();
  metered.check();
  const { published, failed, refused } = outbox.counts;
  assert(published > TURNS && failed + refused === 0, "the call was not metered");
  return { steps, behindUs };
}

function tenantOf([first]: readonly LogRecord[]): string {
  return (first!.input["header"] as unknown as CallHeader).tenant;
}

/** Under a limit that it does not reach: each record is folded, priced and charged. */
async function budgetOf(ref: CallRef, broker: EmbeddedBroker): Promise<CallBudget> {
  const prices = { book: priceBook() };
  const ports = { broker, clock: systemClock, logger: silentLogger };
  const { tenant } = ref;
  const actor = await LedgerActor.open({ ...ports, tenant, prices: () => prices });
  await actor.do({ type: "limit", id: ref.call, node: "tenant", amountPico: 10n ** 15n });
  return new CallBudget(ref, {
    ...ports,
    ids: systemIds,
    log: broker.log,
    prices,
    leases: () => Promise.resolve(ledgerLeases(actor)),
    voicesOf: () => [],
    offer: () => Promise.resolve(),
  });
}

async function stepUs(call: ReplayedCall): Promise<number> {
  const startedAt = performance.now();
  await call.step();
  return (performance.now() - startedAt) * 1_000;
}

async function idleUs(outbox: UsageOutbox): Promise<number> {
  const startedAt = performance.now();
  await outbox.idle();
  return (performance.now() - startedAt) * 1_000;
}
