import priceFile from "../../data/prices.json" with { type: "json" };
import { AppError } from "../base/errors.ts";
import type { Meter, Usage } from "../events/effect.events.ts";
import { PriceFile, type PriceCard } from "../events/prices.events.ts";
import { divideHalfEven, type Pico } from "./pico.ts";

/**
 * Prices as data with two times: when usage has a price, and when this book knew of it. P1: at any
 * moment of either there is at most one price for a selector; the book is refused otherwise. P2:
 * what has no price is said, and never costs nothing. P3: money is whole pico-USD.
 */
export interface PriceRow extends Pick<PriceCard, "source" | "checkedOn" | "confidence"> {
  readonly priceId: string;
  readonly provider: string;
  readonly model: string;
  readonly meter: Meter;
  readonly pricePico: Pico;
  readonly perUnits: bigint;
  /** In ms; usage at `effectiveTo` has another price already. */
  readonly effectiveFrom: number;
  readonly effectiveTo: number;
  readonly knownFrom: number;
  readonly revokedAt: number;
  /** For requests of more input tokens than this; 0 for any. */
  readonly above: number;
  readonly quantum: bigint;
  /** The vendor does not serve the model from here on. */
  readonly retiredAt: number;
}

export interface PriceSelector {
  readonly provider: string;
  readonly model: string;
  readonly meter: Meter;
  /** Of the whole request, cached ones among them: long ones may have a price of their own. */
  readonly requestTokens?: number;
}

export class PriceBook {
  readonly rows: readonly PriceRow[];
  readonly #bySelector: ReadonlyMap<string, readonly PriceRow[]>;

  /** Error `config.invalid`, naming the entry. */
  constructor(file: unknown) {
    const parsed = PriceFile.safeParse(file);
    if (!parsed.success) throw invalid(parsed.error.message);
    this.rows = parsed.data.prices.flatMap(rowsOf);
    this.#bySelector = Map.groupBy(this.rows, keyOf);
    const ids = this.rows.map(({ priceId }) => priceId);
    const twice = ids.find((id, at) => ids.indexOf(id) !== at);
    if (twice !== undefined) throw invalid(`${twice} stands twice`);
    for (const row of this.rows) checkDates(row);
    for (const rows of this.#bySelector.values()) checkOverlap(rows);
  }

  /** What holds for usage at `at`, by what the book knew at `knownAt`; both in ms. */
  priceOf(selector: PriceSelector, at: number, knownAt = Infinity): PriceRow | undefined {
    const { requestTokens = 0 } = selector;
    const known = (this.#bySelector.get(keyOf(selector)) ?? []).filter(
      (row) =>
        row.effectiveFrom <= at &&
        at < row.effectiveTo &&
        isKnown(row, knownAt) &&
        (row.above === 0 || requestTokens > row.above),
    );
    return known.toSorted((a, b) => b.above - a.above)[0];
  }

  /** One request's usage; what has no price is given back (P2). */
  costOf(usage: readonly Usage[], at: number, knownAt = Infinity): Cost {
    const requestTokens = usage
      .filter(({ meter }) => INPUT.has(meter))
      .reduce((sum, { quantity }) => sum + quantity, 0);
    const unpriced: Usage[] = [];
    let pico = 0n;
    for (const one of usage) {
      const price = this.priceOf({ ...one, requestTokens }, at, knownAt);
      if (price) pico += amountOf(price, one.quantity);
      else if (one.quantity > 0) unpriced.push(one);
    }
    return { pico, unpriced };
  }
}

export interface Cost {
  readonly pico: Pico;
  /** What no price was found for: it costs something all the same. */
  readonly unpriced: readonly Usage[];
}

/** Tokens that a vendor counts to the length of a request. */
const INPUT: ReadonlySet<Meter> = new Set<Meter>([
  "inputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
]);

/** One multiplication and one division, half to even. Fractions of a unit are billed as a whole. */
export function amountOf({ pricePico, perUnits, quantum }: PriceRow, quantity: number): Pico {
  const units = BigInt(Math.ceil(quantity));
  const billed = ((units + quantum - 1n) / quantum) * quantum;
  return divideHalfEven(billed * pricePico, perUnits);
}

let loaded: PriceBook | undefined;

/** The book of `data/prices.json`, read once. Error `config.invalid`. */
export function priceBook(): PriceBook {
  return (loaded ??= new PriceBook(priceFile));
}

function rowsOf({ pricePico, ...card }: PriceCard): readonly PriceRow[] {
  const { priceId, provider, model, source, checkedOn, confidence } = card;
  const time = (day: string | null | undefined, open: number): number =>
    day ? Date.parse(`${day}T00:00:00Z`) : open;
  return Object.entries(pricePico).map(([meter, price]) => ({
    priceId: `${priceId}#${meter}`,
    provider,
    model,
    meter: meter as Meter,
    pricePico: BigInt(price),
    perUnits: BigInt(card.perUnits),
    effectiveFrom: time(card.effectiveFrom, -Infinity),
    effectiveTo: time(card.effectiveTo, Infinity),
    knownFrom: time(card.knownFrom, -Infinity),
    revokedAt: time(card.revokedAt, Infinity),
    above: card.threshold?.above ?? 0,
    quantum: BigInt(card.rounding?.quantum ?? 1),
    retiredAt: time(card.retiredAt, Infinity),
    source,
    checkedOn,
    confidence,
  }));
}

function checkDates(row: PriceRow): void {
  const { priceId, effectiveFrom, effectiveTo, knownFrom, revokedAt, retiredAt } = row;
  if (effectiveFrom >= effectiveTo) throw invalid(`${priceId}: effectiveTo is not after its begin`);
  if (knownFrom >= revokedAt) throw invalid(`${priceId}: revokedAt is not after knownFrom`);
  if (retiredAt <= effectiveFrom)
    throw invalid(`${priceId}: it was retired before it had this price`);
}

function checkOverlap(rows: readonly PriceRow[]): void {
  for (const [i, a] of rows.entries())
    for (const b of rows.slice(i + 1)) {
      const atOnce = a.effectiveFrom < b.effectiveTo && b.effectiveFrom < a.effectiveTo;
      const knownAtOnce = a.knownFrom < b.revokedAt && b.knownFrom < a.revokedAt;
      if (a.above === b.above && atOnce && knownAtOnce)
        throw invalid(`${a.priceId} and ${b.priceId} hold at once`);
    }
}

function isKnown({ knownFrom, revokedAt }: PriceRow, at: number): boolean {
  // With no moment given it is what is known in the end.
  return at === Infinity ? revokedAt === Infinity : knownFrom <= at && at < revokedAt;
}

function keyOf({ provider, model, meter }: Omit<PriceSelector, "requestTokens">): string {
  return JSON.stringify([provider, model, meter]);
}

function invalid(what: string): AppError {
  return new AppError("config.invalid", `data/prices.json: ${what}`);
}
