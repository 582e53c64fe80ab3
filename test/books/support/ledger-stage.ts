import assert from "node:assert/strict";
import { LedgerActor, type LedgerActorOptions } from "../../../src/books/ledger-actor.ts";
import { SimulatedClock } from "../../../src/base/clock.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import { openMemory } from "../../../src/broker/memory/memory-broker.ts";
import type { Stream } from "../../../src/broker/stream.port.ts";
import { parsePosting, type Transaction } from "../../../src/events/ledger.events.ts";
import type { Json } from "../../../src/events/record.ts";
import type { UsageEvent } from "../../../src/events/usage.events.ts";
import { balancesOf, Clerk, fold, recount } from "../../ledger/support/clerk.ts";
import { BOOK, USED } from "../../ledger/support/books.ts";

export const TENANT = "t1";

/** Puts usage where an outbox would. */
export async function tell(usage: Stream, ...events: readonly UsageEvent[]): Promise<void> {
  for (const event of events) {
    const key = { tenant: TENANT, call: event.call };
    const item = { id: `${event.eventId}.${event.payloadHash}`, value: { ...event } as Json };
    await usage.append(key, await usage.tail(key), item);
  }
}

/** What stands in a tenant's cost stream. */
export async function postedOf(cost: Stream, tenant: string): Promise<Transaction[]> {
  const all: Transaction[] = [];
  for await (const { value } of cost.read({ tenant }))
    all.push(...parsePosting(value).transactions);
  return all;
}

export function posted(cost: Stream): Promise<Transaction[]> {
  return postedOf(cost, TENANT);
}

export interface LedgerStage {
  readonly broker: Broker;
  readonly clock: SimulatedClock;
  readonly logged: string[];
  readonly open: (more?: Partial<LedgerActorOptions>) => Promise<LedgerActor>;
}

export function ledgerStage(): LedgerStage {
  const clock = new SimulatedClock(USED);
  const broker = openMemory({ clock });
  const logged: string[] = [];
  const logger = { log: (_: string, message: string) => void logged.push(message) };
  const options = { tenant: TENANT, broker, clock, logger, prices: () => ({ book: BOOK }) };
  return {
    broker,
    clock,
    logged,
    open: (more = {}) => LedgerActor.open({ ...options, ...more }),
  };
}

/**
 * That the stream tells each event once, that its lines add up, and that one who takes the same
 * events alone comes to the same balances.
 */
export async function checkStream(cost: Stream, events: readonly UsageEvent[]): Promise<void> {
  const stream = await posted(cost);
  const taken = stream.flatMap(({ event }) => (event ? [event] : []));
  const ids = taken.map(({ eventId }) => eventId);
  assert.equal(new Set(ids).size, ids.length, "an event was posted twice");
  const wanted = new Set(events.map(({ eventId }) => eventId));
  const told = new Set(ids.filter((id) => wanted.has(id)));
  assert.equal(told.size, wanted.size, "an event was lost");
  const ledger = fold(stream);
  assert.deepEqual(recount(stream), balancesOf(ledger));
  assert.deepEqual(balancesOf(new Clerk().take(taken).ledger), balancesOf(ledger));
}
