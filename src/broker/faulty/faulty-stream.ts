import { streamConflict, streamUnknown } from "../stream-rule.ts";
import type { Stream, StreamEntry, StreamItem, StreamKey } from "../stream.port.ts";
import type { FaultSource } from "./faults.ts";

/** How many items a stale reader may lag behind. */
const STALE_ITEMS_MAX = 3;

/** The stream that loses, delays and lags; what it tells was true of it at some time. */
export class FaultyStream implements Stream {
  readonly #inner: Stream;
  readonly #faults: FaultSource;

  constructor(inner: Stream, faults: FaultSource) {
    this.#inner = inner;
    this.#faults = faults;
  }

  async append(key: StreamKey, expect: number, item: StreamItem): Promise<number> {
    const land = (): Promise<number> => this.#inner.append(key, expect, item);
    switch (this.#faults.draw("append")) {
      case "ackLost":
        await land();
        throw streamUnknown(key);
      case "ackLate": {
        const position = await land();
        return new Promise((resolve) => this.#faults.later(() => resolve(position)));
      }
      case "appendLost":
        throw streamUnknown(key);
      case "landedLater":
        this.#faults.later(() => void land().catch(() => undefined));
        throw streamUnknown(key);
      case "conflict":
        throw streamConflict(key, expect);
      default:
        return land();
    }
  }

  async *read(key: StreamKey, after = 0): AsyncGenerator<StreamEntry> {
    const lag = this.#faults.draw("read") ? this.#faults.pick(STALE_ITEMS_MAX) : 0;
    const held: StreamEntry[] = [];
    for await (const entry of this.#inner.read(key, after)) {
      held.push(entry);
      if (held.length > lag) yield held.shift()!;
    }
  }

  /** One that lags does not know the last items. */
  async tail(key: StreamKey): Promise<number> {
    const lag = this.#faults.draw("tail") ? this.#faults.pick(STALE_ITEMS_MAX) : 0;
    if (lag === 0) return this.#inner.tail(key);
    const positions: number[] = [];
    for await (const { position } of this.#inner.read(key)) positions.push(position);
    return positions.at(-1 - lag) ?? 0;
  }
}
