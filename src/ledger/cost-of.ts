import type { Usage } from "../events/effect.events.ts";
import type { PriceBook, PriceRow } from "./price-book.ts";
import { amountOf, PROMPT } from "./rating.ts";

/** What one request costs at list prices, whatever was spent before. */
export interface Cost {
  readonly pico: bigint;
  /** What no price was found for: it costs something all the same. */
  readonly unpriced: readonly Usage[];
}

/** `usage` is one request's, at `at` in ms. */
export function costOf(book: PriceBook, usage: readonly Usage[], at: number): Cost {
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
