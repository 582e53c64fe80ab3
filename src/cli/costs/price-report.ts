import { z } from "zod";
import type { PriceRow } from "../../ledger/price-book.ts";

/** Pico-USD, as digits: no amount is lost in a number of JSON. */
export const Pico = z.string().regex(/^-?\d+$/);

/** A row of the price book under `--json`. */
export const PriceReport = z.strictObject({
  priceId: z.string(),
  /** For so many units of the meter. */
  pricePico: Pico,
  perUnits: z.number(),
  /** Days in UTC; null = always, and until further notice. */
  effectiveFrom: z.string().nullable(),
  effectiveTo: z.string().nullable(),
  knownFrom: z.string().nullable(),
  source: z.string(),
  checkedOn: z.string(),
  confidence: z.enum(["P", "S"]),
});

export function priceReport(row: PriceRow): z.infer<typeof PriceReport> {
  const { priceId, source, checkedOn, confidence } = row;
  return {
    priceId,
    pricePico: String(row.pricePico),
    perUnits: Number(row.perUnits),
    effectiveFrom: dayOf(row.effectiveFrom),
    effectiveTo: dayOf(row.effectiveTo),
    knownFrom: dayOf(row.knownFrom),
    source,
    checkedOn,
    confidence,
  };
}

/** When usage has this price: `always`, `from 2026-10-01`, `from 2026-10-01 until 2026-12-01`. */
export function validity({ effectiveFrom, effectiveTo }: PriceRow): string {
  const [from, to] = [dayOf(effectiveFrom), dayOf(effectiveTo)];
  const bounds = [...(from ? [`from ${from}`] : []), ...(to ? [`until ${to}`] : [])];
  return bounds.join(" ") || "always";
}

/** The day of a moment in UTC, or null where there is no bound. */
export function dayOf(atMs: number): string | null {
  return Number.isFinite(atMs) ? new Date(atMs).toISOString().slice(0, 10) : null;
}
