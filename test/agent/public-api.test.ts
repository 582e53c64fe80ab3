import assert from "node:assert/strict";
import { test } from "node:test";
import * as source from "../../src/index.ts";
import * as testing from "../../src/testing/index.ts";

/** The promise of the package: a name is added here on purpose, and taken away with a major. */
const NAMES = [
  "AppError",
  "dispatch",
  "handoff",
  "hangUp",
  "liftLlm",
  "liftStt",
  "liftTts",
  "mcpTools",
  "rules",
  "start",
  "tell",
  "tool",
  "voiceAgent",
  "z",
];
const TEST_NAMES = ["after", "returns", "scripted", "simulate"];

test("the public names of turnfold and turnfold/test", () => {
  assert.deepEqual(Object.keys(source).toSorted(), NAMES);
  assert.deepEqual(Object.keys(testing).toSorted(), TEST_NAMES);
});

test("the package's own name gives the same things", async () => {
  const api = (await import("turnfold")) as unknown as Record<string, unknown>;
  const forTests = (await import("turnfold/test")) as unknown as Record<string, unknown>;
  assert.deepEqual(Object.keys(api).toSorted(), NAMES);
  assert.deepEqual(Object.keys(forTests).toSorted(), TEST_NAMES);
  assert.equal(api["voiceAgent"], source.voiceAgent);
  assert.equal(forTests["simulate"], testing.simulate);
});
