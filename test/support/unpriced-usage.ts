import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { Json } from "../../src/events/record.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import { day } from "../ledger/support/books.ts";
import { event } from "../ledger/support/usage.ts";

const WHOSE = { tenant: "acme", call: "c1" } as const;
const EVENTS = [
  event({
    ...WHOSE,
    provider: "openai",
    requestModel: "gpt-4o-mini",
    meters: { inputTokens: 1_000 },
    occurredAt: day("2026-11-09"),
  }),
  event({
    ...WHOSE,
    clientRequest: "r2",
    service: "stt",
    provider: "deepgram",
    requestModel: "nova-3",
    meters: { audioMs: 60_000 },
    occurredAt: day("2026-11-10"),
  }),
];

/**
 * Two requests of tenant `acme` in November, 0.00015 and 0.0048 USD by the price book, posted on a
 * day when it knew of no price.
 */
export async function postUnpriced(broker: Broker): Promise<void> {
  for (const one of EVENTS) {
    const item = { id: `${one.eventId}.${one.payloadHash}`, value: { ...one } as Json };
    await broker.usage.append(WHOSE, await broker.usage.tail(WHOSE), item);
  }
  const prices = () => ({ book: priceBook(), knownAt: day("2026-01-01") });
  const actor = await LedgerActor.open({ tenant: "acme", broker, clock: systemClock, prices });
  await actor.catchUp();
}
