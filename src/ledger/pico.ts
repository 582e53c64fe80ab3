/** Money in pico-USD (1e-12 USD), in whole numbers: nothing of it is ever a float. */
export type Pico = bigint;

const PICO_PER_USD = 1_000_000_000_000n;
const DIGITS = 12;

/** Nearest whole number; what lies in the middle goes to the even one. `by` is positive. */
export function divideHalfEven(value: bigint, by: bigint): bigint {
  // BigInt division rounds towards zero, so the sign is put aside.
  const sign = value < 0n ? -1n : 1n;
  const size = value * sign;
  const [whole, rest] = [size / by, size % by];
  const twice = 2n * rest;
  const up = twice > by || (twice === by && whole % 2n === 1n);
  return sign * (up ? whole + 1n : whole);
}

/** "0.000063" for people and for JSON; exact, with no more digits than it needs. */
export function usdText(pico: Pico): string {
  const size = pico < 0n ? -pico : pico;
  const part = (size % PICO_PER_USD).toString().padStart(DIGITS, "0").replace(/0+$/, "");
  const whole = `${size / PICO_PER_USD}${part ? `.${part}` : ""}`;
  return pico < 0n ? `-${whole}` : whole;
}
