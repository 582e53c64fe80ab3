import assert from "node:assert/strict";
import { test } from "node:test";
import { createHealth, type HealthPart } from "../../src/api/health.ts";
import { SimulatedClock } from "../../src/base/clock.ts";

const fine: HealthPart = { isNeeded: true, check: () => Promise.resolve(undefined) };
const broken = (isNeeded: boolean): HealthPart => ({
  isNeeded,
  check: () => Promise.reject(new Error("it is down")),
});

function ask(parts: Record<string, HealthPart>, clock = new SimulatedClock()) {
  return createHealth({ clock, build: "b", parts }).request("/health");
}

test("health: all is well", async () => {
  const answer = await ask({ nats: fine, livekit: fine });
  assert.equal(answer.status, 200);
  const parts = { nats: { ok: true }, livekit: { ok: true } };
  assert.deepEqual(await answer.json(), { status: "ok", failing: [], parts, build: "b" });
});

test("health: a part that fails is named, with the reason", async () => {
  const down: HealthPart = { isNeeded: true, check: () => Promise.resolve("closed") };
  const answer = await ask({ nats: fine, livekit: down, store: broken(true) });
  assert.equal(answer.status, 503);
  const body = (await answer.json()) as { failing: unknown; parts: unknown };
  assert.deepEqual(body.failing, ["livekit", "store"]);
  assert.deepEqual(body.parts, {
    nats: { ok: true },
    livekit: { ok: false, why: "closed" },
    store: { ok: false, why: "it is down" },
  });
});

test("health: a part that is not needed is told beside", async () => {
  const answer = await ask({ nats: fine, speech: broken(false) });
  assert.equal(answer.status, 200);
  const { status, parts } = (await answer.json()) as { status: string; parts: object };
  assert.equal(status, "ok");
  assert.deepEqual(parts, { nats: { ok: true }, speech: { ok: false, why: "it is down" } });
});

test("health: a part that hangs does not hold up the answer", async () => {
  const clock = new SimulatedClock();
  const hung: HealthPart = { isNeeded: true, check: () => new Promise(() => undefined) };
  const asked = ask({ nats: hung, livekit: fine }, clock);
  await clock.advance(2_000);
  const answer = await asked;
  assert.equal(answer.status, 503);
  const { parts } = (await answer.json()) as { parts: unknown };
  const why = "no answer in 2000 ms";
  assert.deepEqual(parts, { nats: { ok: false, why }, livekit: { ok: true } });
});
