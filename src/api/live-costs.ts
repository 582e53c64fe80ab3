import { LIMITS } from "../base/limits.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallRef } from "../events/record.ts";
import type { Desk } from "../ledger/post.ts";
import { CallCost, type CallCostNow } from "../projections/call-cost.ts";

/** A call that is asked about, and how far its log was read. */
interface Followed {
  readonly cost: CallCost;
  next: number;
  /** The reading that is under way: one at a time. */
  reading: Promise<CallCostNow>;
}

/**
 * The cost of calls that are asked about. Each is folded once: a further question reads on where
 * the last one ended. Who was not asked about for longest is forgotten.
 */
export class LiveCosts {
  readonly #log: EventLog;
  readonly #desk: () => Desk;
  readonly #followed = new Map<string, Followed>();

  constructor(log: EventLog, desk: () => Desk) {
    this.#log = log;
    this.#desk = desk;
  }

  /** Error `log.damaged`. */
  of(ref: CallRef): Promise<CallCostNow> {
    const key = `${ref.tenant}/${ref.call}`;
    const known = this.#followed.get(key);
    this.#followed.delete(key);
    const one = known ?? this.#begin(ref);
    this.#followed.set(key, one);
    for (const oldest of this.#followed.keys())
      if (this.#followed.size > LIMITS.liveCostsMax) this.#followed.delete(oldest);
    const read = (): Promise<CallCostNow> => this.#readOn(ref, one);
    return (one.reading = one.reading.then(read, read));
  }

  #begin(ref: CallRef): Followed {
    const cost = new CallCost(ref, this.#desk());
    return { cost, next: 1, reading: Promise.resolve(cost.now()) };
  }

  async #readOn(ref: CallRef, one: Followed): Promise<CallCostNow> {
    for await (const record of this.#log.read(ref, one.next)) {
      one.cost.apply(record);
      one.next = record.seq + 1;
    }
    return one.cost.now();
  }
}
