import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

test("a wrong value is told with where it stands: the environment or the file", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-config-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "vars");
  await writeFile(file, "TURNFOLD_PORT=x\nLOG_LEVEL=loud\n");
  const read = (env: object) => () => readConfig({}, { TURNFOLD_ENV_FILE: file, ...env });
  const level = "LOG_LEVEL: give one of debug, info, warn, error, warning";
  const port = "TURNFOLD_PORT: give a whole number from 0 to 65535";
  assert.throws(read({}), { message: `file: ${port}; ${level}` });
  assert.throws(read({ TURNFOLD_PORT: "y" }), { message: `environment: ${port}; file: ${level}` });
});
