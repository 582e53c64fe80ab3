import type { Json } from "../events/record.ts";

export interface BusMessage {
  readonly subject: string;
  readonly data: Json;
}

/** What a subscription's handler may answer a request with; undefined answers nothing. */
export type BusHandler = (message: BusMessage) => Json | undefined | Promise<Json | undefined>;

/**
 * Lossy messages between processes and to the world; the truth is the log. Patterns are NATS's:
 * `*` for one token, `>` for the rest. One subscriber sees the messages of one publisher in order;
 * what it lags behind by more than `LIMITS.busBacklogMax` is dropped, oldest first, and counted.
 */
export interface Bus {
  publish(subject: string, data: Json): void;
  /** `queue` names a group of which one member gets each message. */
  subscribe(pattern: string, handler: BusHandler, options?: { queue?: string }): Subscription;
  /** Asks and waits for the first answer. Errors: `bus.noResponder`, `bus.timeout`. */
  request(subject: string, data: Json, timeoutMs: number): Promise<Json>;
}

export interface Subscription {
  /** Messages dropped because the handler lagged. */
  readonly dropped: number;
  close(): void;
}
