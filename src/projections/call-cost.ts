import type { CallRef, LogRecord } from "../events/record.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import { Metering } from "../folds/metering.ts";
import { Bill } from "../ledger/bill.ts";
import type { CostLine } from "../ledger/lines.ts";
import type { Desk } from "../ledger/post.ts";

/**
 * What one call has cost so far: its log, metered and rated as the ledger rates it, so that the
 * sum while it runs is the one of the rows that are written of it later (S0-56).
 */
export interface CallCostNow extends CallRef {
  /** Of all that has a price; pico-USD (1e-12 USD) as digits, as every amount here. */
  readonly totalPico: string;
  readonly services: readonly { readonly service: string; readonly amountPico: string }[];
  /** What was used and has no price: it costs something all the same. */
  readonly unpriced: readonly Unpriced[];
  /** The call has not ended. */
  readonly running: boolean;
}

interface Unpriced {
  readonly service: UsageEvent["service"];
  readonly provider: string;
  readonly model: string;
  readonly meter: string;
  readonly quantity: number;
}

export class CallCost {
  readonly #ref: CallRef;
  readonly #metering = new Metering();
  readonly #bill: Bill;
  #running = true;

  constructor(ref: CallRef, desk: Desk) {
    this.#ref = ref;
    this.#bill = new Bill(ref.tenant, desk);
  }

  /** Records in the order of their log, from the first on. */
  apply(record: LogRecord): void {
    for (const event of this.#metering.apply(record)) this.#bill.add(event);
    if (record.input.type === "call.ended") this.#running = false;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  get totalPico(): bigint {
    return this.#bill.totalPico;
  }

  now(): CallCostNow {
    const { lines, totalPico } = this.#bill;
    const priced = lines.filter(({ priceId }) => priceId !== null);
    const services = [...Map.groupBy(priced, ({ service }) => service)].map(([service, all]) => {
      const sum = all.reduce((total, { amountPico }) => total + amountPico, 0n);
      return { service, amountPico: String(sum) };
    });
    const unpriced = unpricedOf(lines);
    const { tenant, call } = this.#ref;
    const running = this.#running;
    return { tenant, call, totalPico: String(totalPico), services, unpriced, running };
  }
}

/** By what was used; what was taken back again is not there. */
function unpricedOf(lines: readonly CostLine[]): readonly Unpriced[] {
  const open = lines.filter(({ priceId }) => priceId === null);
  const key = ({ service, provider, model, meter }: CostLine): string =>
    JSON.stringify([service, provider, model, meter]);
  return [...Map.groupBy(open, key).values()].flatMap((all) => {
    const { service, provider, model, meter } = all[0]!;
    const quantity = Number(all.reduce((sum, line) => sum + line.quantity, 0n));
    return quantity === 0 ? [] : [{ service, provider, model, meter, quantity }];
  });
}
