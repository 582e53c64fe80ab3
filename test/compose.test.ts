import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LIVEKIT_VERSION, NATS_VERSIONS } from "../scripts/servers/find-server.ts";
import { LIVEKIT_KEY, LIVEKIT_SECRET, ROOT } from "../scripts/servers/server-files.ts";
import { LIVEKIT_PORTS, NATS_PORTS } from "../scripts/servers/server-files.ts";

/** Docker's files name things of other files; a container that finds other ones does not start. */
const compose = readFileSync(join(ROOT, "docker-compose.yml"), "utf8");
const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");

test("docker-compose.yml has the versions that the tests run on", () => {
  const images = [...compose.matchAll(/image: (\S+):(\S+)/g)].map(([, name, tag]) => [name, tag]);
  const tags = Object.fromEntries(images) as Record<string, string>;
  assert.equal(tags["nats"], `${NATS_VERSIONS.at(-1)}-alpine`);
  assert.equal(tags["livekit/livekit-server"], `v${LIVEKIT_VERSION}`);
});

test("docker-compose.yml mounts files that are there", () => {
  const mounted = [...compose.matchAll(/- \.\/(\S+):\S+:ro$/gm)].map(([, path]) => path!);
  assert.deepEqual(mounted, ["nats.conf", "livekit.yaml"]);
  for (const path of mounted) assert.ok(existsSync(join(ROOT, path)), path);
});

test("docker-compose.yml gives turnfold the servers as their configuration has them", () => {
  for (const line of [
    `NATS_URL: nats://engine:engine@127.0.0.1:${NATS_PORTS.client}`,
    `NATS_MONITOR_URL: http://127.0.0.1:${NATS_PORTS.monitor}`,
    `LIVEKIT_URL: ws://127.0.0.1:${LIVEKIT_PORTS.http}`,
    `LIVEKIT_API_KEY: ${LIVEKIT_KEY}`,
    `LIVEKIT_API_SECRET: ${LIVEKIT_SECRET}`,
  ])
    assert.ok(compose.includes(`      ${line}\n`), line);
});

test("the image holds all that src imports from beside it", () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) =>
    paths!.split(" "),
  );
  const ignored = readFileSync(join(ROOT, ".dockerignore"), "utf8").trim().split("\n");
  assert.deepEqual(ignored, ["*", ...copied.map((path) => `!${path}`)]);
  for (const path of copied) assert.ok(existsSync(join(ROOT, path)), path);
  const needed = ["package.json", "bin", "lib", "src", "templates"];
  assert.deepEqual(
    needed.filter((path) => !copied.includes(path)),
    [],
  );
});
