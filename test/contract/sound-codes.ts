import assert from "node:assert/strict";
import type { Read, SoundCode } from "./room-media.contract.ts";

const FRAME_MS = 20;
const SAMPLES = 28_800;

/** Each sample is a number that counts on: for rooms that change no sample. 0 is silence. */
export const countedSamples: SoundCode = {
  sound: (fromMs, ms, rateHz) =>
    Int16Array.from(
      { length: (ms * rateHz) / 1000 },
      (_, i) => (((fromMs * rateHz) / 1000 + i) % SAMPLES) + 1,
    ),
  read: (samples, rateHz) => {
    const tenths: number[] = [];
    let count = 0;
    let next = -1;
    for (const sample of samples) {
      if (sample === 0) continue;
      const at = sample - 1;
      const frameBegins = at % ((FRAME_MS * rateHz) / 1000) === 0;
      assert.ok(at === next || (frameBegins && at > next), `sample ${at} after ${next - 1}`);
      next = at + 1;
      count++;
      addTenth(tenths, Math.floor((at * 10) / rateHz));
    }
    return { ms: (count * 1000) / rateHz, tenths };
  },
};

const FIRST_HZ = 400;
const STEP_HZ = 250;
const STEPS = 10;
/** Root mean square of a sample: half of what is said, far above what a codec makes of silence. */
const LOUD = 2_000;

function tenthHz(tenth: number): number {
  return FIRST_HZ + STEP_HZ * (tenth % STEPS);
}

/** Each tenth of a second is a tone of its own: for rooms that compress what they carry. */
export const tonesByTenth: SoundCode = {
  sound: (fromMs, ms, rateHz) =>
    Int16Array.from({ length: (ms * rateHz) / 1000 }, (_, i) => {
      const at = fromMs / 1000 + i / rateHz;
      return 12_000 * Math.sin(2 * Math.PI * tenthHz(Math.floor(at * 10 + 1e-6)) * at);
    }),
  read: (samples, rateHz) => {
    const window = (FRAME_MS * rateHz) / 1000;
    const seen: number[] = [];
    for (let at = 0; at + window <= samples.length; at += window) {
      const piece = samples.slice(at, at + window);
      const power = piece.reduce((sum, sample) => sum + sample * sample, 0) / window;
      if (Math.sqrt(power) < LOUD) continue;
      const powers = Array.from({ length: STEPS }, (_, k) => powerAt(piece, tenthHz(k), rateHz));
      seen.push(powers.indexOf(Math.max(...powers)));
    }
    return readSteps(seen);
  },
};

/** A window between two tones may look like any: a tenth counts where two in a row say so. */
function readSteps(seen: readonly number[]): Read {
  const tenths: number[] = [];
  for (const [i, tenth] of seen.entries()) if (seen[i + 1] === tenth) addTenth(tenths, tenth);
  return { ms: seen.length * FRAME_MS, tenths };
}

function addTenth(tenths: number[], tenth: number): void {
  if (tenths.at(-1) !== tenth) tenths.push(tenth);
}

/** Goertzel's filter: what a piece holds of one tone. */
function powerAt(piece: readonly number[], hz: number, rateHz: number): number {
  const turn = 2 * Math.cos((2 * Math.PI * hz) / rateHz);
  let [last, before] = [0, 0];
  for (const sample of piece) [last, before] = [sample + turn * last - before, last];
  return last * last + before * before - turn * last * before;
}
