import { joinSamples, resample } from "../base/audio.ts";
import type { AudioFrame } from "../base/audio.ts";

/**
 * Frames of any rate into one run of samples of one rate. Each piece is converted together with its
 * neighbourhood, so frame borders leave no trace. The price is a look-ahead: 1 to 2 ms at the usual
 * rates, up to 20 ms at 44.1 kHz.
 */
export class StreamResampler {
  readonly #rateHz: number;
  #inputHz = 0;
  /** Input not yet dropped: `#done` samples of it are context that has been converted already. */
  #held: Int16Array = new Int16Array(0);
  #done = 0;

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
  }

  push({ samples, rateHz }: AudioFrame): Int16Array {
    if (rateHz === this.#rateHz) return samples;
    if (rateHz !== this.#inputHz) {
      this.#inputHz = rateHz;
      this.#held = new Int16Array(0);
      this.#done = 0;
    }
    // Whole blocks only: a block is the shortest run of input that makes whole output samples.
    const common = gcd(rateHz, this.#rateHz);
    const block = rateHz / common;
    const outPerBlock = this.#rateHz / common;
    const lobes = 16 * Math.max(1, rateHz / this.#rateHz);
    const context = Math.ceil(lobes / block) * block;
    this.#held = joinSamples([this.#held, samples]);
    const ready = Math.floor((this.#held.length - context - this.#done) / block);
    if (ready <= 0) return new Int16Array(0);
    const all = resample({ samples: this.#held, rateHz }, this.#rateHz).samples;
    const from = (this.#done / block) * outPerBlock;
    const out = all.slice(from, from + ready * outPerBlock);
    const end = this.#done + ready * block;
    const drop = Math.max(0, end - context);
    this.#held = this.#held.slice(drop);
    this.#done = end - drop;
    return out;
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
