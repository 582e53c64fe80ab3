import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../src/config.ts";

test("NATS_URL chooses the server, and a folder named on the command line wins", () => {
  const env = { NATS_URL: "nats://host", NATS_REPLICAS: "3", NATS_SHARDS: "8" };
  assert.deepEqual(readConfig({}, env).nats, {
    url: "nats://host",
    prefix: "turnfold",
    replicas: 3,
    shards: 8,
  });
  assert.equal(readConfig({ data: "calls" }, env).nats, undefined);
  assert.equal(readConfig({}, {}).nats, undefined);
  for (const bad of [{ NATS_REPLICAS: "0" }, { NATS_SHARDS: "many" }, { NATS_MONITOR_URL: "x" }])
    assert.throws(() => readConfig({}, { ...env, ...bad }), { code: "config.invalid" });
});
