import { samplesOf } from "../../base/audio.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Speaker } from "../../media/room.port.ts";

/**
 * Who speaks first is played first, whole; the next one waits. So an answer never talks over the
 * words that covered the wait for it.
 */
export class SpeakerQueue {
  #last: Promise<void> = Promise.resolve();
  #aside: Promise<void> | undefined;

  /** Words that cannot wait for who is next: until they are over whoever is on stands aside. */
  interject(done: Promise<void>): void {
    this.#aside = done;
    void done.then(() => (this.#aside = undefined));
  }

  get aside(): Promise<void> | undefined {
    return this.#aside;
  }

  /** Resolves when the speaker is free; `done` is when this one leaves it. */
  take(done: Promise<void>): Promise<void> {
    const before = this.#last;
    this.#last = before.then(() => done);
    return before;
  }
}

/**
 * One reply's audio on its way out. M1: pausing and stopping clear the speaker at once and wait for
 * nothing. M2: the position is what has left the speaker. T12: after a pause it goes on at the very
 * sample it stopped at, so each sample is played once.
 */
export class Playout {
  readonly #speaker: Speaker;
  readonly #queue: SpeakerQueue;
  readonly #onStart: () => void;
  /** Its turn at the speaker, once it has something to say. */
  #mayPlay: Promise<void> | undefined;
  #samples: Int16Array[] = [];
  #length = 0;
  /** Samples handed to the speaker since the beginning of this reply. */
  #handed = 0;
  /** `playedMs` of the speaker at this reply's sample 0, as if it had played without pauses. */
  #zeroMs = 0;
  #stoppedAtMs: number | undefined;
  #held = false;
  #stopped = false;
  #complete = false;
  #started = false;
  #pumping = false;
  readonly #done = Promise.withResolvers<void>();

  constructor(speaker: Speaker, queue: SpeakerQueue, onStart: () => void) {
    this.#speaker = speaker;
    this.#queue = queue;
    this.#onStart = onStart;
  }

  /** Milliseconds of this reply that have left the speaker. */
  get positionMs(): number {
    if (this.#stoppedAtMs !== undefined) return this.#stoppedAtMs;
    if (!this.#started) return 0;
    return Math.max(0, Math.min(this.#handedMs, this.#speaker.playedMs - this.#zeroMs));
  }

  get isPlaying(): boolean {
    return this.#started && this.#stoppedAtMs === undefined && !this.#isPlayedOut;
  }

  /** Milliseconds written and not yet played. */
  get aheadMs(): number {
    return (this.#length * 1000) / this.#speaker.rateHz - this.positionMs;
  }

  /** Resolves when all was played after `finish`, or when it was stopped. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  write(samples: Int16Array): void {
    if (this.#stopped) return;
    this.#samples.push(samples);
    this.#length += samples.length;
    this.#pump();
  }

  /** Takes back what lies behind `ms` and has not been handed over; returns the ms it keeps. */
  cutTo(ms: number): number {
    const { rateHz } = this.#speaker;
    const length = Math.max(this.#handed, samplesOf(ms, rateHz));
    if (length < this.#length) {
      this.#samples = [this.#take(0, length)];
      this.#length = length;
    }
    return (this.#length * 1000) / rateHz;
  }

  /** Nothing more will be written. */
  finish(): void {
    this.#complete = true;
    this.#pump();
  }

  /** Silence now; what was not heard is kept. */
  pause(): void {
    if (this.#held) return;
    this.#held = true;
    if (!this.#started || this.#stoppedAtMs !== undefined) return;
    this.#clear();
  }

  resume(): void {
    if (!this.#held || this.#stopped) return;
    this.#held = false;
    if (this.#started && this.#stoppedAtMs !== undefined) {
      this.#handed = samplesOf(this.#stoppedAtMs, this.#speaker.rateHz);
      this.#zeroMs = this.#speaker.playedMs - this.#stoppedAtMs;
      this.#stoppedAtMs = undefined;
    }
    this.#pump();
  }

  /** Silence now and for good; returns the position. */
  stop(): number {
    if (this.#started && this.#stoppedAtMs === undefined) this.#clear();
    this.#held = true;
    this.#stopped = true;
    this.#samples = [];
    this.#done.resolve();
    return this.positionMs;
  }

  get #handedMs(): number {
    return (this.#handed * 1000) / this.#speaker.rateHz;
  }

  get #isPlayedOut(): boolean {
    return this.#complete && this.#handed >= this.#length && this.#speaker.queuedMs === 0;
  }

  #clear(): void {
    // The position must be read after the clear: it is what had left by then. Who stands aside
    // has nothing in the speaker.
    if (!this.#queue.aside) this.#speaker.clear();
    this.#stoppedAtMs = Math.max(
      0,
      Math.min(this.#handedMs, this.#speaker.playedMs - this.#zeroMs),
    );
  }

  #pump(): void {
    if (!this.#pumping) void this.#run();
  }

  /** One at a time; whatever changes while it waits, it looks again before it ends. */
  async #run(): Promise<void> {
    this.#pumping = true;
    while (!this.#held) {
      const samples = this.#next();
      if (samples && !this.#mayPlay) {
        this.#mayPlay = this.#queue.take(this.done);
        await this.#mayPlay;
        continue;
      }
      if (samples && this.#queue.aside) await this.#queue.aside;
      else if (samples) await this.#hand(samples);
      else if (!this.#complete) break;
      else {
        await this.#speaker.drained();
        if (this.#held || this.#handed < this.#length) continue;
        this.#done.resolve();
        break;
      }
    }
    this.#pumping = false;
  }

  /** The next frame; a short one waits for more, unless there is none to come. */
  #next(): Int16Array | undefined {
    const frame = samplesOf(LIMITS.frameMs, this.#speaker.rateHz);
    const samples = this.#take(this.#handed, frame);
    const isWhole = samples.length === frame || (this.#complete && samples.length > 0);
    return isWhole ? samples : undefined;
  }

  #hand(samples: Int16Array): Promise<void> {
    if (!this.#started) {
      this.#started = true;
      this.#zeroMs = this.#speaker.playedMs;
      this.#onStart();
    }
    // Of what others have played since it stood still nothing is its own.
    if (this.#speaker.queuedMs === 0) this.#zeroMs = this.#speaker.playedMs - this.#handedMs;
    this.#handed += samples.length;
    return this.#speaker.write({ samples, rateHz: this.#speaker.rateHz });
  }

  /** Up to `count` samples from `from` on. */
  #take(from: number, count: number): Int16Array {
    const out = new Int16Array(Math.min(count, this.#length - from));
    let start = 0;
    for (const part of this.#samples) {
      const first = Math.max(0, from - start);
      const last = Math.min(part.length, from + out.length - start);
      if (first < last) out.set(part.subarray(first, last), start + first - from);
      start += part.length;
      if (start >= from + out.length) break;
    }
    return out;
  }
}
