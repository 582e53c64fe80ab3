import priceFile from "../../data/prices.json" with { type: "json" };
import { canonicalJson, shortHash } from "../base/digest.ts";
import { AppError } from "../base/errors.ts";
import type { Meter, Service } from "../events/effect.events.ts";
import { type FreeMeters, PriceFile, type PriceCard } from "../events/prices.events.ts";

/**
 * Prices as data with two times: when usage has a price, and when this book knew of it. P1: at any
 * moment of either, one selector and threshold have one price at most; the book is refused
 * otherwise. P2: what has no price has none, and not a price of zero. P3: money is pico-USD.
 */
export interface PriceRow extends Pick<
  PriceCard,
  | "provider"
  | "model"
  | "services"
  | "tier"
  | "region"
  | "plan"
  | "tenant"
  | "multipliers"
  | "source"
  | "checkedOn"
  | "confidence"
> {
  readonly priceId: string;
  readonly meter: Meter;
  readonly pricePico: bigint;
  readonly perUnits: bigint;
  /** In ms; usage at `effectiveTo` has another price already. */
  readonly effectiveFrom: number;
  readonly effectiveTo: number;
  readonly knownFrom: number;
  readonly revokedAt: number;
  readonly threshold?: {
    readonly on: "promptTokens" | "meter";
    readonly above: bigint;
    readonly mode: "whole" | "marginal";
  };
  readonly rounding?: {
    readonly quantum: bigint;
    readonly minimum: bigint;
    readonly scope: "request" | "resource" | "period";
  };
  /** The vendor does not serve the model from here on. */
  readonly retiredAt: number;
}

export interface PriceSelector {
  readonly provider: string;
  readonly model: string;
  readonly meter: Meter;
  readonly tier?: string | undefined;
  readonly region?: string | undefined;
  readonly plan?: string | undefined;
  readonly tenant?: string | undefined;
  /** Input of the whole request, cached tokens among it: long ones may have their own price. */
  readonly promptTokens?: bigint;
}

interface Asked {
  readonly service: Service;
  readonly at: number;
}

export class PriceBook {
  /** Of its content: what was rated with this book can be rated so again. */
  readonly version: string;
  readonly all: readonly PriceRow[];
  readonly #free: readonly FreeMeters[];
  readonly #byId: ReadonlyMap<string, PriceRow>;
  readonly #bySelector: ReadonlyMap<string, readonly PriceRow[]>;

  /** Error `config.invalid`, naming the entry and the file, as which the content is `known`. */
  constructor(file: unknown, known = "data/prices.json") {
    const invalid = (what: string): AppError => new AppError("config.invalid", `${known}: ${what}`);
    const parsed = PriceFile.safeParse(file);
    if (!parsed.success) throw invalid(parsed.error.message);
    this.version = shortHash(canonicalJson(parsed.data));
    this.all = parsed.data.prices.flatMap(rowsOf);
    this.#free = parsed.data.free;
    this.#byId = new Map(this.all.map((row) => [row.priceId, row]));
    this.#bySelector = Map.groupBy(this.all, keyOf);
    const ids = this.all.map(({ priceId }) => priceId);
    const twice = ids.find((id, at) => ids.indexOf(id) !== at);
    if (twice !== undefined) throw invalid(`${twice} stands twice`);
    const wrong =
      firstOf(this.all, datesProblem) ?? firstOf([...this.#bySelector.values()], overlap);
    if (wrong !== undefined) throw invalid(wrong);
  }

  /** Also one that is history, or was revoked. */
  row(priceId: string): PriceRow | undefined {
    return this.#byId.get(priceId);
  }

  /**
   * What holds for usage at `at`, in ms, by what the book knew at `knownAt`: one row, and one more
   * for each threshold. The most special ones that fit go before all others.
   */
  rows(query: PriceSelector & { readonly at: number }, knownAt = Infinity): readonly PriceRow[] {
    const { at } = query;
    const fitting = (this.#bySelector.get(keyOf(query)) ?? []).filter(
      (row) =>
        row.effectiveFrom <= at &&
        at < row.effectiveTo &&
        isKnown(row, knownAt) &&
        SPECIAL.every((key) => row[key] === undefined || row[key] === query[key]),
    );
    const special = Math.max(...fitting.map(specialty));
    return fitting.filter((row) => specialty(row) === special);
  }

  /** Whether the vendor bills this model by other meters than this one. */
  isFree(query: PriceSelector & Asked, knownAt = Infinity): boolean {
    return this.#free.some(
      ({ services, meters, besides }) =>
        services.includes(query.service) &&
        meters.includes(query.meter) &&
        besides.some((meter) => this.rows({ ...query, meter }, knownAt).length > 0),
    );
  }

  /** The one of them for a request of this length. */
  priceOf(selector: PriceSelector, at: number, knownAt = Infinity): PriceRow | undefined {
    const { promptTokens = 0n } = selector;
    return this.rows({ ...selector, at }, knownAt)
      .filter((row) => !row.threshold || promptTokens > row.threshold.above)
      .toSorted((a, b) => Number(aboveOf(b) - aboveOf(a)))[0];
  }

  /** The dearest that the meter is known to cost anywhere: for what has no price of its own. */
  ceiling(service: Service, meter: Meter): PriceRow | undefined {
    return this.all
      .filter((row) => row.meter === meter && row.services.includes(service))
      .toSorted((a, b) => Number(b.pricePico * a.perUnits - a.pricePico * b.perUnits))[0];
  }
}

let loaded: PriceBook | undefined;

/** The book of `data/prices.json`, read once. Error `config.invalid`. */
export function priceBook(): PriceBook {
  return (loaded ??= new PriceBook(priceFile));
}

function rowsOf({ pricePico, ...card }: PriceCard): readonly PriceRow[] {
  const { priceId, provider, model, services, source, checkedOn, confidence } = card;
  const { threshold, rounding } = card;
  const time = (day: string | null | undefined, open: number): number =>
    day ? Date.parse(`${day}T00:00:00Z`) : open;
  return Object.entries(pricePico).map(([meter, price]) => ({
    priceId: `${priceId}#${meter}`,
    provider,
    model,
    services,
    meter: meter as Meter,
    pricePico: BigInt(price),
    perUnits: BigInt(card.perUnits),
    effectiveFrom: time(card.effectiveFrom, -Infinity),
    effectiveTo: time(card.effectiveTo, Infinity),
    knownFrom: time(card.knownFrom, -Infinity),
    revokedAt: time(card.revokedAt, Infinity),
    ...optional(card),
    ...(threshold && { threshold: { ...threshold, above: BigInt(threshold.above) } }),
    ...(rounding && {
      rounding: {
        quantum: BigInt(rounding.quantum),
        minimum: BigInt(rounding.minimum ?? 0),
        scope: rounding.scope,
      },
    }),
    retiredAt: time(card.retiredAt, Infinity),
    source,
    checkedOn,
    confidence,
  }));
}

/** The first problem that is found in any of them. */
function firstOf<T>(all: readonly T[], problem: (one: T) => string | undefined) {
  for (const one of all) {
    const found = problem(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

function datesProblem(row: PriceRow): string | undefined {
  const { priceId, effectiveFrom, effectiveTo, knownFrom, revokedAt, retiredAt } = row;
  if (effectiveFrom >= effectiveTo) return `${priceId}: effectiveTo is not after its begin`;
  if (knownFrom >= revokedAt) return `${priceId}: revokedAt is not after knownFrom`;
  if (retiredAt <= effectiveFrom) return `${priceId}: it was retired before it had this price`;
  return undefined;
}

function overlap(rows: readonly PriceRow[]): string | undefined {
  for (const [i, a] of rows.entries())
    for (const b of rows.slice(i + 1)) {
      const atOnce = a.effectiveFrom < b.effectiveTo && b.effectiveFrom < a.effectiveTo;
      const forTheSame =
        SPECIAL.every((key) => a[key] === b[key]) && a.threshold?.mode === b.threshold?.mode;
      const knownAtOnce = a.knownFrom < b.revokedAt && b.knownFrom < a.revokedAt;
      if (forTheSame && aboveOf(a) === aboveOf(b) && atOnce && knownAtOnce)
        return `${a.priceId} and ${b.priceId} hold at once`;
    }
  return undefined;
}

function isKnown({ knownFrom, revokedAt }: PriceRow, at: number): boolean {
  // With no moment given it is what is known in the end.
  return at === Infinity ? revokedAt === Infinity : knownFrom <= at && at < revokedAt;
}

/** A row for any request stands below those with a threshold. */
function aboveOf({ threshold }: PriceRow): bigint {
  return threshold?.above ?? -1n;
}

/** A price for one of these goes before a price for any; the later, the more it counts. */
const SPECIAL = ["region", "plan", "tenant"] as const;

function specialty(row: PriceRow): number {
  return SPECIAL.reduce((sum, key, at) => sum + (row[key] === undefined ? 0 : 2 ** at), 0);
}

function optional({ tier, region, plan, tenant, multipliers }: Omit<PriceCard, "pricePico">) {
  return {
    ...(tier !== undefined && { tier }),
    ...(region !== undefined && { region }),
    ...(plan !== undefined && { plan }),
    ...(tenant !== undefined && { tenant }),
    ...(multipliers && { multipliers }),
  };
}

/** A tier is never priced as another one. */
function keyOf({ provider, model, meter, tier }: PriceSelector): string {
  return JSON.stringify([provider, model, meter, tier ?? null]);
}
