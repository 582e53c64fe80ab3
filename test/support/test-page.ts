import type { AudioFrame } from "../../src/base/audio.ts";
import { samplesOf } from "../../src/base/audio.ts";
import type { Cancel, Clock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Page, Seat } from "../../src/media/browser.port.ts";

/**
 * A page on virtual time: waits a moment before it plays, plays in real time, acknowledges what it
 * has played, and sends its microphone in frames.
 */
export class TestPage implements Page {
  readonly heard: number[] = [];
  readonly dismissed: string[] = [];
  /** How fast it plays: 1 in real time, 0 not at all. */
  speed = 1;
  acknowledges = true;
  seat!: Seat;
  readonly #clock: Clock;
  readonly #rateHz: number;
  #queue: number[] = [];
  #playsFrom = Infinity;
  #playedAt = 0;
  #streamHeard = 0;
  #stream = 1;
  #next: Cancel = () => undefined;

  constructor(clock: Clock, rateHz: number) {
    this.#clock = clock;
    this.#rateHz = rateHz;
  }

  /** Sent and not heard. */
  get queuedMs(): number {
    this.#run();
    return (this.#queue.length * 1000) / this.#rateHz;
  }

  sit(seat: Seat): void {
    this.seat = seat;
    this.#stream = seat.stream;
    this.#tick();
  }

  play({ samples }: AudioFrame): void {
    this.#run();
    if (this.#queue.length === 0) this.#playsFrom = this.#clock.now() + LIMITS.pageDelayMs;
    this.#queue.push(...samples);
  }

  clear(stream: number): void {
    this.#run();
    this.#queue = [];
    this.#stream = stream;
    this.#streamHeard = 0;
  }

  dismiss(why: "replaced" | "ended"): void {
    this.dismissed.push(why);
    this.#next();
  }

  leave(): void {
    this.#next();
    this.seat.leave();
  }

  say(samples: Int16Array): void {
    const size = samplesOf(LIMITS.frameMs, this.#rateHz);
    const send = (at: number): void => {
      if (at >= samples.length) return;
      this.seat.hear(samples.slice(at, at + size));
      this.#clock.after(LIMITS.frameMs, () => send(at + size));
    };
    send(0);
  }

  #tick(): void {
    this.#next = this.#clock.after(10, () => {
      this.#run();
      if (this.acknowledges)
        this.seat.played(this.#stream, (this.#streamHeard * 1000) / this.#rateHz);
      this.#tick();
    });
  }

  /** Plays what should have sounded by now. */
  #run(): void {
    const now = this.#clock.now();
    const from = Math.max(this.#playsFrom, this.#playedAt);
    this.#playedAt = now;
    if (now <= from) return;
    const count = samplesOf((now - from) * this.speed, this.#rateHz);
    const played = this.#queue.splice(0, count);
    this.#streamHeard += played.length;
    this.heard.push(...played);
  }
}
