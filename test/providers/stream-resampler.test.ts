import assert from "node:assert/strict";
import { test } from "node:test";
import { joinSamples, resample } from "../../src/base/audio.ts";
import { StreamResampler } from "../../src/providers/stream-resampler.ts";

function tone(rateHz: number, ms: number): Int16Array {
  return Int16Array.from({ length: (rateHz * ms) / 1000 }, (_, i) =>
    Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / rateHz)),
  );
}

for (const rateHz of [8_000, 24_000, 44_100, 48_000])
  test(`frames of ${rateHz} Hz give what the whole would`, () => {
    const samples = tone(rateHz, 400);
    const resampler = new StreamResampler(16_000);
    const step = rateHz / 50;
    const parts: Int16Array[] = [];
    for (let at = 0; at < samples.length; at += step)
      parts.push(resampler.push({ samples: samples.subarray(at, at + step), rateHz }));
    const streamed = joinSamples(parts);
    const whole = resample({ samples, rateHz }, 16_000).samples;
    assert.ok(whole.length - streamed.length < 16 * 25, "at most 25 ms behind");
    for (const [i, sample] of streamed.entries())
      assert.ok(Math.abs(sample - whole[i]!) <= 2, `sample ${i}: ${sample} for ${whole[i]}`);
  });

test("frames of the right rate pass unchanged", () => {
  const samples = tone(16_000, 20);
  assert.equal(new StreamResampler(16_000).push({ samples, rateHz: 16_000 }), samples);
});
