import type { Json } from "../events/record.ts";

/** Whose items: of a tenant, or of one call of it. */
export interface StreamKey {
  readonly tenant: string;
  readonly call?: string;
}

export interface StreamItem {
  /** Names what it says, as a hash does: two items with one id say the same. */
  readonly id: string;
  readonly value: Json;
}

export interface StreamEntry extends StreamItem {
  readonly key: StreamKey;
  /** From 1 on; grows along the tenant's stream, with gaps on some brokers. */
  readonly position: number;
}

/**
 * A stream per tenant that only grows: usage, whose items are of calls, or cost, whose are of the
 * tenant. S1: an append is compare-and-set on the last position of its key. S2: the key's last
 * append may be repeated: what has its id is it. S3: readers see whole items, in order.
 * Errors: `stream.conflict` (another was first: read, decide again), `log.unknown` (it may stand
 * there: read), `log.damaged`, `record.tooLarge`.
 */
export interface Stream {
  /** Appends where the key's last position is `expect`, 0 for none. Returns the new position. */
  append(key: StreamKey, expect: number, item: StreamItem): Promise<number>;
  /** What stands behind `after` (default 0) as the reading begins. Without a call: of all calls. */
  read(key: StreamKey, after?: number): AsyncIterable<StreamEntry>;
  /** The last position, 0 where nothing stands. */
  tail(key: StreamKey): Promise<number>;
}
