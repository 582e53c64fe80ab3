import { AppError } from "../base/errors.ts";
import type { Meter, Service } from "../events/effect.events.ts";
import { lengthPrefixed } from "../events/usage.events.ts";
import { divideHalfEven } from "./money.ts";
import type { PriceBook } from "./price-book.ts";
import { aboveOf, type PriceRow, type PriceSelector } from "./price-rows.ts";

/**
 * From quantities to money, purely. R1: a scope's whole quantity under one price row is multiplied
 * once and divided once, half to even; what is posted is the difference to what was posted before,
 * so that usage told in pieces costs what it costs told at once. R2: what no row prices is named.
 */
export const RULES_VERSION = 1;

/** Prices to rate by: what the book knows in the end, or what it knew at a moment, Unix ms. */
export interface Prices {
  readonly book: PriceBook;
  readonly knownAt?: number;
}

export type Quantities = Partial<Record<Meter, bigint>>;

/** What is rated as one, and where its price is to be looked up. */
export interface Subject extends Omit<PriceSelector, "meter" | "promptTokens"> {
  readonly request: string;
  readonly call: string;
  readonly service: Service;
  /** Unix ms. */
  readonly at: number;
  readonly resource?: string | undefined;
}

/** The part of a price row's quantity that one request is responsible for. */
export interface Share {
  readonly scope: string;
  readonly meter: Meter;
  readonly priceId: string;
  readonly quantity: bigint;
}

export interface Rating {
  readonly shares: readonly Share[];
  /** Quantities that no row prices. */
  readonly unrated: Quantities;
}

export interface Rated {
  readonly billed: bigint;
  readonly amountPico: bigint;
  /** Of the division, over `perUnits` and the multipliers' denominators. */
  readonly remainder: bigint;
}

/** Tokens that a vendor counts to the length of a request. */
export const PROMPT: readonly Meter[] = ["inputTokens", "cacheReadTokens", "cacheWriteTokens"];

/** The calendar month of a moment in UTC, as `2026-11`. */
export function periodOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 7);
}

/** Unix ms of the last moment of a month. */
export function lastMomentOf(period: string): number {
  const [year, month] = period.split("-").map(Number);
  return Date.UTC(year!, month!) - 1;
}

/** Where a request's quantities go. The order of meters is the order of the shares. */
export function rate(subject: Subject, quantities: Quantities, { book, knownAt }: Prices): Rating {
  const prompt = PROMPT.reduce((sum, meter) => sum + (quantities[meter] ?? 0n), 0n);
  const shares: Share[] = [];
  const unrated: Quantities = {};
  for (const [name, quantity] of Object.entries(quantities)) {
    const meter = name as Meter;
    const query = { ...subject, meter };
    const rows = book.rows(query, knownAt);
    const { parts, rest } = divide(rows, quantity, prompt);
    for (const { row, part } of parts)
      shares.push({ ...scopeOf(row, subject), meter, priceId: row.priceId, quantity: part });
    if (rest > 0n && !book.isFree(query, knownAt)) unrated[meter] = rest;
  }
  return { shares, unrated };
}

interface Parts {
  readonly parts: readonly { readonly row: PriceRow; readonly part: bigint }[];
  readonly rest: bigint;
}

/** A quantity over the rows of its meter: whole thresholds choose a row, marginal ones cut it. */
function divide(rows: readonly PriceRow[], quantity: bigint, prompt: bigint): Parts {
  const size = (row: PriceRow): bigint =>
    row.threshold?.on === "promptTokens" ? prompt : quantity;
  const base = rows
    .filter(({ threshold }) => threshold?.mode !== "marginal")
    .filter((row) => !row.threshold || size(row) > row.threshold.above)
    .toSorted((a, b) => compare(aboveOf(a), aboveOf(b)))
    .at(-1);
  const steps = rows
    .filter(({ threshold }) => threshold?.mode === "marginal")
    .filter((row) => quantity > aboveOf(row))
    .toSorted((a, b) => compare(aboveOf(b), aboveOf(a)));
  const parts: { row: PriceRow; part: bigint }[] = [];
  let left = quantity;
  for (const row of steps) {
    if (left > aboveOf(row)) parts.push({ row, part: left - aboveOf(row) });
    left = left < aboveOf(row) ? left : aboveOf(row);
  }
  if (base && left > 0n) parts.push({ row: base, part: left });
  return { parts, rest: base ? 0n : left };
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function scopeOf({ priceId, rounding }: PriceRow, subject: Subject): { readonly scope: string } {
  const { request, call, resource, at } = subject;
  if (rounding?.scope === "period") return { scope: `period:${periodOf(at)}:${priceId}` };
  if (rounding?.scope === "resource" && resource !== undefined)
    return { scope: `resource:${call}:${resource}` };
  return { scope: `request:${request}` };
}

/** Shares of one scope, meter and row are rated together. */
export function shareKey({ scope, meter, priceId }: Omit<Share, "quantity">): string {
  return lengthPrefixed([scope, meter, priceId]);
}

/** What a scope's whole quantity costs under a row. */
export function amountOf(row: PriceRow, quantity: bigint): Rated {
  const billed = billedOf(row, quantity);
  let numerator = row.pricePico * billed;
  let denominator = row.perUnits;
  for (const [times, over] of row.multipliers ?? []) {
    numerator *= BigInt(times);
    denominator *= BigInt(over);
  }
  const { quotient, remainder } = divideHalfEven(numerator, denominator);
  return { billed, amountPico: quotient, remainder };
}

function billedOf({ rounding }: PriceRow, quantity: bigint): bigint {
  if (!rounding || quantity === 0n) return quantity;
  const { quantum, minimum } = rounding;
  const up = ((quantity + quantum - 1n) / quantum) * quantum;
  return up < minimum ? minimum : up;
}

/** The row of a share that was rated before; a book never loses a row. */
export function knownRow(book: PriceBook, priceId: string): PriceRow {
  const row = book.row(priceId);
  if (row) return row;
  throw new AppError(
    "ledger.price",
    `price ${priceId} was used and is not in book ${book.version}`,
  );
}
