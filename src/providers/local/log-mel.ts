import { Fourier } from "./fourier.ts";

/**
 * The sound features Whisper's encoder reads: how loud each of 80 bands is, every 10 ms.
 *
 * By the definition of Whisper (https://github.com/openai/whisper, `whisper/audio.py`,
 * `log_mel_spectrogram`): frames of 25 ms under a periodic Hann window, centred by mirroring the
 * edges; their power, summed by triangular filters of equal area on Slaney's mel scale (M. Slaney,
 * Auditory Toolbox, 1998); log10, at most 8 below the loudest, moved and scaled to about -1 to 1.
 * As Hugging Face's `WhisperFeatureExtractor` with `do_normalize`, the audio is first brought to
 * zero mean and unit variance.
 */
export const MEL_RATE_HZ = 16_000;
export const MEL_BANDS = 80;
/** Samples from one frame to the next. */
export const MEL_HOP = 160;

const FRAME = 400;
const BINS = FRAME / 2 + 1;
const VARIANCE_MIN = 1e-7;
const POWER_MIN = 1e-10;
const RANGE = 8;

/** Slaney's scale: 3 mels for 200 Hz up to 1 kHz, then 27 mels for each factor of 6.4. */
const LINEAR_HZ = 1000;
const LINEAR_MELS = 15;
const MELS_PER_LOG = 27 / Math.log(6.4);

/** The weights of one band, for the bins from `first` on. */
interface Band {
  readonly first: number;
  readonly weights: Float64Array;
}

const HANN = Float64Array.from(
  { length: FRAME },
  (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FRAME),
);
const FOURIER = new Fourier(FRAME);
const FILTERS = toBands();

/**
 * The features of the last `length` samples at 16 kHz, one row of `length / 160` values for each
 * band. Less audio is preceded by silence, which counts in mean and variance.
 */
export function toLogMel(samples: Int16Array, length: number): Float32Array<ArrayBuffer> {
  const frames = Math.floor(length / MEL_HOP);
  const mirrored = mirrorEdges(normalise(samples.subarray(-length), length));
  const out = new Float32Array(MEL_BANDS * frames);
  const real = new Float64Array(FRAME);
  const imag = new Float64Array(FRAME);
  let loudest = -Infinity;
  // Two frames of real samples go through one complex transform.
  for (let t = 0; t < frames; t += 2) {
    for (let i = 0; i < FRAME; i++) {
      real[i] = mirrored[t * MEL_HOP + i]! * HANN[i]!;
      imag[i] = mirrored[(t + 1) * MEL_HOP + i]! * HANN[i]!;
    }
    FOURIER.transform(real, imag);
    splitPower(real, imag);
    for (const [b, band] of FILTERS.entries()) {
      const row = b * frames + t;
      loudest = Math.max(loudest, (out[row] = logPower(real, band)));
      if (t + 1 < frames) loudest = Math.max(loudest, (out[row + 1] = logPower(imag, band)));
    }
  }
  for (let i = 0; i < out.length; i++) out[i] = (Math.max(out[i]!, loudest - RANGE) + 4) / 4;
  return out;
}

/** Zero mean and unit variance over the whole length, the silence before included. */
function normalise(samples: Int16Array, length: number): Float64Array {
  const out = new Float64Array(length);
  const padding = length - samples.length;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i]! / 32_768;
    out[padding + i] = value;
    sum += value;
    squares += value * value;
  }
  const mean = sum / length;
  const scale = 1 / Math.sqrt(squares / length - mean * mean + VARIANCE_MIN);
  for (let i = 0; i < length; i++) out[i] = (out[i]! - mean) * scale;
  return out;
}

/** Half a frame before and after, mirrored at the first and last sample. */
function mirrorEdges(audio: Float64Array): Float64Array {
  const half = FRAME / 2;
  const out = new Float64Array(audio.length + FRAME);
  out.set(audio, half);
  for (let i = 1; i <= half; i++) {
    out[half - i] = audio[i]!;
    out[half + audio.length - 1 + i] = audio[audio.length - 1 - i]!;
  }
  return out;
}

/** From one transform of two real signals to the power of each, in the first `BINS` places. */
function splitPower(real: Float64Array, imag: Float64Array): void {
  for (let k = 0; k < BINS; k++) {
    const mirror = (FRAME - k) % FRAME;
    const evenReal = real[k]! + real[mirror]!;
    const oddReal = real[k]! - real[mirror]!;
    const evenImag = imag[k]! + imag[mirror]!;
    const oddImag = imag[k]! - imag[mirror]!;
    real[k] = (evenReal * evenReal + oddImag * oddImag) / 4;
    imag[k] = (evenImag * evenImag + oddReal * oddReal) / 4;
  }
}

function logPower(power: Float64Array, { first, weights }: Band): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += power[first + i]! * weights[i]!;
  return Math.log10(Math.max(sum, POWER_MIN));
}

/** Triangles between neighbouring edges that stand evenly on the mel scale, each of area 1. */
function toBands(): readonly Band[] {
  const top = toMel(MEL_RATE_HZ / 2);
  const edges = Array.from({ length: MEL_BANDS + 2 }, (_, i) => toHz((top * i) / (MEL_BANDS + 1)));
  return Array.from({ length: MEL_BANDS }, (_, b) => {
    const [low, peak, high] = edges.slice(b, b + 3) as [number, number, number];
    const first = Math.ceil((low * FRAME) / MEL_RATE_HZ);
    const last = Math.floor((high * FRAME) / MEL_RATE_HZ);
    const weights = Float64Array.from({ length: last - first + 1 }, (_, i) => {
      const hz = ((first + i) * MEL_RATE_HZ) / FRAME;
      const height = Math.min((hz - low) / (peak - low), (high - hz) / (high - peak));
      return (2 / (high - low)) * Math.max(0, height);
    });
    return { first, weights };
  });
}

function toMel(hz: number): number {
  if (hz < LINEAR_HZ) return (3 * hz) / 200;
  return LINEAR_MELS + Math.log(hz / LINEAR_HZ) * MELS_PER_LOG;
}

function toHz(mel: number): number {
  if (mel < LINEAR_MELS) return (200 * mel) / 3;
  return LINEAR_HZ * Math.exp((mel - LINEAR_MELS) / MELS_PER_LOG);
}
