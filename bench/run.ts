import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { z } from "zod";
import { BENCHES } from "./benches.ts";
import { BenchReport, Row, tableOf } from "./report.ts";

/**
 * `node bench/run.ts [names...] [--json] [--out FILE]`: runs the named benches, or all of them,
 * each in a process of its own. A table for people, or the report as JSON; `--out` writes the JSON
 * too. A missed target is said in the table and is no failure: machines differ.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, out: { type: "string" } },
});
process.exitCode = await main(positionals, values);

async function main(
  names: readonly string[],
  { json, out }: { readonly json: boolean; readonly out?: string },
): Promise<number> {
  const known = BENCHES.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`no bench ${unknown.join(", ")}: choose from ${known.join(", ")}\n`);
    return 2;
  }
  const rows: Row[] = [];
  for (const name of names.length > 0 ? names : known) {
    process.stderr.write(`${name} ...\n`);
    rows.push(...(await runOne(name)));
  }
  const report = `${JSON.stringify(BenchReport.parse({ rows }), undefined, 2)}\n`;
  if (out !== undefined) await writeFile(out, report);
  process.stdout.write(json ? report : tableOf(rows));
  return 0;
}

async function runOne(name: string): Promise<readonly Row[]> {
  const worker = join(import.meta.dirname, "bench.worker.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [worker, name]);
  return z.array(Row).parse(JSON.parse(stdout));
}
