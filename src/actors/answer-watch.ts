import type { Cancel, Clock } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";

/**
 * Watches the wait for a log's answer. L7: it tells for how long there has been none. A process
 * that stood still (stopped and continued, a blocked loop) may find an old answer in its hands, so
 * each answer is asked whether the loop ran all the while. The timer runs only while one waits.
 */
const BEAT_MS = 250;

export class AnswerWatch {
  readonly #clock: Clock;
  readonly #onBeat: (ms: number) => void;
  #since: number | undefined;
  /** When the loop was last seen to run. */
  #aliveAt = 0;
  #gaps = 0;
  #cancel: Cancel | undefined;

  /** `onBeat` is told for how many ms there has been no answer; time stood still is left out. */
  constructor(clock: Clock, onBeat: (ms: number) => void) {
    this.#clock = clock;
    this.#onBeat = onBeat;
  }

  /** The first question that has no answer yet; what follows it belongs to the same wait. */
  begin(): void {
    this.#since = this.#aliveAt = this.#clock.now();
    this.#cancel ??= this.#clock.after(BEAT_MS, () => this.#beat());
  }

  /** The wait is over. */
  end(): void {
    this.#since = undefined;
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.end();
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** To be kept with a question. */
  get mark(): number {
    return this.#gaps;
  }

  /** Whether this process ran ever since it asked. */
  ranSince(mark: number): boolean {
    this.#look();
    return mark === this.#gaps;
  }

  #look(): void {
    const now = this.#clock.now();
    const gap = now - this.#aliveAt;
    this.#aliveAt = now;
    if (gap <= LIMITS.loopGapMsMax) return;
    this.#gaps++;
    if (this.#since !== undefined) this.#since += gap;
  }

  #beat(): void {
    this.#cancel = undefined;
    if (this.#since === undefined) return;
    this.#look();
    this.#cancel = this.#clock.after(BEAT_MS, () => this.#beat());
    this.#onBeat(this.#clock.now() - this.#since);
  }
}
