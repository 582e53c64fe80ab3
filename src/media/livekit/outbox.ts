import { sleep, type Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";

type Send = () => Promise<unknown>;

/**
 * Words and attributes on their way out, in order and one at a time. M3: what is newer under the
 * same key takes the place of what still waits; over `roomOutboxMax` the oldest is dropped; and a
 * sending that hangs holds up the next for `roomSendMsMax` at most.
 */
export class Outbox {
  readonly #clock: Clock;
  readonly #onDrop: (error?: unknown) => void;
  readonly #waiting = new Map<string, Send>();
  readonly #closed = new AbortController();
  #sending = false;

  constructor(clock: Clock, onDrop: (error?: unknown) => void) {
    this.#clock = clock;
    this.#onDrop = onDrop;
  }

  put(key: string, send: Send): void {
    if (this.#closed.signal.aborted) return;
    this.#waiting.set(key, send);
    if (this.#waiting.size > LIMITS.roomOutboxMax) {
      const [oldest] = this.#waiting.keys();
      this.#waiting.delete(oldest!);
      this.#onDrop();
    }
    if (!this.#sending) void this.#run();
  }

  close(): void {
    this.#closed.abort();
    this.#waiting.clear();
  }

  async #run(): Promise<void> {
    this.#sending = true;
    for (const [key, send] of this.#waiting) {
      this.#waiting.delete(key);
      await this.#send(send);
    }
    this.#sending = false;
  }

  async #send(send: Send): Promise<void> {
    const sent = new AbortController();
    const over = AbortSignal.any([sent.signal, this.#closed.signal]);
    const done = send()
      .catch((error: unknown) => {
        if (!this.#closed.signal.aborted) this.#onDrop(error);
      })
      .finally(() => sent.abort());
    await Promise.race([done, sleep(this.#clock, LIMITS.roomSendMsMax, over)]);
  }
}
