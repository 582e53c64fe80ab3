import { Coverage, type CoverageJson } from "./coverage.ts";
import { INPUTS_MIN, runOnce } from "./run.ts";

/** One process's share of the runs: every `step`th seed, until enough runs had all their inputs. */
export interface ShardOrder {
  readonly seed: number;
  readonly step: number;
  readonly runs: number;
}

export interface ShardReport {
  /** Runs of full length, and those that ended before by themselves. */
  readonly full: number;
  readonly short: number;
  readonly inputs: number;
  readonly records: number;
  readonly faults: readonly { readonly seed: number; readonly fault: string }[];
  readonly coverage: CoverageJson;
}

/** Faults after which a shard gives up: more tell nothing new. */
const FAULTS_MAX = 5;

async function runShard({ seed: first, step, runs }: ShardOrder): Promise<ShardReport> {
  const coverage = new Coverage();
  const faults: { seed: number; fault: string }[] = [];
  const sum = { full: 0, short: 0, inputs: 0, records: 0 };
  for (let seed = first; sum.full < runs && faults.length < FAULTS_MAX; seed += step) {
    const run = await runOnce(seed, coverage);
    if (run.inputs >= INPUTS_MIN) sum.full++;
    else sum.short++;
    sum.inputs += run.inputs;
    sum.records += run.records.length;
    for (const fault of run.faults.slice(0, 1)) faults.push({ seed, fault });
    if (runs === 1) break;
  }
  const { counts, cells } = coverage;
  return { ...sum, faults, coverage: { counts, cells } };
}

// Refusals are thrown by the ten thousand, and nobody reads where they come from.
Error.stackTraceLimit = 0;
const order = JSON.parse(process.argv[2] ?? "") as ShardOrder;
const report = await runShard(order);
process.send?.(report, () => process.disconnect());
