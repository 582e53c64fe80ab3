import { assert } from "../base/assert.ts";
import { AppError } from "../base/errors.ts";

/**
 * Money is a whole number of pico-USD (10^-12 USD) in a BigInt, and its decimal digits in JSON.
 * It is divided once, half to even, and what the division leaves over is kept.
 */
export const PICO_PER_USD = 1_000_000_000_000n;
const PICO_PER_CENT = PICO_PER_USD / 100n;
const PICO_DIGITS = 12;

export interface Quotient {
  readonly quotient: bigint;
  /** `numerator - quotient * denominator`; at most half the denominator, on either side. */
  readonly remainder: bigint;
}

/** Nearest whole number; a tie goes to the even one. The denominator is positive. */
export function divideHalfEven(numerator: bigint, denominator: bigint): Quotient {
  assert(denominator > 0n, "a denominator is positive");
  let quotient = numerator / denominator;
  let remainder = numerator % denominator;
  if (remainder < 0n) {
    quotient -= 1n;
    remainder += denominator;
  }
  const twice = remainder * 2n;
  if (twice > denominator || (twice === denominator && quotient % 2n !== 0n)) {
    quotient += 1n;
    remainder -= denominator;
  }
  return { quotient, remainder };
}

const WHOLE = /^(0|-?[1-9][0-9]*)$/;

/** Throws `input.invalid` for all but the one spelling of a whole number. */
export function parsePico(text: string): bigint {
  if (WHOLE.test(text)) return BigInt(text);
  throw new AppError("input.invalid", `${JSON.stringify(text)} is no whole number of pico-USD`);
}

const USD = /^(-?)([0-9]+)(?:\.([0-9]{1,12}))?$/;

/** Pico-USD of a decimal text in USD; throws `input.invalid`. */
export function parseUsd(text: string): bigint {
  const [, sign, whole, part = ""] = USD.exec(text) ?? [];
  if (whole === undefined)
    throw new AppError("input.invalid", `${JSON.stringify(text)} is no amount of USD`);
  const pico = BigInt(whole) * PICO_PER_USD + BigInt(part.padEnd(PICO_DIGITS, "0"));
  return sign ? -pico : pico;
}

/** Exact decimal text in USD, without trailing zeros. */
export function usdText(pico: bigint): string {
  const digits = (pico < 0n ? -pico : pico).toString().padStart(PICO_DIGITS + 1, "0");
  const part = digits.slice(-PICO_DIGITS).replace(/0+$/, "");
  return `${pico < 0n ? "-" : ""}${digits.slice(0, -PICO_DIGITS)}${part && "."}${part}`;
}

/**
 * A whole amount over weights that are not negative, by largest remainder: the parts sum to it
 * exactly, and each is less than one off. Where all weights are zero it is over them equally.
 */
export function allocate(amount: bigint, weights: readonly bigint[]): readonly bigint[] {
  const sum = weights.reduce((all, weight) => all + weight, 0n);
  if (sum === 0n && weights.length > 0)
    return allocate(
      amount,
      weights.map(() => 1n),
    );
  const size = amount < 0n ? -amount : amount;
  const parts = weights.map((weight, at) => ({
    at,
    whole: (size * weight) / sum,
    rest: (size * weight) % sum,
  }));
  let left = parts.reduce((all, { whole }) => all - whole, size);
  for (const part of parts.toSorted((a, b) => Number(b.rest - a.rest) || a.at - b.at)) {
    if (left === 0n) break;
    part.whole += 1n;
    left -= 1n;
  }
  return parts.map(({ whole }) => (amount < 0n ? -whole : whole));
}

/** What an invoice in whole cents differs by from the exact amount. */
export function centRounding(pico: bigint): bigint {
  return divideHalfEven(pico, PICO_PER_CENT).quotient * PICO_PER_CENT - pico;
}
