import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "../support/run-cli.ts";

const NATS_URL = "nats://127.0.0.1:1";

test("worker and dispatch name the variable that is missing", async () => {
  for (const [line, env, name] of [
    [["worker"], {}, "NATS_URL"],
    [["worker", "--data", "here"], { NATS_URL }, "NATS_URL"],
    [["worker"], { NATS_URL }, "LIVEKIT_URL"],
    [["dispatch", "desk"], {}, "NATS_URL"],
  ] as const) {
    const { code, stderr } = await run(line, { env });
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`^config.invalid: ${name} is not set`));
  }
});

test("times are given with their unit", async () => {
  for (const line of [
    ["worker", "--drain", "60"],
    ["dispatch", "desk", "--wait", "soon"],
  ]) {
    const { code, stderr } = await run(line, { env: { NATS_URL } });
    assert.equal(code, 2);
    assert.match(stderr, /Give a time with its unit: 500ms, 2s or 1m/);
  }
});
