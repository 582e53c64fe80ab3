import { assert } from "../../base/assert.ts";

/**
 * The discrete Fourier transform of one fixed size, made of factors of at most 5, by Stockham's
 * self-sorting algorithm (C. Van Loan, Computational Frameworks for the FFT, 1992, section 1.7).
 * A size of 400, as speech models have it, is no power of two, and padding would move its bins.
 */
interface Stage {
  readonly radix: number;
  /** Transforms of the stage that are left to do side by side. */
  readonly stride: number;
  /** `radix * radix` factors for each of the `size / stride / radix` butterflies. */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

const RADICES = [4, 5, 2, 3] as const;

export class Fourier {
  readonly size: number;
  readonly #stages: readonly Stage[];
  #spareReal: Float64Array;
  #spareImag: Float64Array;

  constructor(size: number) {
    this.size = size;
    this.#stages = toStages(size);
    this.#spareReal = new Float64Array(size);
    this.#spareImag = new Float64Array(size);
  }

  /** The transform of `real + i imag`, in the usual order; both arrays are overwritten. */
  transform(real: Float64Array, imag: Float64Array): void {
    let [fromReal, fromImag] = [real, imag];
    let [toReal, toImag] = [this.#spareReal, this.#spareImag];
    for (const stage of this.#stages) {
      this.#pass(stage, [fromReal, fromImag], [toReal, toImag]);
      [fromReal, toReal] = [toReal, fromReal];
      [fromImag, toImag] = [toImag, fromImag];
    }
    if (fromReal === real) return;
    real.set(fromReal);
    imag.set(fromImag);
  }

  #pass(
    { radix, stride, cos, sin }: Stage,
    [fromReal, fromImag]: readonly [Float64Array, Float64Array],
    [toReal, toImag]: readonly [Float64Array, Float64Array],
  ): void {
    const leap = this.size / radix;
    for (let out = 0, factor = 0; out < this.size; out += stride, factor += radix) {
      const first = Math.floor(out / (stride * radix)) * stride;
      for (let q = 0; q < stride; q++) {
        let sumReal = 0;
        let sumImag = 0;
        for (let j = 0, at = first + q; j < radix; j++, at += leap) {
          const c = cos[factor + j]!;
          const s = sin[factor + j]!;
          sumReal += fromReal[at]! * c - fromImag[at]! * s;
          sumImag += fromReal[at]! * s + fromImag[at]! * c;
        }
        toReal[out + q] = sumReal;
        toImag[out + q] = sumImag;
      }
    }
  }
}

function toStages(size: number): readonly Stage[] {
  const stages: Stage[] = [];
  for (let stride = 1; stride < size;) {
    const radix = RADICES.find((one) => (size / stride) % one === 0);
    assert(radix !== undefined, "a size of factors up to 5");
    stages.push(toStage(size, stride, radix));
    stride *= radix;
  }
  return stages;
}

function toStage(size: number, stride: number, radix: number): Stage {
  const butterflies = size / stride / radix;
  const cos = new Float64Array(butterflies * radix * radix);
  const sin = new Float64Array(cos.length);
  for (let i = 0; i < cos.length; i++) {
    const j = i % radix;
    const k = Math.floor(i / radix) % radix;
    const p = Math.floor(i / (radix * radix));
    const turns = ((k * (j * (size / radix) + p * stride)) % size) / size;
    cos[i] = Math.cos(-2 * Math.PI * turns);
    sin[i] = Math.sin(-2 * Math.PI * turns);
  }
  return { radix, stride, cos, sin };
}
