import { LIMITS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import type { Desk } from "../ledger/post.ts";
import { CallMetrics } from "./call-metrics.ts";
import type { MetricsSink } from "./metrics.port.ts";

export interface MetricsPorts {
  readonly log: EventLog;
  readonly logger: Logger;
  readonly sink: MetricsSink;
  readonly desk: () => Desk;
  /** Whose call it was, on every measurement: a time series more for each tenant. */
  readonly byTenant: boolean;
}

interface Fed {
  readonly metrics: CallMetrics;
  next: number;
  /** What was offered before is measured first. */
  done: Promise<void>;
}

/**
 * Measures the records of this process's calls as they are acknowledged. Of a call that was taken
 * over, or not heard of for long, what stands in the log before is read and not measured again.
 */
export class MetricsFeed implements AsyncDisposable {
  readonly #ports: MetricsPorts;
  readonly #calls = new Map<string, Fed>();
  readonly #running = new Set<Promise<void>>();

  constructor(ports: MetricsPorts) {
    this.#ports = ports;
  }

  offer(ref: CallRef, record: LogRecord): void {
    const key = `${ref.tenant}/${ref.call}`;
    const fed = this.#calls.get(key) ?? this.#begin(ref);
    this.#calls.delete(key);
    if (record.input.type !== "call.ended") this.#keep(key, fed);
    const done = fed.done
      .then(() => this.#measure(ref, fed, record))
      .catch((error: unknown) => {
        const { call } = ref;
        const cause = String(error);
        this.#ports.logger.log("warn", "a call is not measured any more", { call, cause });
        fed.next = Infinity;
      });
    fed.done = done;
    this.#running.add(done);
    void done.finally(() => this.#running.delete(done));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running);
    await this.#ports.sink[Symbol.asyncDispose]();
  }

  #begin({ tenant }: CallRef): Fed {
    const always = this.#ports.byTenant ? { "turnfold.tenant": tenant } : {};
    const metrics = new CallMetrics(tenant, this.#ports.desk(), always);
    return { metrics, next: 1, done: Promise.resolve() };
  }

  #keep(key: string, fed: Fed): void {
    this.#calls.set(key, fed);
    for (const oldest of this.#calls.keys())
      if (this.#calls.size > LIMITS.measuredCallsMax) this.#calls.delete(oldest);
  }

  async #measure(ref: CallRef, fed: Fed, record: LogRecord): Promise<void> {
    if (fed.next < record.seq)
      for await (const before of this.#ports.log.read(ref, fed.next)) {
        if (before.seq >= record.seq) break;
        fed.metrics.apply(before);
      }
    if (record.seq < fed.next) return;
    fed.next = record.seq + 1;
    for (const measurement of fed.metrics.apply(record)) this.#ports.sink.record(measurement);
  }
}
