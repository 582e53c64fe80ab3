import type { Command } from "commander";
import { z } from "zod";
import { Check, checkAll } from "./doctor-checks.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT, type Output, type Style } from "./output.ts";

/** Shows what `doctor-checks.ts` finds; what it means for `npm start` is the exit code. */

/** `turnfold doctor --json`. */
export const DoctorReport = z.strictObject({ ok: z.boolean(), checks: z.array(Check) });

export function register(program: Command, cli: Cli): void {
  defineCommand(program, cli, {
    usage: "doctor",
    summary: "check what a call needs on this machine",
    details: "Exit code 1 when something is wrong that stops `npm start`; a warning does not.",
    examples: ["doctor", "doctor --data /var/lib/turnfold", "doctor --json"],
    run: runDoctor,
  });
}

async function runDoctor({ config, out }: Invocation<object>): Promise<number> {
  const checks = await checkAll(config);
  const ok = checks.every(({ status }) => status !== "fail");
  out.json(DoctorReport, { ok, checks });
  print(checks, out);
  return ok ? EXIT.ok : EXIT.failed;
}

const COLORS = { ok: "green", warn: "yellow", fail: "red" } as const satisfies Record<
  Check["status"],
  Style
>;

function print(checks: readonly Check[], out: Output): void {
  const width = Math.max(...checks.map(({ name }) => name.length));
  for (const { name, status, detail, fix } of checks) {
    const mark = out.style(status.padEnd(4), "bold", COLORS[status]);
    out.line(`${mark}  ${name.padEnd(width)}  ${detail}`);
    if (fix !== undefined) out.line(`      ${" ".repeat(width)}  fix: ${fix}`);
  }
}
