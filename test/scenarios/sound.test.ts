import assert from "node:assert/strict";
import { test } from "node:test";
import { callerSound, CALLER_RATE_HZ, heardIn } from "../../scenarios/caller-sound.ts";
import { SCENARIOS } from "../../scenarios/data.ts";
import { ZERO_MS } from "../../scenarios/scenario.ts";
import { openFlite } from "../../src/providers/local/flite.tts.ts";

test("the detector hears a caller speak when the scenario says, a cough too", async () => {
  await using voice = openFlite();
  for (const id of ["04", "05", "08"]) {
    const scenario = SCENARIOS.find((one) => one.id === id)!;
    const heard = await heardIn(await callerSound(scenario, voice));
    const ends = heard.filter((event) => event.type === "ended");
    assert.equal(ends.length, scenario.says.length, id);
    for (const [i, { at, ms }] of scenario.says.entries()) {
      assert.ok(Math.abs(ends[i]!.fromMs - ZERO_MS - at) <= 100, `${id}: ${ends[i]!.fromMs}`);
      assert.ok(Math.abs(ends[i]!.toMs - ZERO_MS - at - ms) <= 100, `${id}: ${ends[i]!.toMs}`);
    }
  }
});

test("the detector takes a burst of noise for no speech", async () => {
  const samples = new Int16Array(CALLER_RATE_HZ * 2);
  let seed = 1;
  for (let i = CALLER_RATE_HZ; i < CALLER_RATE_HZ * 1.25; i++) {
    seed = (seed * 48_271) % 2_147_483_647;
    samples[i] = (seed % 12_000) - 6_000;
  }
  assert.deepEqual(await heardIn(samples), []);
});
