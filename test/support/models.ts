import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { readConfig } from "../../src/config.ts";
import { findModels } from "../../src/providers/local/models.ts";
import type { MoonshinePaths } from "../../src/providers/local/models.ts";

/**
 * The speech-to-text weights, for tests that need them. Missing weights skip the test with the
 * reason; in CI they fail it, or a green run could mean that nothing was heard at all.
 */
export async function needModels(t: TestContext): Promise<MoonshinePaths | undefined> {
  const found = await findModels(readConfig().modelsDir);
  if (found.ok) return found.paths;
  assert.notEqual(process.env["CI"], "true", `models are missing in CI: ${found.reason}`);
  t.skip(`run "turnfold models pull": ${found.reason}`);
  return undefined;
}
