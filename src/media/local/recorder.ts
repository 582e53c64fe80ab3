import { samplesOf, type AudioFrame } from "../../base/audio.ts";

/**
 * Puts sound where it was heard: each side on a time line of its own that begins at the same
 * instant. Gaps are silence; what overlaps by the jitter of a clock goes behind what was there.
 */
export class Recorder {
  readonly startedAt: number;
  readonly #rateHz: number;
  readonly #tracks = new Map<string, Int16Array>();
  readonly #lengths = new Map<string, number>();

  constructor(startedAt: number, rateHz: number) {
    this.startedAt = startedAt;
    this.#rateHz = rateHz;
  }

  /** `at`: clock ms of the frame's first sample. */
  add(side: string, { samples }: AudioFrame, at: number): void {
    const length = this.#lengths.get(side) ?? 0;
    const start = Math.max(length, samplesOf(Math.max(0, at - this.startedAt), this.#rateHz));
    const end = start + samples.length;
    let track = this.#tracks.get(side) ?? new Int16Array(this.#rateHz * 10);
    if (end > track.length) {
      const grown = new Int16Array(Math.max(end, track.length * 2));
      grown.set(track);
      track = grown;
    }
    track.set(samples, start);
    this.#tracks.set(side, track);
    this.#lengths.set(side, end);
  }

  /** One side from the start to the end of the longer side. */
  sound(side: string): AudioFrame {
    const length = Math.max(0, ...this.#lengths.values());
    const samples = new Int16Array(length);
    samples.set((this.#tracks.get(side) ?? new Int16Array()).subarray(0, length));
    return { samples, rateHz: this.#rateHz };
  }
}
