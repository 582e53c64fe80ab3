import type { Usage } from "../events/effect.events.ts";
import type { PriceBook } from "./price-book.ts";
import type { PriceRow, PriceSelector } from "./price-rows.ts";
import { amountOf, PROMPT } from "./rating.ts";

/** What one request costs by the list, and by a tenant's prices where it names one. */
export interface Cost {
  readonly pico: bigint;
  /** What no price was found for: it costs something all the same. */
  readonly unpriced: readonly Usage[];
}

type PaidBy = Pick<PriceSelector, "tenant">;

/** `usage` is one request's, at `at` in ms. */
export function costOf(book: PriceBook, usage: readonly (Usage & PaidBy)[], at: number): Cost {
  const promptTokens = usage
    .filter(({ meter }) => PROMPT.includes(meter))
    .reduce((sum, { quantity }) => sum + units(quantity), 0n);
  const unpriced: Usage[] = [];
  let pico = 0n;
  for (const one of usage) {
    const price = book.priceOf({ ...one, promptTokens }, at);
    if (price) pico += listPrice(price, one.quantity);
    else if (one.quantity > 0 && !book.isFree({ ...one, at })) unpriced.push(one);
  }
  return { pico, unpriced };
}

/** In pico-USD. */
export function listPrice(row: PriceRow, quantity: number): bigint {
  return amountOf(row, units(quantity)).amountPico;
}

/** A fraction of a unit is billed as a whole one. */
function units(quantity: number): bigint {
  return BigInt(Math.ceil(quantity));
}
