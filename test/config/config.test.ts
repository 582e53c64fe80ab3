import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../src/config.ts";

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

test("LiveKit's dispatch: by name, of all new rooms, or of those of a pattern", () => {
  const access = { LIVEKIT_URL: "ws://h:1", LIVEKIT_API_KEY: "k", LIVEKIT_API_SECRET: "s" };
  const of = (env: object) => readConfig({}, { ...access, ...env }).liveKit?.dispatch;
  assert.equal(of({}), undefined);
  assert.deepEqual(of({ TURNFOLD_AGENT_NAME: "desk" }), { agentName: "desk", per: "room" });
  assert.deepEqual(of({ TURNFOLD_AGENT_NAME: "" }), { agentName: "", per: "room" });
  const rooms = { agentName: "", per: "publisher", rooms: "desk-*" };
  assert.deepEqual(of({ TURNFOLD_ROOMS: "desk-*", TURNFOLD_AGENT_PER: "publisher" }), rooms);
  assert.throws(() => of({ TURNFOLD_AGENT_NAME: "desk", TURNFOLD_ROOMS: "desk-*" }), {
    code: "config.invalid",
    message: /TURNFOLD_ROOMS/,
  });
});

test("LIVEKIT_URL needs a key and its secret, and is an address of a WebSocket", () => {
  const env = { LIVEKIT_URL: "ws://host:7880", LIVEKIT_API_KEY: "k", LIVEKIT_API_SECRET: "s" };
  const dispatch = undefined;
  const liveKit = { url: "ws://host:7880", apiKey: "k", apiSecret: "s", dispatch };
  assert.deepEqual(readConfig({}, env).liveKit, liveKit);
  assert.equal(readConfig({}, {}).liveKit, undefined);
  for (const name of ["LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"] as const)
    assert.throws(() => readConfig({}, { ...env, [name]: undefined }), {
      code: "config.invalid",
      message: new RegExp(name),
    });
  assert.throws(() => readConfig({}, { ...env, LIVEKIT_URL: "http://host" }), {
    code: "config.invalid",
    message: /LIVEKIT_URL/,
  });
});
