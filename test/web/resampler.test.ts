import assert from "node:assert/strict";
import { test } from "node:test";

/** The page's own resampler, which the browser runs on its audio thread. */
interface Resampler {
  push(input: Float32Array): Float32Array;
}
const page = new URL("../../src/web/resampler.js", import.meta.url);
const { Resampler } = (await import(page.href)) as {
  Resampler: new (fromHz: number, toHz: number) => Resampler;
};

function sine(hz: number, rateHz: number): Float32Array {
  return Float32Array.from({ length: rateHz }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rateHz));
}

/** Level of the middle part, in dB against a full sine. */
function levelDb(samples: Float32Array): number {
  const middle = samples.subarray(samples.length / 4, (samples.length * 3) / 4);
  const power = middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length;
  return 10 * Math.log10(2 * power + 1e-12);
}

for (const [from, to] of [
  [48_000, 16_000],
  [44_100, 16_000],
  [16_000, 48_000],
  [16_000, 44_100],
] as const) {
  test(`${from} to ${to} Hz: as much sound as came, speech unchanged in level`, () => {
    for (const hz of [200, 1_000, 3_000]) {
      const out = new Resampler(from, to).push(sine(hz, from));
      assert.ok(Math.abs(out.length - to) <= to / 500, `${out.length} of ${to}`);
      assert.ok(Math.abs(levelDb(out)) < 0.5, `${hz} Hz at ${levelDb(out)} dB`);
    }
  });

  test(`${from} to ${to} Hz: pieces give what the whole gives`, () => {
    const whole = new Resampler(from, to).push(sine(440, from));
    const piecewise = new Resampler(from, to);
    const pieces: number[] = [];
    const input = sine(440, from);
    for (let at = 0; at < input.length; at += 128)
      pieces.push(...piecewise.push(input.subarray(at, at + 128)));
    assert.equal(pieces.length, whole.length);
    assert.ok(pieces.every((sample, i) => Math.abs(sample - whole[i]!) < 1e-2));
  });
}

test("what the lower rate cannot carry is taken out and does not fold back", () => {
  const out = new Resampler(48_000, 16_000).push(sine(11_000, 48_000));
  assert.ok(levelDb(out) < -35, `${levelDb(out)} dB`);
});
