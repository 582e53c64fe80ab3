import type { Transaction } from "../../src/events/ledger.events.ts";
import type { UsageEvent } from "../../src/events/usage.events.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import type { Posted, ReadPosted } from "../../src/projections/costs.projection.ts";
import type { ReadSide } from "../../src/projections/read-side.ts";
import { desk } from "../ledger/support/books.ts";
import { Clerk } from "../ledger/support/clerk.ts";

/** A stream in memory, which may grow while it is read. */
export function readerOf(stream: readonly Transaction[]): ReadPosted {
  return async function* (from): AsyncGenerator<Posted> {
    for (const transaction of stream)
      if (transaction.seq >= from) yield { seq: transaction.seq, transaction };
  };
}

export function clerkOf(tenant: string, events: readonly UsageEvent[] = []): Clerk {
  return new Clerk(desk(), new Ledger(tenant)).take(events);
}

/** Everything a tenant can see, in an order that does not hang on the engine. */
export async function contents(readSide: ReadSide, tenant: string) {
  return readSide.asTenant(tenant, async (tx) => ({
    costEvents: (await tx.selectFrom("costEvents").selectAll().execute()).map(asText).toSorted(),
    costRollups: (await tx.selectFrom("costRollups").selectAll().execute()).map(asText).toSorted(),
    cursors: (await tx.selectFrom("cursors").selectAll().execute()).map(asText),
  }));
}

function asText(row: object): string {
  return JSON.stringify(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Date ? value.toISOString() : value === null ? null : String(value),
    ]),
  );
}
