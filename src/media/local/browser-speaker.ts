import { frameMs, type AudioFrame } from "../../base/audio.ts";
import type { Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Page } from "../browser.port.ts";
import type { Speaker } from "../room.port.ts";

/**
 * The agent's voice in a page. Frames are sent at once and `write` waits while `aheadMs` of them
 * are not played, so they leave at the pace of real time with a small lead.
 *
 * M2: the page acknowledges what has left its output, a few times a second; in between, and where
 * no page is there, the position goes on by the clock, from a delay the page is known to wait. So
 * it is true to the length of an acknowledgement's way, moves smoothly, and ends in bounded time
 * even for a page that stands still: it may hold the playout back by `pageLagMsMax` and no more.
 * What the sound card itself delays, some 10 to 40 ms, is not counted.
 *
 * M1: `clear` tells the page and begins a new stream in the same step. What the page acknowledges
 * of an older stream is ignored: its position was fixed when it was cleared.
 */
export class BrowserSpeaker implements Speaker {
  readonly rateHz: number;
  readonly #clock: Clock;
  readonly #page: () => Page | undefined;
  #stream = 1;
  /** Of this stream: all that was sent. */
  #sentMs = 0;
  /** Of earlier streams: what was played. */
  #beforeMs = 0;
  /** The position never goes back, whatever a page says. */
  #leastMs = 0;
  /** When the last sample will have been played, and the same by the clock alone. */
  #endsAt = 0;
  #dueAt = 0;
  #waiting = new Set<() => void>();

  constructor(options: { rateHz: number; clock: Clock; page: () => Page | undefined }) {
    this.rateHz = options.rateHz;
    this.#clock = options.clock;
    this.#page = options.page;
  }

  get stream(): number {
    return this.#stream;
  }

  get queuedMs(): number {
    return Math.min(this.#sentMs, this.#restMs);
  }

  get playedMs(): number {
    return Math.max(this.#leastMs, this.#beforeMs + this.#sentMs - this.queuedMs);
  }

  async write(frame: AudioFrame): Promise<void> {
    const now = this.#clock.now();
    const ms = frameMs(frame);
    const idle = this.#endsAt <= now;
    this.#endsAt = ms + (idle ? now + LIMITS.pageDelayMs : this.#endsAt);
    this.#dueAt = ms + (idle ? now + LIMITS.pageDelayMs : this.#dueAt);
    this.#sentMs += ms;
    this.#page()?.play(frame);
    const stream = this.#stream;
    while (stream === this.#stream && this.#restMs > LIMITS.pageAheadMs)
      await this.#wait(this.#restMs - LIMITS.pageAheadMs);
  }

  /** The page's acknowledgement. */
  played(stream: number, ms: number): void {
    if (stream !== this.#stream) return;
    this.#leastMs = this.playedMs;
    const endsAt = this.#clock.now() + Math.max(0, this.#sentMs - ms);
    this.#endsAt = Math.min(endsAt, this.#dueAt + LIMITS.pageLagMsMax);
  }

  clear(): void {
    this.#beforeMs = this.playedMs;
    this.#newStream();
    this.#page()?.clear(this.#stream);
  }

  /** Another page plays from here on; of what was sent to the last one it knows nothing. */
  changePage(): void {
    this.#beforeMs += this.#sentMs;
    this.#leastMs = this.#beforeMs;
    this.#newStream();
  }

  async drained(): Promise<void> {
    while (this.#restMs > 0) await this.#wait(this.#restMs);
  }

  get #restMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.now());
  }

  #newStream(): void {
    this.#stream++;
    this.#sentMs = 0;
    this.#endsAt = this.#clock.now();
    this.#dueAt = this.#endsAt;
    for (const go of this.#waiting) go();
  }

  /** Ends after `ms`, or as soon as the stream is over. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        cancel();
        this.#waiting.delete(go);
        resolve();
      };
      const cancel = this.#clock.after(ms, go);
      this.#waiting.add(go);
    });
  }
}
