import type { EventLog } from "../broker/event-log.port.ts";
import type { CallRef, LogRecord } from "../events/record.ts";

/**
 * Records of a call as they come: first what the log holds, then what this process acknowledges, in
 * order and without a gap. Whoever follows too slowly is sent what the log holds meanwhile.
 */
export class CallFeed {
  readonly #log: EventLog;
  readonly #followers = new Map<string, Set<() => void>>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** Tells the followers of a call that its log has grown. */
  grew({ call }: CallRef): void {
    for (const wake of this.#followers.get(call) ?? []) wake();
  }

  /** Ends with the call's last record, or when the signal aborts. */
  async *follow(ref: CallRef, signal: AbortSignal): AsyncIterable<LogRecord> {
    let next = 1;
    let wake = Promise.withResolvers<void>();
    const onGrowth = (): void => wake.resolve();
    const followers = this.#followers.get(ref.call) ?? new Set();
    this.#followers.set(ref.call, followers.add(onGrowth));
    signal.addEventListener("abort", onGrowth, { once: true });
    try {
      while (!signal.aborted) {
        wake = Promise.withResolvers<void>();
        let ended = false;
        for await (const record of this.#log.read(ref, next)) {
          yield record;
          next = record.seq + 1;
          ended = record.input.type === "call.ended";
        }
        if (ended) return;
        await wake.promise;
      }
    } finally {
      followers.delete(onGrowth);
      if (followers.size === 0) this.#followers.delete(ref.call);
    }
  }
}
