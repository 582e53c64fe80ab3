import assert from "node:assert/strict";
import { test } from "node:test";
import { Fourier } from "../../src/providers/local/fourier.ts";
import { MEL_BANDS, toLogMel } from "../../src/providers/local/log-mel.ts";

const RATE_HZ = 16_000;

/** A rising tone in noise; the same integers in any language. */
function sweep(length: number): Int16Array {
  let noise = 1;
  return Int16Array.from({ length }, (_, i) => {
    noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0;
    const tone = 9000 * Math.sin((2 * Math.PI * i * (150 + i / 80)) / RATE_HZ);
    return Math.round(tone) + (noise >>> 24) - 128;
  });
}

/**
 * Band, frame and value of 2.5 s of `sweep` after 5.5 s of silence, made apart from this code: a
 * direct transform by matrix in numpy, filters by interpolation between the mel edges. The whole of
 * that agreed with Pipecat's own extractor to 0.00002.
 */
const REFERENCE: readonly (readonly [band: number, frame: number, value: number])[] = [
  [0, 0, -0.19571],
  [0, 560, 0.52363],
  [3, 551, 1.77893],
  [10, 600, 1.52901],
  [20, 640, 0.35253],
  [31, 700, 0.37797],
  [40, 549, -0.11342],
  [45, 550, 0.27271],
  [50, 655, 0.32373],
  [60, 777, 0.32696],
  [70, 790, 0.25217],
  [79, 799, 0.27645],
  [79, 548, -0.19571],
  [5, 799, 0.58044],
];
const REFERENCE_SUM = -824.2086;

test("features are those of the reference", () => {
  const frames = 800;
  const features = toLogMel(sweep(40_000), 128_000);
  assert.equal(features.length, MEL_BANDS * frames);
  for (const [band, frame, value] of REFERENCE) {
    const got = features[band * frames + frame]!;
    assert.ok(Math.abs(got - value) < 5e-5, `band ${band}, frame ${frame}: ${got}, not ${value}`);
  }
  const sum = features.reduce((total, value) => total + value, 0);
  assert.ok(Math.abs(sum - REFERENCE_SUM) < 0.01, `${sum}`);
});

test("only the last samples count, and loudness does not", () => {
  const tail = sweep(16_000).map((sample) => Math.round(sample / 2) * 2);
  const long = new Int16Array(20_000).fill(9000);
  long.set(tail, 4000);
  assert.deepEqual(toLogMel(long, 16_000), toLogMel(tail, 16_000));
  const quiet = toLogMel(
    tail.map((sample) => sample / 2),
    16_000,
  );
  for (const [i, value] of toLogMel(tail, 16_000).entries())
    assert.ok(Math.abs(value - quiet[i]!) < 1e-4);
});

test("silence and an odd number of frames give numbers", () => {
  const features = toLogMel(new Int16Array(0), 160 * 5);
  assert.equal(features.length, MEL_BANDS * 5);
  assert.ok(
    features.every((value) => value === features[0]),
    "one value everywhere",
  );
  assert.equal(features[0], -1.5);
});

test("the transform is the sum it stands for, for sizes with factors up to 5", () => {
  for (const size of [1, 2, 6, 15, 400]) {
    const real = Float64Array.from(sweep(size));
    const imag = Float64Array.from(sweep(2 * size).subarray(size));
    const [gotReal, gotImag] = [real.slice(), imag.slice()];
    new Fourier(size).transform(gotReal, gotImag);
    for (let k = 0; k < size; k++) {
      let [sumReal, sumImag] = [0, 0];
      for (let n = 0; n < size; n++) {
        const angle = (-2 * Math.PI * ((k * n) % size)) / size;
        sumReal += real[n]! * Math.cos(angle) - imag[n]! * Math.sin(angle);
        sumImag += real[n]! * Math.sin(angle) + imag[n]! * Math.cos(angle);
      }
      assert.ok(Math.hypot(gotReal[k]! - sumReal, gotImag[k]! - sumImag) < 1e-5, `${size}: ${k}`);
    }
  }
  assert.throws(() => new Fourier(7), { code: "bug" });
});
