import type { Meter } from "../events/effect.events.ts";
import type { PriceCard } from "../events/prices.events.ts";

/** What one meter costs in one time: a price card has one row for each of its meters. */
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
  /** Whether it came with the program or is of a file of one's own. */
  readonly origin: Origin;
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
  /** Units of a month that cost nothing, whatever factors the row is taken with. */
  readonly allowance?: { readonly pool: string; readonly units: bigint };
  /** The vendor does not serve the model from here on. */
  readonly retiredAt: number;
}

export type Origin = "shipped" | "own";

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

/** A price for one of these goes before a price for any; the later, the more it counts. */
export const SPECIAL = ["region", "plan", "tenant"] as const;

export function rowsOf({ pricePico, ...card }: PriceCard, origin: Origin): readonly PriceRow[] {
  const { priceId, provider, model, services, source, checkedOn, confidence } = card;
  const { threshold, rounding, allowance } = card;
  return Object.entries(pricePico).map(([meter, price]) => ({
    priceId: `${priceId}#${meter}`,
    origin,
    provider,
    model,
    services,
    meter: meter as Meter,
    pricePico: BigInt(price),
    perUnits: BigInt(card.perUnits),
    effectiveFrom: firstMoment(card.effectiveFrom, -Infinity),
    effectiveTo: firstMoment(card.effectiveTo, Infinity),
    knownFrom: firstMoment(card.knownFrom, -Infinity),
    revokedAt: firstMoment(card.revokedAt, Infinity),
    ...optional(card),
    ...(threshold && { threshold: { ...threshold, above: BigInt(threshold.above) } }),
    ...(rounding && {
      rounding: {
        quantum: BigInt(rounding.quantum),
        minimum: BigInt(rounding.minimum ?? 0),
        scope: rounding.scope,
      },
    }),
    ...(allowance && {
      allowance: { pool: `${priceId}#${meter}`, units: BigInt(allowance.units) },
    }),
    retiredAt: firstMoment(card.retiredAt, Infinity),
    source,
    checkedOn,
    confidence,
  }));
}

/** Of a day in UTC, in ms; of none it is `open`. */
export function firstMoment(day: string | null | undefined, open: number): number {
  return day ? Date.parse(`${day}T00:00:00Z`) : open;
}

/** A row for any request stands below those with a threshold. */
export function aboveOf({ threshold }: Pick<PriceRow, "threshold">): bigint {
  return threshold?.above ?? -1n;
}

/** A tier is never priced as another one. */
export function keyOf({ provider, model, meter, tier }: PriceSelector): string {
  return JSON.stringify([provider, model, meter, tier ?? null]);
}

/** The first problem that is found in any of them. */
export function firstOf<T>(all: readonly T[], problem: (one: T) => string | undefined) {
  for (const one of all) {
    const found = problem(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function datesProblem(row: PriceRow): string | undefined {
  const { priceId, effectiveFrom, effectiveTo, knownFrom, revokedAt, retiredAt } = row;
  if (effectiveFrom >= effectiveTo) return `${priceId}: effectiveTo is not after its begin`;
  if (knownFrom >= revokedAt) return `${priceId}: revokedAt is not after knownFrom`;
  if (retiredAt <= effectiveFrom) return `${priceId}: it was retired before it had this price`;
  return undefined;
}

/** Of rows of one file and one key: two that hold at once, or a time between two without one. */
export function timesProblem(rows: readonly PriceRow[]): string | undefined {
  const same = Map.groupBy(rows, (row) =>
    JSON.stringify([
      ...SPECIAL.map((key) => row[key] ?? null),
      row.threshold?.mode ?? null,
      String(aboveOf(row)),
    ]),
  );
  return firstOf([...same.values()], (those) => overlap(those) ?? gap(those));
}

function overlap(rows: readonly PriceRow[]): string | undefined {
  for (const [i, a] of rows.entries())
    for (const b of rows.slice(i + 1)) {
      const atOnce = a.effectiveFrom < b.effectiveTo && b.effectiveFrom < a.effectiveTo;
      const knownAtOnce = a.knownFrom < b.revokedAt && b.knownFrom < a.revokedAt;
      if (atOnce && knownAtOnce) return `${a.priceId} and ${b.priceId} hold at once`;
    }
  return undefined;
}

/** A model that nobody serves has no price, and that is no gap. */
function gap(rows: readonly PriceRow[]): string | undefined {
  const holding = rows
    .filter(({ revokedAt }) => revokedAt === Infinity)
    .toSorted((a, b) => a.effectiveFrom - b.effectiveFrom);
  for (const [i, b] of holding.slice(1).entries()) {
    const a = holding[i]!;
    if (a.effectiveTo < b.effectiveFrom && a.retiredAt > a.effectiveTo)
      return `nothing holds from effectiveTo of ${a.priceId} to effectiveFrom of ${b.priceId}`;
  }
  return undefined;
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
