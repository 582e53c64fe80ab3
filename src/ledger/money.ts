/**
 * Money is a whole number of pico-USD (10^-12 USD) in a BigInt. It is divided once, half to even,
 * and what the division leaves over is kept.
 */
const PICO_PER_USD = 1_000_000_000_000n;
const PICO_DIGITS = 12;

export interface Quotient {
  readonly quotient: bigint;
  /** `numerator - quotient * denominator`; at most half the denominator, on either side. */
  readonly remainder: bigint;
}

/** Nearest whole number; a tie goes to the even one. The denominator is positive. */
export function divideHalfEven(numerator: bigint, denominator: bigint): Quotient {
  // BigInt division rounds towards zero, so the sign is put aside.
  const sign = numerator < 0n ? -1n : 1n;
  const size = numerator * sign;
  const whole = size / denominator;
  const twice = 2n * (size % denominator);
  const up = twice > denominator || (twice === denominator && whole % 2n === 1n);
  const quotient = sign * (up ? whole + 1n : whole);
  return { quotient, remainder: numerator - quotient * denominator };
}

/** Exact decimal text in USD, without trailing zeros. */
export function usdText(pico: bigint): string {
  const size = pico < 0n ? -pico : pico;
  const part = (size % PICO_PER_USD).toString().padStart(PICO_DIGITS, "0").replace(/0+$/, "");
  return `${pico < 0n ? "-" : ""}${size / PICO_PER_USD}${part && "."}${part}`;
}
