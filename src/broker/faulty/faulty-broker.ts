import type { Broker } from "../broker.ts";
import { FaultyJobs } from "./faulty-jobs.ts";
import { FaultyLog } from "./faulty-log.ts";
import { FaultyStream } from "./faulty-stream.ts";
import { type FaultCounts, FaultSource, type FaultyOptions } from "./faults.ts";

export interface FaultyBroker extends Broker {
  /** How often each fault has struck. */
  readonly counts: FaultCounts;
}

/**
 * A broker that fails as brokers do, for tests of the layers above. Bus, kv and blobs pass through.
 * It does not dispose of `inner`: several may stand around one, each seen by another worker. What
 * was to land later is lost when it is disposed of.
 */
export function openFaulty(inner: Broker, options: FaultyOptions): FaultyBroker {
  const faults = new FaultSource(options);
  return {
    log: new FaultyLog(inner.log, faults),
    jobs: new FaultyJobs(inner.jobs, faults),
    bus: inner.bus,
    kv: inner.kv,
    blobs: inner.blobs,
    usage: new FaultyStream(inner.usage, faults),
    cost: new FaultyStream(inner.cost, faults),
    counts: faults.counts,
    [Symbol.asyncDispose]: async () => faults.close(),
  };
}
