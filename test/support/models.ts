import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { readConfig } from "../../src/config.ts";
import { findModels, findSmartTurn } from "../../src/providers/local/models.ts";
import type { Found, MoonshinePaths, SmartTurnPaths } from "../../src/providers/local/models.ts";

/**
 * Weights for tests that need them. Missing weights skip the test with the reason; in CI they fail
 * it, or a green run could mean that nothing was heard at all.
 */
export async function needModels(t: TestContext): Promise<MoonshinePaths | undefined> {
  return need(t, await findModels(readConfig().modelsDir), "turnfold models pull");
}

export async function needSmartTurn(t: TestContext): Promise<SmartTurnPaths | undefined> {
  const found = await findSmartTurn(readConfig().modelsDir);
  return need(t, found, "turnfold models pull smart-turn");
}

function need<Paths>(t: TestContext, found: Found<Paths>, fix: string): Paths | undefined {
  if (found.ok) return found.paths;
  assert.notEqual(process.env["CI"], "true", `models are missing in CI: ${found.reason}`);
  t.skip(`run "${fix}": ${found.reason}`);
  return undefined;
}
