/** Repeats and sums up: on a machine that others use too, one run says little. */
export interface Spread {
  /** The median. */
  readonly ours: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    ours: percentile(sorted, 0.5),
    min: sorted[0]!,
    max: sorted.at(-1)!,
    count: sorted.length,
  };
}

/** The spread of single samples, with their tail. */
export function samplesOf(values: readonly number[]): Spread & { p95: number; p99: number } {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    ...spreadOf(sorted),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
  };
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

export interface Difference {
  readonly mean: number;
  /** Ends of the interval that holds the true mean in 95 of 100 cases. */
  readonly low: number;
  readonly high: number;
}

/** Of so many at either end nothing is taken: another process had the core. */
const TRIMMED = 0.01;

/** Of paired samples, one less the other: the trimmed mean, with Yuen's interval. */
export function differenceOf(differences: readonly number[]): Difference {
  const { length } = differences;
  const cut = Math.floor(length * TRIMMED);
  const sorted = differences.toSorted((a, b) => a - b);
  const kept = sorted.slice(cut, length - cut);
  const mean = sumOf(kept) / kept.length;
  // Those that were cut count as the nearest that were not.
  const whole = [
    ...kept,
    ...Array.from({ length: cut }, () => kept[0]!),
    ...Array.from({ length: cut }, () => kept.at(-1)!),
  ];
  const middle = sumOf(whole) / length;
  const squares = sumOf(whole.map((one) => (one - middle) ** 2));
  const half = 1.96 * (Math.sqrt(squares / (length - 1) / length) * (length / kept.length));
  return { mean, low: mean - half, high: mean + half };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0);
}

export function timeMs(run: () => void): number {
  const startedAt = performance.now();
  run();
  return performance.now() - startedAt;
}

export async function timeAsyncMs(run: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

export interface Rounds {
  readonly warmups: number;
  readonly rounds: number;
}

/**
 * The figures of several contenders, a round of each in turn, so that a noisy moment meets all of
 * them. What the warm-up gives is thrown away.
 */
export async function takeTurns(
  { warmups, rounds }: Rounds,
  contenders: readonly (() => number | Promise<number>)[],
): Promise<readonly Spread[]> {
  const values: number[][] = contenders.map(() => []);
  for (let round = -warmups; round < rounds; round++)
    for (const [index, contender] of contenders.entries()) {
      const value = await contender();
      if (round >= 0) values[index]!.push(value);
    }
  return values.map(spreadOf);
}

/** Somewhere around `meanMs`, so that inputs meet every phase of the loop and of other timers. */
export function pause(meanMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, meanMs * (0.5 + Math.random())));
}
