import { systemClock } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
import type { EventLog } from "../../broker/event-log.port.ts";
import type { CallRef } from "../../events/record.ts";
import type { UsageEvent } from "../../events/usage.events.ts";
import { Metering } from "../../folds/metering.ts";
import { Bill } from "../../ledger/bill.ts";
import { priceBook } from "../../ledger/price-book.ts";
import type { Output } from "../output.ts";

/** A tenant's bill out of the logs of its calls. */
export interface LoadedBill {
  readonly bill: Bill;
  /** Calls whose logs are damaged: what stands before that is in the bill. */
  readonly damaged: readonly string[];
}

export async function loadBill(log: EventLog, tenant: string, out: Output): Promise<LoadedBill> {
  const bill = new Bill(tenant, { book: priceBook(), at: systemClock.now() });
  const damaged: string[] = [];
  const calls = (await log.calls(tenant)).toReversed();
  for (const [i, ref] of calls.entries()) {
    out.progress(`reading … ${i} of ${calls.length} calls`);
    const { events, isDamaged } = await usageOf(log, ref);
    for (const event of events) bill.add(event);
    if (isDamaged) damaged.push(ref.call);
  }
  return { bill, damaged };
}

async function usageOf(log: EventLog, ref: CallRef) {
  const metering = new Metering();
  const events: UsageEvent[] = [];
  try {
    for await (const record of log.read(ref)) events.push(...metering.apply(record));
  } catch (error) {
    if (codeOf(error) !== "log.damaged") throw error;
    return { events, isDamaged: true };
  }
  return { events, isDamaged: false };
}
