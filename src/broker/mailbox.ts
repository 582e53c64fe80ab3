import { LIMITS } from "../base/limits.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import type { Json } from "../events/record.ts";
import type { BusHandler, BusMessage } from "./bus.port.ts";

export interface Delivery {
  readonly message: BusMessage;
  readonly answer?: (data: Json) => void;
}

export interface MailboxOptions {
  readonly pattern: string;
  readonly handler: BusHandler;
  readonly backlogMax?: number;
  readonly logger?: Logger;
}

/**
 * What waits for one subscription's handler: one message at a time, in order, never inside `push`.
 * Of a backlog that grows too long the oldest are dropped and counted; a handler that throws harms
 * nobody else, its request goes unanswered.
 */
export class Mailbox {
  dropped = 0;
  readonly #options: MailboxOptions;
  readonly #backlogMax: number;
  #backlog: Delivery[] = [];
  /** Index of the oldest waiting message: shifting a long array at each step would be quadratic. */
  #head = 0;
  #running = false;
  #closed = false;

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.#backlogMax = options.backlogMax ?? LIMITS.busBacklogMax;
  }

  push(delivery: Delivery): void {
    this.#backlog.push(delivery);
    if (this.#backlog.length - this.#head > this.#backlogMax) {
      this.#head++;
      this.dropped++;
      this.#trim();
    }
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#drain());
  }

  close(): void {
    this.#closed = true;
    this.#backlog = [];
    this.#head = 0;
  }

  async #drain(): Promise<void> {
    const { handler, pattern, logger = silentLogger } = this.#options;
    while (!this.#closed && this.#head < this.#backlog.length) {
      const { message, answer } = this.#backlog[this.#head++]!;
      this.#trim();
      try {
        const data = await handler(message);
        if (data !== undefined) answer?.(data);
      } catch (error) {
        logger.log("error", "a bus handler threw", { pattern, error: String(error) });
      }
    }
    this.#running = false;
  }

  /** Gives up the delivered part of the array once it is the larger part. */
  #trim(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#backlog.length) return;
    this.#backlog = this.#backlog.slice(this.#head);
    this.#head = 0;
  }
}
