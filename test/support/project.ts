import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);
export const ROOT = join(import.meta.dirname, "../..");

/** Runs a program in a user's project; without the variable that says it is inside a test. */
export async function inProject(
  cwd: string,
  program: string,
  args: readonly string[],
): Promise<string> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const path = `${dirname(process.execPath)}:${env["PATH"]}`;
  try {
    const { stdout } = await execute(program, args, { cwd, env: { ...env, PATH: path } });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    assert.fail(`${program} ${args.join(" ")}\n${stdout}\n${stderr}`);
  }
}

/** What npm would have installed, `turnfold` itself left out. */
export async function linkDependencies(project: string): Promise<void> {
  const modules = join(project, "node_modules");
  await mkdir(modules, { recursive: true });
  const names = await readdir(join(ROOT, "node_modules"));
  for (const name of names.filter((one) => one !== "turnfold"))
    await symlink(join(ROOT, "node_modules", name), join(modules, name));
}

/** The same, with `turnfold` linked to this checkout. */
export async function linkCheckout(project: string): Promise<void> {
  await linkDependencies(project);
  await symlink(ROOT, join(project, "node_modules/turnfold"));
}
