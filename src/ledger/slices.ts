import { type DueMeasure, MEASURES, type Measure } from "../events/budget.events.ts";
import { amountOf, knownRow, type Prices, type Quantities, rate, type Subject } from "./rating.ts";
import { entriesOf } from "./request.ts";

/**
 * What is held before something goes out: the worst that it can cost. It is never held for less; a
 * slice that does not fit is made shorter, down to what is still of use.
 */
export function worstCase(
  subject: Subject,
  quantities: Quantities,
  prices: Prices,
): bigint | undefined {
  const { shares, unrated } = rate(subject, quantities, prices);
  let sum = 0n;
  for (const { priceId, quantity } of shares)
    sum += amountOf(knownRow(prices.book, priceId), quantity).amountPico;
  for (const [meter, quantity] of entriesOf(unrated)) {
    // What has no price is held at the dearest that the book knows, or not let out at all.
    const row = prices.book.ceiling({ ...subject, meter });
    if (!row) return undefined;
    sum += amountOf(row, quantity).amountPico;
  }
  return sum;
}

export interface Size {
  readonly min: bigint;
  readonly max: bigint;
}

/**
 * The largest slice whose worst case fits, or undefined where the smallest useful one does not.
 * `cost` does not fall as the slice grows.
 */
export function largestWithin(
  availablePico: bigint,
  { min, max }: Size,
  cost: (size: bigint) => bigint | undefined,
): bigint | undefined {
  const fits = (size: bigint): boolean => {
    const pico = cost(size);
    return pico !== undefined && pico <= availablePico;
  };
  if (min > max || !fits(min)) return undefined;
  let [low, high] = [min, max];
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (fits(middle)) low = middle;
    else high = middle - 1n;
  }
  return low;
}

/** At which part of the limit a measure begins: thousandths that are left. */
export type Thresholds = Readonly<Record<Measure, number>>;

/** What the whole of a budget is left of, in thousandths, where a measure begins. */
export const THRESHOLDS: Thresholds = {
  warn: 200,
  cheaperModel: 150,
  shorterAnswers: 100,
  noVision: 50,
  farewell: 0,
};

/** All measures that are due; none where there is no limit. */
export function measuresDue(
  availablePico: bigint | undefined,
  limitPico: bigint | undefined,
  thresholds: Thresholds,
): readonly Measure[] {
  if (availablePico === undefined || limitPico === undefined) return [];
  return MEASURES.filter((name) => availablePico * 1000n <= limitPico * BigInt(thresholds[name]));
}

/** The strictest measure that any of the budgets asks for. */
export function strictestDue(
  budgets: readonly { readonly availablePico: bigint; readonly limitPico: bigint }[],
  thresholds: Thresholds,
): DueMeasure {
  const due = budgets.flatMap(({ availablePico, limitPico }) =>
    measuresDue(availablePico, limitPico, thresholds),
  );
  return MEASURES.findLast((measure) => due.includes(measure)) ?? "none";
}
