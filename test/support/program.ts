import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const BIN = join(import.meta.dirname, "../../bin/turnfold.js");

/**
 * A command of turnfold as a process of its own, ended with `opened`; resolves with the line of its
 * output that has `word` in it.
 */
export async function startProgram(
  opened: AsyncDisposableStack,
  env: NodeJS.ProcessEnv,
  { line, word }: { readonly line: readonly string[]; readonly word: string },
): Promise<string> {
  const child = spawn(process.execPath, [BIN, ...line], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  opened.defer(async () => {
    child.kill("SIGKILL");
    await gone;
  });
  let said = "";
  for await (const chunk of child.stdout) {
    said += String(chunk);
    const found = said.split("\n").find((one) => one.includes(word));
    if (found === undefined) continue;
    child.stdout.resume();
    return found;
  }
  assert.fail(`turnfold ${line.join(" ")} ended without "${word}":\n${said}`);
}
