import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { setPriority } from "node:os";
import { test } from "node:test";
import { Coverage } from "./support/coverage.ts";
import { runOptions } from "./support/options.ts";
import { cellReport, countReport, REQUIRED } from "./support/report.ts";
import type { ShardOrder, ShardReport } from "./support/shard.ts";

/**
 * Random interleavings of everything that may happen to a call, against the real supervisor, host
 * and charts; each is replayed from its log. What is checked stands in support/checks.ts and
 * support/world.ts. `SEED` of a fault with `RUNS=1` gives that very run again.
 */
const { runs, seed, threads } = runOptions(10_000);

// Minutes of pure work beside tests that speak in real time: those go first.
setPriority(10);

/** Fewer runs need not meet everything. */
const RUNS_FOR_COVERAGE = 2_000;

/** A process of its own, and not watched for coverage: that would halve the number of runs. */
function runShard(order: ShardOrder): Promise<ShardReport> {
  return new Promise((resolve, reject) => {
    const { NODE_V8_COVERAGE: _, ...env } = process.env;
    const shard = new URL("support/shard.ts", import.meta.url);
    const child = fork(shard, [JSON.stringify(order)], { env });
    child.once("message", (report) => resolve(report as ShardReport));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`a shard ended with code ${code}`)));
  });
}

test("random interleavings keep every invariant and replay exactly", async (t) => {
  const share = Math.ceil(runs / threads);
  const orders = Array.from({ length: threads }, (_, i) => ({
    seed: seed + i,
    step: threads,
    runs: share,
  }));
  const reports = await Promise.all(orders.map(runShard));
  const coverage = new Coverage();
  for (const report of reports) coverage.add(report.coverage);
  const sum = (of: "full" | "short" | "inputs" | "records"): number =>
    reports.reduce((total, report) => total + report[of], 0);
  t.diagnostic(
    `${sum("full")} interleavings of 100 inputs and more, ${sum("short")} that ended before; ` +
      `${sum("inputs")} inputs, ${sum("records")} records, seeds from ${seed}`,
  );
  for (const line of [...cellReport(coverage), ...countReport(coverage)]) t.diagnostic(line);
  const faults = reports.flatMap((report) => report.faults);
  const told = faults.map(({ seed: at, fault }) => `SEED=${at} RUNS=1 gives: ${fault}`);
  assert.equal(faults.length, 0, `\n${told.join("\n")}`);
  if (runs < RUNS_FOR_COVERAGE) return;
  const missed = REQUIRED.filter((name) => !coverage.counts[name]);
  assert.deepEqual(missed, [], "the runs never met these");
});
