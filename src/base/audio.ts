import { AppError } from "./errors.ts";

/** 16-bit signed PCM, one channel. */
export interface AudioFrame {
  readonly samples: Int16Array;
  readonly rateHz: number;
}

export function frameMs(frame: AudioFrame): number {
  return (frame.samples.length * 1000) / frame.rateHz;
}

export function samplesOf(ms: number, rateHz: number): number {
  return Math.round((ms * rateHz) / 1000);
}

/** Joins pieces of one rate into one run of samples. */
export function joinSamples(parts: readonly Int16Array[]): Int16Array {
  const out = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Root mean square level in dB of full scale; -Infinity for digital silence. */
export function levelDb(samples: Int16Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return 20 * Math.log10(Math.sqrt(sum / Math.max(1, samples.length)) / 32_768);
}

/**
 * Windowed-sinc resampling (Hann window, 16 lobes); the cut-off follows the lower of both rates, so
 * nothing folds back.
 */
export function resample(frame: AudioFrame, rateHz: number): AudioFrame {
  if (frame.rateHz === rateHz) return frame;
  const ratio = frame.rateHz / rateHz;
  const cut = Math.min(1, rateHz / frame.rateHz);
  const lobes = 16 / cut;
  const input = frame.samples;
  const out = new Int16Array(Math.floor(input.length / ratio));
  for (let i = 0; i < out.length; i++) {
    const centre = i * ratio;
    const first = Math.max(0, Math.ceil(centre - lobes));
    const last = Math.min(input.length - 1, Math.floor(centre + lobes));
    let sum = 0;
    let gain = 0;
    for (let j = first; j <= last; j++) {
      const x = (j - centre) * cut;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      const weight = sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / 16));
      sum += input[j]! * weight;
      gain += weight;
    }
    out[i] = Math.max(-32_768, Math.min(32_767, Math.round(sum / gain)));
  }
  return { samples: out, rateHz };
}

/** Reads a RIFF WAVE file of 16-bit PCM; several channels are mixed to one. */
export function parseWav(bytes: Uint8Array, name = "the file"): AudioFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || tag(0) !== "RIFF" || tag(8) !== "WAVE")
    throw new AppError("wav.invalid", `${name} is not a WAV file: convert it to 16-bit PCM WAV`);
  let channels = 0;
  let rateHz = 0;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    if (tag(at) === "fmt ") {
      const format = view.getUint16(at + 8, true);
      channels = view.getUint16(at + 10, true);
      rateHz = view.getUint32(at + 12, true);
      const bits = view.getUint16(at + 22, true);
      if ((format !== 1 && format !== 0xfffe) || bits !== 16)
        throw new AppError(
          "wav.invalid",
          `${name} has ${bits}-bit samples of format ${format}: convert it to 16-bit PCM WAV`,
        );
    } else if (tag(at) === "data" && channels > 0) {
      const end = Math.min(bytes.length, at + 8 + size);
      return { samples: mixToMono(view, { from: at + 8, to: end, channels }), rateHz };
    }
    at += 8 + size + (size & 1);
  }
  throw new AppError("wav.invalid", `${name} has no audio in it`);
}

function mixToMono(
  view: DataView,
  { from, to, channels }: { readonly from: number; readonly to: number; readonly channels: number },
): Int16Array {
  const frames = Math.floor((to - from) / (2 * channels));
  const out = new Int16Array(frames);
  for (let i = 0; i < frames; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += view.getInt16(from + 2 * (i * channels + c), true);
    out[i] = Math.round(sum / channels);
  }
  return out;
}

/** A RIFF WAVE file of one channel of 16-bit PCM. */
export function formatWav({ samples, rateHz }: AudioFrame): Uint8Array {
  const out = Buffer.alloc(44 + samples.length * 2);
  out.write("RIFF", 0);
  out.writeUInt32LE(36 + samples.length * 2, 4);
  out.write("WAVEfmt ", 8);
  out.writeUInt32LE(16, 16);
  out.writeUInt16LE(1, 20);
  out.writeUInt16LE(1, 22);
  out.writeUInt32LE(rateHz, 24);
  out.writeUInt32LE(rateHz * 2, 28);
  out.writeUInt16LE(2, 32);
  out.writeUInt16LE(16, 34);
  out.write("data", 36);
  out.writeUInt32LE(samples.length * 2, 40);
  Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength).copy(out, 44);
  return out;
}
