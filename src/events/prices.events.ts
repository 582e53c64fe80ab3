import { z } from "zod";
import { AppError } from "../base/errors.ts";
import { Meter, Service } from "./effect.events.ts";
import { Token } from "./record.ts";

/** A day in UTC, as `2026-09-22`; a price holds from its first moment on. */
const Day = z.iso.date("give a day as 2026-11-21");
const PICO = 'give whole pico-USD (10^-12 USD) as digits, as "4200000000"';
/** As far as the source says: `2026`, `2026-08` or `2026-08-13`. */
const Checked = z.string().regex(/^\d{4}(-\d{2}(-\d{2})?)?$/, "give a day as 2026-11-21");

const Fraction = z.tuple([z.int().positive(), z.int().positive()]);

/**
 * What one model's meters cost in one time: an entry of `data/prices.json`. It is never edited once
 * it was used: what turns out wrong is revoked, and another entry says it right.
 */
const PriceFields = z.strictObject({
  /** Stands in what is rated with it, followed by the meter. */
  priceId: z.string().regex(/^[\w./-]+$/),
  provider: z.string().min(1),
  model: z.string().min(1),
  /** What the model is asked for at this price. */
  services: z.array(Service).min(1),
  /** Pico-USD (1e-12 USD) for `perUnits` of the meter, as digits. */
  pricePico: z.partialRecord(Meter, z.string({ error: PICO }).regex(/^(0|[1-9]\d*)$/, PICO)),
  perUnits: z.int().positive(),
  /** When usage has this price: from the first day on, and before the second; null is open. */
  effectiveFrom: Day.nullable(),
  effectiveTo: Day.nullable(),
  /** When this book knew of it, and since when it does not count. */
  knownFrom: Day,
  revokedAt: Day.optional(),
  /** Of which service tier; without one the vendor's usual. */
  tier: z.string().min(1).optional(),
  /** What it is for alone; such a price goes before a general one, a tenant's before a plan's. */
  region: z.string().min(1).optional(),
  plan: z.string().min(1).optional(),
  tenant: Token.optional(),
  /**
   * It is for requests above this: of input tokens, cached ones among them, or of the meter itself.
   * `whole` = for all of such a request, `marginal` = for the part above.
   */
  threshold: z
    .strictObject({
      above: z.int().positive(),
      on: z.enum(["promptTokens", "meter"]).default("promptTokens"),
      mode: z.enum(["whole", "marginal"]).default("whole"),
    })
    .refine(({ on, mode }) => on === "meter" || mode === "whole", {
      message: "only a part of the meter itself can be above a marginal threshold",
    })
    .optional(),
  /** Quantities are billed in whole multiples of the quantum, and not below the minimum. */
  rounding: z
    .strictObject({
      quantum: z.int().positive(),
      minimum: z.int().positive().optional(),
      /** What is rounded as one. */
      scope: z.enum(["request", "resource", "period"]).default("request"),
    })
    .optional(),
  /** Factors as fractions: `[[11, 10]]` is a tenth more. */
  multipliers: z.array(Fraction).optional(),
  /** So many units a month cost nothing; they are given back when the month is closed. */
  allowance: z.strictObject({ units: z.int().positive(), period: z.literal("month") }).optional(),
  /** The vendor does not serve the model from here on: the price is history. */
  retiredAt: Day.optional(),
  source: z.string().min(1),
  checkedOn: Checked,
  /** P: the vendor's own page. S: somebody who quotes it. */
  confidence: z.enum(["P", "S"]),
  note: z.string().optional(),
});
export type PriceCard = z.infer<typeof PriceFields>;

const PriceCard = PriceFields.refine(
  ({ allowance, pricePico }) => !allowance || Object.keys(pricePico).length === 1,
  { message: "units of what? a card with an allowance has one meter", path: ["allowance"] },
);

/** Meters that cost nothing of a model that is billed by one of the others. */
const FreeMeters = z.strictObject({
  services: z.array(Service).min(1),
  meters: z.array(Meter).min(1),
  besides: z.array(Meter).min(1),
});
export type FreeMeters = z.infer<typeof FreeMeters>;

/**
 * A tenant's factor on what stands in the list, as its own prices do not have it. It holds from its
 * day on, until a later one of the same kind; for one service it goes before that for all.
 */
const Markup = z.strictObject({
  tenant: Token,
  services: z.array(Service).min(1).optional(),
  /** `[12, 10]` is a fifth more than the list. */
  times: Fraction,
  effectiveFrom: Day,
});
export type Markup = z.infer<typeof Markup>;

const PriceFile = z.strictObject({
  prices: z.array(PriceCard).min(1),
  free: z.array(FreeMeters).default([]),
});

/** What goes beside a book: prices that it has not, or that go before its own. */
const OwnPriceFile = PriceFile.extend({
  prices: z.array(PriceCard).default([]),
  markups: z.array(Markup).default([]),
});
export type OwnPriceFile = z.infer<typeof OwnPriceFile>;

/** Error `config.invalid`, naming the field, and the file as `known`. */
export function parsePriceFile(content: unknown, known: string): z.infer<typeof PriceFile> {
  return parsed(PriceFile, content, known);
}

/** Error `config.invalid`, naming the field, and the file as `known`. */
export function parseOwnPriceFile(content: unknown, known: string): OwnPriceFile {
  return parsed(OwnPriceFile, content, known);
}

function parsed<T extends z.ZodType>(schema: T, content: unknown, known: string): z.infer<T> {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  throw new AppError("config.invalid", `${known}: ${z.prettifyError(result.error)}`);
}
