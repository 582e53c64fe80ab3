import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../../src/base/backoff.ts";

test("the longest wait doubles with each try, up to two seconds; the shortest is none", () => {
  const tries = [1, 2, 3, 4, 5, 6];
  const longest = tries.map((attempt) => backoffMs(attempt, () => 1 - Number.EPSILON));
  assert.deepEqual(longest, [200, 400, 800, 1_600, 2_000, 2_000]);
  assert.deepEqual(new Set(tries.map((attempt) => backoffMs(attempt, () => 0))), new Set([0]));
  assert.equal(
    backoffMs(2, () => 0.5),
    200,
  );
});
