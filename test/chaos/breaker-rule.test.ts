import assert from "node:assert/strict";
import { test } from "node:test";
import { breakerFaults } from "./breaker-rule.ts";
import type { BreakerStep } from "./chaos-vendors.ts";

/** What the chaos run holds its breakers to finds what breaks the rule. */
const OPEN_MS = 2_000;

function faults(...steps: readonly BreakerStep[]): readonly string[] {
  return breakerFaults(steps, OPEN_MS, { opened: 0, closed: 0 });
}

const passed = (n: number, at = n): BreakerStep => ({ what: "passed", n, at });
const ended = (n: number, how: "ok" | "failed" | "void", at = n): BreakerStep => {
  return { what: "ended", n, how, at };
};
const changed = (to: "open" | "half-open" | "closed", at: number): BreakerStep => {
  return { what: "changed", to, at };
};
const failures = (count: number): readonly BreakerStep[] =>
  Array.from({ length: count }, (_, n) => [passed(n), ended(n, "failed")]).flat();

test("a breaker that keeps the rule has no faults", () => {
  const back = [passed(6, 3_000), ended(6, "ok", 3_100), changed("closed", 3_100)];
  const steps = [...failures(5), changed("open", 5), changed("half-open", 3_000), ...back];
  assert.deepEqual(faults(...steps), []);
});

test("each way to break the rule is found", () => {
  const opened = [...failures(5), changed("open", 5)];
  const half = [...opened, changed("half-open", 3_000), passed(6, 3_000)];
  const cases: readonly [RegExp, readonly BreakerStep[]][] = [
    [/not opened/, [...failures(5), passed(9)]],
    [/opened without cause/, [...failures(4), changed("open", 5)]],
    [/refused/, [{ what: "refused", at: 1 }]],
    [/let in too early/, [...opened, passed(6, 500)]],
    [/a second one was let in/, [...half, passed(7, 3_001)]],
    [/closed by a failure/, [...half, ended(6, "failed", 3_100), changed("closed", 3_100)]],
    [/closed without a probe/, [...opened, changed("closed", 3_000)]],
  ];
  for (const [what, steps] of cases) assert.match(faults(...steps).join("\n"), what);
});
