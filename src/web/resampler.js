/**
 * Sound from one rate to another as it comes: a windowed sinc (Hann, 8 lobes) whose cut-off follows
 * the lower of both rates, read from a table. What was pushed in pieces comes out as if in one.
 */
const LOBES = 8;
const STEPS = 512;
const KERNEL = Float32Array.from({ length: LOBES * STEPS + 2 }, (_, i) => {
  const x = i / STEPS;
  if (x >= LOBES) return 0;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / LOBES));
});

export class Resampler {
  #ratio;
  #cut;
  #half;
  #rest;
  #at;

  constructor(fromHz, toHz) {
    this.#ratio = fromHz / toHz;
    this.#cut = Math.min(1, toHz / fromHz);
    this.#half = Math.ceil(LOBES / this.#cut);
    this.reset();
  }

  /** Forgets what came before. */
  reset() {
    this.#rest = new Float32Array(this.#half);
    this.#at = this.#half;
  }

  /** Samples from -1 to 1 in, all that are ready out. */
  push(input) {
    const samples = new Float32Array(this.#rest.length + input.length);
    samples.set(this.#rest);
    samples.set(input, this.#rest.length);
    const last = samples.length - this.#half;
    const count = Math.max(0, Math.ceil((last - this.#at) / this.#ratio));
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = this.#sample(samples, this.#at + i * this.#ratio);
    const next = this.#at + count * this.#ratio;
    const keep = Math.floor(next) - this.#half;
    this.#rest = samples.slice(keep);
    this.#at = next - keep;
    return out;
  }

  #sample(samples, centre) {
    const first = Math.ceil(centre - this.#half);
    const end = Math.floor(centre + this.#half);
    let sum = 0;
    for (let j = first; j <= end; j++) {
      const x = Math.abs(j - centre) * this.#cut;
      if (x < LOBES) sum += (samples[j] ?? 0) * KERNEL[Math.round(x * STEPS)];
    }
    return sum * this.#cut;
  }
}
