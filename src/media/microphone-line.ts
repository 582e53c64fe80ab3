import { frameMs, samplesOf, type AudioFrame } from "../base/audio.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";

export interface LineOptions {
  readonly clock: Clock;
  readonly rateHz: number;
  readonly deliver: (frame: AudioFrame) => void;
  /** Sound that was too late. */
  readonly onDrop?: (ms: number) => void;
}

/**
 * A microphone elsewhere as a track without gaps. Sound that is late for a moment is waited for;
 * after `microphoneGapMs` silence stands in for it, and what then comes too late is dropped, so
 * that the track's time and the clock never part for longer. Nothing is queued.
 */
export class MicrophoneLine {
  readonly #options: LineOptions;
  /** Until when sound was delivered. */
  #deliveredTo: number;
  #silent = false;
  #next: Cancel;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#deliveredTo = options.clock.now();
    this.#next = this.#schedule();
  }

  push(samples: Int16Array): void {
    this.#fillGap();
    const { clock, rateHz, deliver, onDrop } = this.#options;
    const frame = { samples, rateHz };
    const until = this.#deliveredTo + frameMs(frame);
    if (until > clock.now() + LIMITS.microphoneBurstMs) return onDrop?.(frameMs(frame));
    this.#silent = false;
    this.#deliveredTo = until;
    deliver(frame);
  }

  close(): void {
    this.#next();
  }

  #schedule(): Cancel {
    return this.#options.clock.after(LIMITS.microphoneGapMs / 10, () => {
      this.#fillGap();
      this.#next = this.#schedule();
    });
  }

  /** Once silence has begun it goes on in time, until the microphone is back. */
  #fillGap(): void {
    const { clock, rateHz, deliver } = this.#options;
    const now = clock.now();
    if (!this.#silent && now - this.#deliveredTo < LIMITS.microphoneGapMs) return;
    this.#silent = true;
    while (this.#deliveredTo + LIMITS.frameMs <= now) {
      this.#deliveredTo += LIMITS.frameMs;
      const samples = new Int16Array(samplesOf(LIMITS.frameMs, rateHz));
      deliver({ samples, rateHz });
    }
  }
}
