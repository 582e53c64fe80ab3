import type { Blobs } from "./blobs.port.ts";
import type { Bus } from "./bus.port.ts";
import type { EventLog } from "./event-log.port.ts";
import type { Jobs } from "./jobs.port.ts";
import type { Kv } from "./kv.port.ts";
import type { Stream } from "./stream.port.ts";

/** The ports that must agree: an adapter gives all of them or none. */
export interface Broker extends AsyncDisposable {
  readonly log: EventLog;
  readonly bus: Bus;
  readonly jobs: Jobs;
  readonly kv: Kv;
  readonly blobs: Blobs;
  /** What calls used, a key per call. */
  readonly usage: Stream;
  /** What it cost, a key per tenant. */
  readonly cost: Stream;
}
