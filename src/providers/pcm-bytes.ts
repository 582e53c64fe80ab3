import { joinSamples, levelDb, samplesOf } from "../base/audio.ts";
import { AppError } from "../base/errors.ts";

/**
 * Samples (16-bit, little-endian, one channel) out of bytes that were cut anywhere. A WAV header
 * before them is left out. Speech that was cut is an error, not a shorter sentence.
 */
const END_MS = 10;
/** Speech fades before it ends; where it is this loud at its very end, the rest is missing. */
const END_DB_MAX = -35;
const HEADER_BYTES_MAX = 4_096;
const RIFF = [0x52, 0x49, 0x46, 0x46];

export class PcmBytes {
  readonly #rateHz: number;
  #rest: Uint8Array = new Uint8Array(0);
  #hasBegun = false;
  #end = new Int16Array(0);
  #samples = 0;

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
  }

  /** How much sound came so far. */
  get ms(): number {
    return (this.#samples * 1000) / this.#rateHz;
  }

  /** Throws `provider.garbled` for a WAV header of another kind of sound. */
  push(bytes: Uint8Array): Int16Array {
    let all = Buffer.concat([this.#rest, bytes]);
    if (!this.#hasBegun) {
      const from = soundStart(all, this.#rateHz);
      this.#hasBegun = from !== undefined;
      all = all.subarray(from ?? 0);
    }
    const whole = this.#hasBegun ? all.length - (all.length % 2) : 0;
    this.#rest = all.subarray(whole);
    // A copy: the bytes may begin at an odd place of their buffer.
    const samples = new Int16Array(Uint8Array.from(all.subarray(0, whole)).buffer);
    this.#samples += samples.length;
    const kept = joinSamples([this.#end, samples]);
    this.#end = kept.slice(Math.max(0, kept.length - samplesOf(END_MS, this.#rateHz)));
    return samples;
  }

  /** Throws `provider.garbled` where there was no sound, or half a sample at its end. */
  end(): void {
    if (this.#samples === 0) throw garbled("it gave no sound");
    if (this.#rest.length > 0) throw garbled("its sound ends in the middle of a sample");
  }

  /** As `end`; also where speech stops at full voice: for streams that do not say they are over. */
  endUnsaid(): void {
    this.end();
    if (levelDb(this.#end) > END_DB_MAX) throw garbled("its sound ends in the middle of a word");
  }
}

/** Where the samples begin; undefined while the header is not all there. */
function soundStart(bytes: Buffer, rateHz: number): number | undefined {
  const isWav = RIFF.every((byte, at) => at >= bytes.length || bytes[at] === byte);
  if (!isWav) return 0;
  for (let at = 12; at + 8 <= bytes.length;) {
    const tag = bytes.toString("latin1", at, at + 4);
    if (tag === "data") return at + 8;
    if (tag === "fmt " && at + 24 <= bytes.length) {
      const [channels, rate, bits] = [at + 10, at + 12, at + 22];
      const is = [
        bytes.readUInt16LE(channels),
        bytes.readUInt32LE(rate),
        bytes.readUInt16LE(bits),
      ].join();
      if (is !== [1, rateHz, 16].join()) throw garbled(`its WAV is ${is}, not 1,${rateHz},16`);
    }
    at += 8 + bytes.readUInt32LE(at + 4);
  }
  if (bytes.length > HEADER_BYTES_MAX) throw garbled("its WAV header has no end");
  return undefined;
}

function garbled(what: string): AppError {
  return new AppError("provider.garbled", what);
}
