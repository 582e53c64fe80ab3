import { frameMs, samplesOf, type AudioFrame } from "../../base/audio.ts";
import type { Cancel, Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";

/**
 * A page's microphone as a track without gaps. Sound that is late for a moment is waited for; after
 * `microphoneGapMs` silence stands in for it, and what then comes too late is dropped, so that the
 * track's time and the clock never part for longer. Nothing is queued.
 */
export class MicrophoneLine {
  readonly #clock: Clock;
  readonly #rateHz: number;
  readonly #deliver: (frame: AudioFrame) => void;
  /** Until when sound was delivered. */
  #deliveredTo: number;
  #silent = false;
  #next: Cancel;

  constructor(options: {
    readonly clock: Clock;
    readonly rateHz: number;
    readonly deliver: (frame: AudioFrame) => void;
  }) {
    this.#clock = options.clock;
    this.#rateHz = options.rateHz;
    this.#deliver = options.deliver;
    this.#deliveredTo = this.#clock.now();
    this.#next = this.#schedule();
  }

  push(samples: Int16Array): void {
    this.#fillGap();
    const frame = { samples, rateHz: this.#rateHz };
    const until = this.#deliveredTo + frameMs(frame);
    if (until > this.#clock.now() + LIMITS.microphoneBurstMs) return;
    this.#silent = false;
    this.#deliveredTo = until;
    this.#deliver(frame);
  }

  close(): void {
    this.#next();
  }

  #schedule(): Cancel {
    return this.#clock.after(LIMITS.microphoneGapMs / 10, () => {
      this.#fillGap();
      this.#next = this.#schedule();
    });
  }

  /** Once silence has begun it goes on in time, until the microphone is back. */
  #fillGap(): void {
    const now = this.#clock.now();
    if (!this.#silent && now - this.#deliveredTo < LIMITS.microphoneGapMs) return;
    this.#silent = true;
    while (this.#deliveredTo + LIMITS.frameMs <= now) {
      this.#deliveredTo += LIMITS.frameMs;
      const samples = new Int16Array(samplesOf(LIMITS.frameMs, this.#rateHz));
      this.#deliver({ samples, rateHz: this.#rateHz });
    }
  }
}
