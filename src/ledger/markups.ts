import type { Service } from "../events/effect.events.ts";
import type { Markup } from "../events/prices.events.ts";
import { firstMoment, type PriceRow } from "./price-rows.ts";

/**
 * Tenants' factors on the list. M1: a row with a factor has both in its id, so that what was rated
 * with it is explained and rated again whatever factor holds today. M2: a price of the tenant's own
 * is no list price and has no factor.
 */
type Fraction = Markup["times"];

interface Asked {
  readonly tenant?: string | undefined;
  readonly service?: Service | undefined;
  readonly at: number;
}

const MARK = "*";
const MARKED = /^(?<listed>[^*]+)\*(?<times>[1-9]\d*)\/(?<over>[1-9]\d*)$/;

/** The factor for a tenant's service at a moment: the latest that is for it, else the latest. */
export function markupFor(
  markups: readonly Markup[],
  { tenant, service, at }: Asked,
): Fraction | undefined {
  const own = markups.filter(
    (one) =>
      one.tenant === tenant &&
      firstMoment(one.effectiveFrom, -Infinity) <= at &&
      (!one.services || (service !== undefined && one.services.includes(service))),
  );
  const special = own.filter(({ services }) => services !== undefined);
  return (special.length > 0 ? special : own)
    .toSorted((a, b) => (a.effectiveFrom < b.effectiveFrom ? -1 : 1))
    .at(-1)?.times;
}

export function marked(row: PriceRow, times: Fraction | undefined): PriceRow {
  if (!times || row.tenant !== undefined) return row;
  return {
    ...row,
    priceId: `${row.priceId}${MARK}${times.join("/")}`,
    multipliers: [...(row.multipliers ?? []), times],
  };
}

/** The id of a row, and the factor that it was taken with. */
export function unmarked(priceId: string): { readonly listed: string; readonly times?: Fraction } {
  const { listed, times, over } = MARKED.exec(priceId)?.groups ?? {};
  return listed ? { listed, times: [Number(times), Number(over)] } : { listed: priceId };
}

/** Two for one service that begin on one day: nobody could say which of them holds. */
export function markupProblem(markups: readonly Markup[]): string | undefined {
  for (const [i, a] of markups.entries())
    for (const [j, b] of markups.entries()) {
      if (j <= i || a.tenant !== b.tenant || a.effectiveFrom !== b.effectiveFrom) continue;
      const both = a.services?.filter((service) => b.services?.includes(service)) ?? [];
      if (both.length === 0 && (a.services ?? b.services)) continue;
      const what = both.length > 0 ? both.join(", ") : "all services";
      return `markups[${i}] and markups[${j}]: ${a.tenant} has two for ${what} from one day on`;
    }
  return undefined;
}
