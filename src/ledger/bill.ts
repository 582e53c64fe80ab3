import { assert } from "../base/assert.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import { decide } from "./decide.ts";
import { Ledger } from "./ledger.ts";
import { type CostLine, linesOf } from "./lines.ts";
import { usdText } from "./money.ts";
import type { Desk } from "./post.ts";
import type { PriceBook } from "./price-book.ts";
import type { PriceRow } from "./price-rows.ts";
import { amountOf, knownRow } from "./rating.ts";
import type { RequestState } from "./request.ts";

/** A tenant's usage, rated and posted in memory: the lines that its stream would have. */
export class Bill {
  readonly lines: CostLine[] = [];
  readonly #ledger: Ledger;
  readonly #desk: Desk;

  constructor(tenant: string, desk: Desk) {
    this.#ledger = new Ledger(tenant);
    this.#desk = desk;
  }

  get tenant(): string {
    return this.#ledger.tenant;
  }

  get book(): PriceBook {
    return this.#desk.book;
  }

  /** Of all lines that have a price. */
  get totalPico(): bigint {
    return this.#ledger.cost().amountPico;
  }

  /** The lines that it brings; none where it was added before. */
  add(event: UsageEvent): readonly CostLine[] {
    const decision = decide(this.#ledger, { type: "usage", event }, this.#desk);
    if (decision.kind === "duplicate") return [];
    assert(decision.kind === "post", `usage event ${event.eventId}: ${decision.kind}`);
    const added = decision.transactions.flatMap((transaction) => {
      this.#ledger.apply(transaction);
      return linesOf(transaction);
    });
    this.lines.push(...added);
    return added;
  }

  /** What is known of a line's request. */
  headOf(line: CostLine): RequestState["head"] {
    const request = this.#ledger.request(line.call, line.request);
    assert(request, "a line is of a request");
    return request.head;
  }

  explain(line: CostLine): Explained {
    const row = line.priceId === null ? undefined : knownRow(this.#desk.book, line.priceId);
    return { line, head: this.headOf(line), row, arithmetic: arithmeticOf(line, row) };
  }
}

/** Why a line has its amount. */
export interface Explained {
  readonly line: CostLine;
  /** What is known of the request. */
  readonly head: RequestState["head"];
  /** Undefined where there is no price. */
  readonly row: PriceRow | undefined;
  readonly arithmetic: string;
}

function arithmeticOf({ billed, amountPico, meter }: CostLine, row: PriceRow | undefined): string {
  if (!row) return `${billed === 0n ? "" : `${billed} `}${meter}: no price, no amount`;
  const times = (row.multipliers ?? []).map(([over, under]) => ` x ${over}/${under}`).join("");
  const price = `${usdText(row.pricePico)} USD / ${row.perUnits}`;
  const product = `${billed} ${meter} x ${price}${times}`;
  // What is billed is rounded already. A scope is divided once, over its whole quantity: a line
  // is what it adds to that.
  const { rounding: _, ...plain } = row;
  const exact = amountOf(plain, billed);
  if (exact.amountPico !== amountPico)
    return `${product}, as what it adds to the rest of its scope: ${usdText(amountPico)} USD`;
  const rounded = exact.remainder === 0n ? "=" : "= (half to even, to 10^-12)";
  return `${product} ${rounded} ${usdText(amountPico)} USD`;
}
