import { sleep, systemClock } from "../../base/clock.ts";
import type { EventLog } from "../../broker/event-log.port.ts";
import type { CallRef } from "../../events/record.ts";
import type { PriceBook } from "../../ledger/price-book.ts";
import { usdText } from "../../ledger/money.ts";
import { CallCost } from "../../projections/call-cost.ts";
import type { Output } from "../output.ts";

/** How often a followed log is looked at. */
const FOLLOW_EVERY_MS = 150;

/** Prints what a call has cost each time that it changes; ends with the call, or with Ctrl-C. */
export async function followCost(
  log: EventLog,
  ref: CallRef,
  { book, out }: { readonly book: PriceBook; readonly out: Output },
): Promise<void> {
  const cost = new CallCost(ref, { book, at: systemClock.now() });
  let next = 1;
  let told: bigint | undefined;
  let startedAt = 0;
  for (;;) {
    for await (const record of log.read(ref, next)) {
      cost.apply(record);
      next = record.seq + 1;
      startedAt ||= record.at;
      if (cost.totalPico === told) continue;
      told = cost.totalPico;
      const time = `${((record.at - startedAt) / 1000).toFixed(3)}s`.padStart(10);
      out.line(`${out.style(time, "dim")}  ${usdText(told)} USD`);
    }
    if (!cost.isRunning || out.signal?.aborted) return;
    await sleep(systemClock, FOLLOW_EVERY_MS, out.signal);
  }
}
