import { systemClock } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
import type { EventLog } from "../../broker/event-log.port.ts";
import type { CallRef } from "../../events/record.ts";
import { requestIdOf, type UsageEvent } from "../../events/usage.events.ts";
import { Metering } from "../../folds/metering.ts";
import { type Routed, RoutedReplies } from "../../folds/routed.ts";
import { Bill } from "../../ledger/bill.ts";
import type { PriceBook } from "../../ledger/price-book.ts";
import { isClosed, orphanEvent, type RequestState, withEvent } from "../../ledger/request.ts";
import type { Output } from "../output.ts";
import { type Saving, savingOf } from "./saving.ts";

/** A tenant's bill out of the logs of its calls. */
export interface LoadedBill {
  readonly bill: Bill;
  readonly saving: Saving | undefined;
  /** Calls whose logs are damaged: what stands before that is in the bill. */
  readonly damaged: readonly string[];
}

/** Of all calls of the tenant, or of one. */
export async function loadBill(
  log: EventLog,
  of: { readonly tenant: string; readonly call?: string },
  { book, out }: { readonly book: PriceBook; readonly out: Output },
): Promise<LoadedBill> {
  const { tenant, call } = of;
  const bill = new Bill(tenant, { book, at: systemClock.now() });
  const damaged: string[] = [];
  const routed = new Map<string, Routed>();
  const calls = call === undefined ? (await log.calls(tenant)).toReversed() : [{ tenant, call }];
  for (const [i, ref] of calls.entries()) {
    out.progress(`reading … ${i} of ${calls.length} calls`);
    const { events, replies, isDamaged } = await usageOf(log, ref);
    for (const [effect, how] of replies.byEffect) routed.set(`${ref.call}/${effect}`, how);
    for (const event of settled(events)) bill.add(event);
    if (isDamaged) damaged.push(ref.call);
  }
  return { bill, saving: savingOf(bill, routed), damaged };
}

/**
 * What is to be paid for, each request once: as it was closed, or, where it goes on or its process
 * died, as what is known of it.
 */
function settled(events: readonly UsageEvent[]): readonly UsageEvent[] {
  const requests = new Map<string, RequestState>();
  for (const event of events) {
    const id = requestIdOf(event);
    requests.set(id, withEvent(requests.get(id), event));
  }
  const open = [...requests.values()].filter((request) => !isClosed(request));
  const isOpen = new Set(open.map(({ id }) => id));
  const said = events.filter(
    (event) =>
      event.kind !== "opened" && event.quality !== "provisional" && !isOpen.has(requestIdOf(event)),
  );
  return [...said, ...open.map((request) => orphanEvent(request, request.head.observedAt))];
}

async function usageOf(log: EventLog, ref: CallRef) {
  const metering = new Metering();
  const replies = new RoutedReplies();
  const events: UsageEvent[] = [];
  try {
    for await (const record of log.read(ref)) {
      events.push(...metering.apply(record));
      replies.apply(record);
    }
  } catch (error) {
    if (codeOf(error) !== "log.damaged") throw error;
    return { events, replies, isDamaged: true };
  }
  return { events, replies, isDamaged: false };
}
