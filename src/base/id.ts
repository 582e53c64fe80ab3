import { randomBytes } from "node:crypto";

/** Where ids and salts come from; tests give a seeded form. */
export interface Ids {
  /** A sortable-enough unique token of [a-z0-9], safe in subjects and file names. */
  call(): string;
  /** 16 random bytes in base64url, the salt of a text part. */
  salt(): string;
  /** A number in [0, 1), so that those who failed together do not come back together. */
  random(): number;
}

export const systemIds: Ids = {
  call: () =>
    `c${BigInt(`0x${randomBytes(10).toString("hex")}`)
      .toString(36)
      .padStart(16, "0")}`,
  salt: () => randomBytes(16).toString("base64url"),
  random: () => Math.random(),
};

/** Deterministic ids for simulations: the same seed gives the same log. */
export function seededIds(seed: number): Ids {
  const next = seededRandom(seed);
  // Of its own: who waits longer gets no other ids.
  const random = seededRandom(~seed);
  const token = (length: number): string => {
    let out = "";
    while (out.length < length) out += Math.floor(next() * 36).toString(36);
    return out;
  };
  return { call: () => `c${token(15)}`, salt: () => token(22), random };
}

/** A small seeded generator (mulberry32, Tommy Ettinger, public domain): numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
