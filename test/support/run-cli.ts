import assert from "node:assert/strict";
import type { z } from "zod";
import type { CliIo } from "../../src/cli/output.ts";
import { runCli } from "../../src/cli/program.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, as if its output were no terminal. */
export async function run(line: readonly string[], io: Partial<CliIo> = {}): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  const code = await runCli(line, {
    out: (text) => void (stdout += text),
    err: (text) => void (stderr += text),
    outIsTty: false,
    errIsTty: false,
    env: {},
    ...io,
  });
  return { code, stdout, stderr };
}

/** Runs with `--json`: stdout is one document that the schema accepts, and stderr is empty. */
export async function runJson<T>(
  schema: z.ZodType<T>,
  line: readonly string[],
  io: Partial<CliIo> = {},
) {
  const { code, stdout, stderr } = await run([...line, "--json"], io);
  assert.equal(stderr, "");
  return { code, value: schema.parse(JSON.parse(stdout)) };
}
