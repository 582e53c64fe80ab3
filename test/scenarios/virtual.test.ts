import assert from "node:assert/strict";
import { test } from "node:test";
import { faultsOf } from "../../scenarios/check.ts";
import { SCENARIOS } from "../../scenarios/data.ts";
import type { Scenario } from "../../scenarios/scenario.ts";
import { runVirtual } from "../../scenarios/virtual.ts";
import { assertWhole } from "../actors/support/stage.ts";

for (const scenario of SCENARIOS)
  test(`scenario ${scenario.id}: ${scenario.title}`, async () => {
    const outcome = await runVirtual(scenario);
    assert.deepEqual(faultsOf(scenario, outcome, "virtual"), []);
    await assertWhole(outcome.records);
  });

test("a scenario that comes out otherwise is found out", async () => {
  const scenario = SCENARIOS.find(({ id }) => id === "02")!;
  const outcome = await runVirtual(scenario);
  const faults = (expect: Partial<Scenario["expect"]>) =>
    faultsOf({ ...scenario, expect: { ...scenario.expect, ...expect } }, outcome, "virtual");
  const { timeline } = scenario.expect;
  assert.match(faults({ timeline: timeline.replace("4300 t3", "4305 t3") })[0]!, /-5 ms/);
  assert.match(faults({ timeline: timeline.replace("heard 6", "heard 7") })[0]!, /heard 6/);
  assert.match(faults({ replies: 1 })[0]!, /replies: 2 instead of 1/);
  assert.match(faults({ lastRequest: ["no such words"] })[0]!, /lacks/);
});
