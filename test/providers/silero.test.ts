import assert from "node:assert/strict";
import { test } from "node:test";
import { joinSamples, resample } from "../../src/base/audio.ts";
import { openFlite } from "../../src/providers/local/flite.tts.ts";
import { createSilero, SpeechGate } from "../../src/providers/local/silero.vad.ts";
import type { VadEvent } from "../../src/providers/vad.port.ts";

const OPTIONS = { minSpeechMs: 96, minSilenceMs: 300 };
const MARGIN_MS = 130;

async function speech(text: string): Promise<Int16Array> {
  await using tts = openFlite();
  const signal = new AbortController().signal;
  for await (const event of tts.speak({ text, voice: "rms", signal }))
    if (event.type === "audio") return event.frame.samples;
  return assert.fail("no audio");
}

/** Noise from a fixed seed, so that a failure comes back. */
function noise(ms: number, amplitude: number): Int16Array {
  let seed = 7;
  return Int16Array.from({ length: ms * 16 }, () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.round((seed / 2_147_483_648 - 0.5) * 2 * amplitude);
  });
}

/** Pushes 20 ms frames and waits until silence after them has been judged. */
async function detect(samples: Int16Array, rateHz = 16_000): Promise<VadEvent[]> {
  const events: VadEvent[] = [];
  const stream = createSilero().open(OPTIONS, (event) => events.push(event));
  const step = rateHz / 50;
  for (let at = 0; at < samples.length; at += step) {
    stream.push({ samples: samples.subarray(at, at + step), rateHz });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  stream.close();
  return events;
}

test("speech between silences has one start and one end, where they are", async () => {
  const said = await speech("Hello, I would like to book a table, please.");
  const quiet = noise(1000, 20);
  const events = await detect(joinSamples([quiet, said, quiet]));
  assert.deepEqual(
    events.map((event) => event.type),
    ["started", "ended"],
  );
  const [started, ended] = events;
  assert.ok(Math.abs(started!.fromMs - 1040) <= MARGIN_MS, `started at ${started!.fromMs}`);
  assert.ok(ended?.type === "ended" && ended.fromMs === started!.fromMs);
  const endMs = 1000 + said.length / 16 - 120;
  assert.ok(Math.abs(ended.toMs - endMs) <= MARGIN_MS, `ended at ${ended.toMs} of ${endMs}`);
  assert.ok(ended.silenceMs >= OPTIONS.minSilenceMs);
});

test("other rates are resampled", async () => {
  const said = joinSamples([noise(500, 20), await speech("Good morning."), noise(600, 20)]);
  const events = await detect(resample({ samples: said, rateHz: 16_000 }, 48_000).samples, 48_000);
  assert.deepEqual(
    events.map((event) => event.type),
    ["started", "ended"],
  );
  assert.ok(Math.abs(events[0]!.fromMs - 540) <= MARGIN_MS, `started at ${events[0]!.fromMs}`);
});

test("a burst of noise is not speech", async () => {
  const events = await detect(joinSamples([noise(500, 20), noise(250, 8000), noise(700, 20)]));
  assert.deepEqual(events, []);
});

/** Feeds one probability per 32 ms window. */
function gate(probabilities: readonly number[]): VadEvent[] {
  const events: VadEvent[] = [];
  const one = new SpeechGate(OPTIONS, (event) => events.push(event));
  for (const probability of probabilities) one.push(probability);
  return events;
}

test("speech shorter than the minimum is forgotten", () => {
  assert.deepEqual(gate([0, 0.9, 0.9, 0.1, 0.9, 0.9, 0.1]), []);
});

test("the middle of the hysteresis neither starts nor ends", () => {
  assert.deepEqual(gate(Array(20).fill(0.4)), []);
  const held = gate([0.9, 0.9, 0.9, ...Array(30).fill(0.4)]);
  assert.deepEqual(held, [{ type: "started", fromMs: 0 }]);
});

test("a pause shorter than the minimum does not end the speech", () => {
  const events = gate([0.9, 0.9, 0.9, ...Array(5).fill(0), 0.9, ...Array(10).fill(0)]);
  assert.deepEqual(events, [
    { type: "started", fromMs: 0 },
    { type: "ended", fromMs: 0, toMs: 9 * 32, silenceMs: 320 },
  ]);
});
