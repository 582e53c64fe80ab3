import { availableParallelism } from "node:os";

/** How many runs, from which seed: `RUNS=100000 SEED=7 node --test test/property/...`. */
export interface RunOptions {
  readonly runs: number;
  readonly seed: number;
  readonly threads: number;
}

export function runOptions(runsByDefault: number): RunOptions {
  const runs = Number(process.env["RUNS"] ?? runsByDefault);
  const seed = Number(process.env["SEED"] ?? 1);
  return { runs, seed, threads: runs === 1 ? 1 : Math.min(4, availableParallelism()) };
}
