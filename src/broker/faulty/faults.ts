import { assert } from "../../base/assert.ts";
import type { Cancel, Clock } from "../../base/clock.ts";

/** What can go wrong; the comment says what the layer above sees. */
export const FAULTS = {
  /** It landed, and `log.unknown` is thrown. */
  ackLost: "append",
  /** It landed, and the promise resolves late. */
  ackLate: "append",
  /** It did not land, and `log.unknown` is thrown. */
  appendLost: "append",
  /** `log.unknown` is thrown now; it lands late, if the tail is still the expected one then. */
  landedLater: "append",
  /** It did not land, and `log.conflict` is thrown. */
  conflict: "append",
  /** `tail()` gives an older tail. */
  staleTail: "tail",
  /** `read()` misses the newest records. */
  staleRead: "read",
  /** `keepAlive()` throws `job.lost`, and the job is open again. */
  claimEarly: "keepAlive",
} as const;

export type Fault = keyof typeof FAULTS;
export type FaultRates = { readonly [fault in Fault]?: number };
export type FaultCounts = { readonly [fault in Fault]: number };

export interface FaultyOptions {
  /** Numbers in [0, 1), seeded by the test. */
  readonly random: () => number;
  readonly clock: Clock;
  /** How often each fault strikes, 0 to 1; those of one append add up to 1 at most. */
  readonly faults: FaultRates;
  /** Bounds of the delay of what comes late. */
  readonly lateMs?: { readonly min: number; readonly max: number };
}

/** Draws the faults, one number per operation whatever the rates, and runs what comes late. */
export class FaultSource {
  readonly counts: { [fault in Fault]: number };
  readonly #options: FaultyOptions;
  readonly #late = new Set<Cancel>();

  constructor(options: FaultyOptions) {
    this.#options = options;
    const names = Object.keys(FAULTS) as Fault[];
    this.counts = Object.fromEntries(names.map((name) => [name, 0])) as typeof this.counts;
    const append = names.filter((name) => FAULTS[name] === "append");
    const sum = append.reduce((total, name) => total + (options.faults[name] ?? 0), 0);
    assert(sum <= 1 + 1e-9, "the faults of an append are more often than always");
  }

  /** The fault that strikes this operation, counted, or undefined. */
  draw(operation: (typeof FAULTS)[Fault]): Fault | undefined {
    let chance = this.#options.random();
    for (const [fault, on] of Object.entries(FAULTS) as [Fault, string][]) {
      if (on !== operation) continue;
      chance -= this.#options.faults[fault] ?? 0;
      if (chance >= 0) continue;
      this.counts[fault]++;
      return fault;
    }
    return undefined;
  }

  /** A whole number from 1 to `max`. */
  pick(max: number): number {
    return 1 + Math.floor(this.#options.random() * max);
  }

  /** Runs `fn` late, by the clock. */
  later(fn: () => void): void {
    const { min, max } = this.#options.lateMs ?? { min: 50, max: 2_000 };
    const cancel = this.#options.clock.after(min + this.#options.random() * (max - min), () => {
      this.#late.delete(cancel);
      fn();
    });
    this.#late.add(cancel);
  }

  close(): void {
    for (const cancel of this.#late) cancel();
    this.#late.clear();
  }
}
