import { frameMs, samplesOf, type AudioFrame } from "../base/audio.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import type { Speaker } from "./room.port.ts";

/** Gets each piece of sound when it has left, with the clock time of its first sample. */
export type SpeakerSink = (frame: AudioFrame, startedAt: number) => void;

/**
 * A speaker that plays by the clock: what is queued leaves at the pace of real time. M1: `clear`
 * drops all that has not left, to the sample. M3: `write` waits while `aheadMs` are queued.
 */
export class PacedSpeaker implements Speaker {
  readonly rateHz: number;
  readonly #clock: Clock;
  readonly #aheadMs: number;
  readonly #sink: SpeakerSink;
  #queue: { frame: AudioFrame; startsAt: number; cancel: Cancel }[] = [];
  #writtenMs = 0;
  #endsAt = 0;
  #room: (() => void)[] = [];

  constructor(options: { rateHz: number; clock: Clock; aheadMs: number; sink: SpeakerSink }) {
    this.rateHz = options.rateHz;
    this.#clock = options.clock;
    this.#aheadMs = options.aheadMs;
    this.#sink = options.sink;
  }

  get queuedMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.now());
  }

  get playedMs(): number {
    return this.#writtenMs - this.queuedMs;
  }

  async write(frame: AudioFrame): Promise<void> {
    const now = this.#clock.now();
    const startsAt = Math.max(now, this.#endsAt);
    const ms = frameMs(frame);
    this.#endsAt = startsAt + ms;
    this.#writtenMs += ms;
    const cancel = this.#clock.after(startsAt + ms - now, () => this.#left());
    this.#queue.push({ frame, startsAt, cancel });
    const over = this.queuedMs - this.#aheadMs;
    if (over > 0) await this.#wait(over);
  }

  clear(): void {
    const now = this.#clock.now();
    for (const { frame, startsAt, cancel } of this.#queue) {
      cancel();
      const out = samplesOf(now - startsAt, frame.rateHz);
      if (out > 0) this.#sink({ ...frame, samples: frame.samples.subarray(0, out) }, startsAt);
    }
    this.#queue = [];
    this.#writtenMs -= this.queuedMs;
    this.#endsAt = now;
    for (const go of this.#room.splice(0)) go();
  }

  async drained(): Promise<void> {
    while (this.queuedMs > 0) await this.#wait(this.queuedMs);
  }

  #left(): void {
    const done = this.#queue.shift();
    if (done) this.#sink(done.frame, done.startsAt);
  }

  /** Ends after `ms`, or as soon as the queue is cleared. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        cancel();
        this.#room = this.#room.filter((other) => other !== go);
        resolve();
      };
      const cancel = this.#clock.after(ms, go);
      this.#room.push(go);
    });
  }
}
