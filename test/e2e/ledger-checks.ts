import assert from "node:assert/strict";
import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { Stream } from "../../src/broker/stream.port.ts";
import { parsePosting, type Transaction } from "../../src/events/ledger.events.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { costSums, costTotal } from "../../src/projections/cost-queries.ts";
import {
  CostProjector,
  type Posted,
  type ReadPosted,
} from "../../src/projections/costs.projection.ts";
import type { ReadSide } from "../../src/projections/read-side.ts";
import { balancesOf, recount } from "../ledger/support/clerk.ts";
import { itemId, reckon, type Reckoning, type Usage } from "../ledger/support/month.ts";

/** A tenant's cost stream, as a projector takes it. */
export function costReader(cost: Stream, tenant: string): ReadPosted {
  return async function* (from): AsyncGenerator<Posted> {
    for await (const { position, value } of cost.read({ tenant }, Math.max(0, from - 1)))
      for (const transaction of parsePosting(value).transactions)
        yield { seq: position, transaction };
  };
}

/** What stands in a tenant's cost stream, read on as it grows. */
export class Watched {
  readonly transactions: Transaction[] = [];
  readonly #cost: Stream;
  readonly #tenant: string;
  #position = 0;

  constructor(cost: Stream, tenant: string) {
    this.#cost = cost;
    this.#tenant = tenant;
  }

  async look(): Promise<void> {
    for await (const { position, value } of this.#cost.read(
      { tenant: this.#tenant },
      this.#position,
    )) {
      this.transactions.push(...parsePosting(value).transactions);
      this.#position = position;
    }
  }

  /** Ids of the events that were told and are not posted. */
  missing({ events }: Usage): readonly string[] {
    const posted = new Set(this.transactions.map(({ event }) => event?.eventId));
    return events.map(({ eventId }) => eventId).filter((id) => !posted.has(id));
  }

  /** Requests that nobody closes but the ledger, and which it has not. */
  open({ requests }: Usage): number {
    const closed = new Set(
      this.transactions.flatMap(({ event }) =>
        event?.kind === "closed" || event?.kind === "orphaned" ? [event.clientRequest] : [],
      ),
    );
    return requests.filter(({ events }) => !closed.has(events[0]!.clientRequest)).length;
  }
}

interface Books {
  readonly broker: Broker;
  readonly readSide: ReadSide;
  readonly tenant: string;
  readonly usage: Usage;
}

/**
 * That the stream's fold, the recount of its lines, the reckoning by hand and the sums in SQL are
 * one amount, to the pico-dollar; what it is.
 */
export async function checkBooks({ broker, readSide, tenant, usage }: Books): Promise<bigint> {
  const watched = new Watched(broker.cost, tenant);
  await watched.look();
  const { transactions } = watched;
  const ledger = await checkFold(broker, tenant);
  const ids = transactions.flatMap(({ event }) => (event ? [event.eventId] : []));
  assert.equal(new Set(ids).size, ids.length, "an event was posted twice");
  assert.deepEqual(watched.missing(usage), [], "an event was lost");
  const hand = reckon(usage.requests);
  assert.equal(ledger.cost().amountPico, hand.totalPico, "the fold is not what was reckoned");
  assert.deepEqual(recount(transactions), accountsOf(hand));
  assert.deepEqual(recount(transactions), balancesOf(ledger));
  const open = ledger.cost().unrated.flatMap(({ quantities }) => Object.values(quantities));
  assert.equal(
    open.reduce((sum, units) => sum + units, 0n),
    hand.unpriced,
  );
  await checkSql(readSide, { tenant, hand, last: transactions.length });
  return hand.totalPico;
}

/** With and without its snapshot the fold is the same, and nothing of the usage is left to take. */
async function checkFold(broker: Broker, tenant: string): Promise<Ledger> {
  const open = () =>
    LedgerActor.open({
      tenant,
      broker,
      clock: systemClock,
      prices: () => ({ book: priceBook() }),
    });
  const actor = await open();
  const end = await broker.cost.tail({ tenant });
  await actor.catchUp();
  assert.equal(await broker.cost.tail({ tenant }), end, "the cursor was not at the end");
  await broker.kv.delete(`ledger.${tenant}.snapshot`);
  const { ledger } = await open();
  assert.equal(ledger.stateHash(), actor.ledger.stateHash());
  return ledger;
}

export async function checkQuarantine(broker: Broker, { tenant, usage }: Omit<Books, "readSide">) {
  const actor = await LedgerActor.open({
    tenant,
    broker,
    clock: systemClock,
    prices: () => ({ book: priceBook() }),
  });
  const kept = (await actor.quarantined()).map(({ value }) => itemId(value as never));
  assert.deepEqual(kept.toSorted(), [...usage.conflicts].toSorted());
}

function accountsOf({ byService, byProvider }: Reckoning): Readonly<Record<string, bigint>> {
  const costs = [...byService].map(([service, pico]) => [`cost:${service}`, pico] as const);
  const owed = [...byProvider].map(([provider, pico]) => [`payable:${provider}`, -pico] as const);
  return Object.fromEntries([...costs, ...owed]);
}

async function checkSql(
  readSide: ReadSide,
  { tenant, hand, last }: { tenant: string; hand: Reckoning; last: number },
): Promise<void> {
  assert.equal(await new CostProjector(readSide, tenant).ledgerSeq(), last);
  const { amountPico, hasUnrated } = await costTotal(readSide, tenant);
  assert.equal(amountPico, hand.totalPico, "the sum in SQL is another");
  assert.equal(hasUnrated, hand.unpriced > 0n);
  const services = await costSums(readSide, tenant, "service");
  const sums = services.filter(({ amountPico: pico }) => pico !== 0n);
  assert.deepEqual(new Map(sums.map(({ key, amountPico: pico }) => [key, pico])), hand.byService);
  const { rows } = await readSide.asTenant(tenant, async (tx) => ({
    rows: await tx.selectFrom("costEvents").select("amount_pico").execute(),
  }));
  const lines = rows.reduce((sum, row) => sum + BigInt(row.amount_pico), 0n);
  assert.equal(lines, hand.totalPico, "the rows in SQL have another sum");
}
