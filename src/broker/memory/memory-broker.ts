import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Broker } from "../broker.ts";
import { LocalBlobs } from "../local-blobs.ts";
import { LocalBus } from "../local-bus.ts";
import { LocalJobs } from "../local-jobs.ts";
import { LocalKv } from "../local-kv.ts";
import { Table } from "../table.ts";
import { MemoryLog } from "./memory-log.ts";
import { MemoryStream } from "./memory-stream.ts";

export interface MemoryOptions {
  readonly clock: Clock;
  readonly logger?: Logger;
  /** How long a claim holds that is not kept alive. */
  readonly ackWaitMs?: number;
}

/** All ports in memory, for simulations and tests; what is in it is gone with it. */
export function openMemory({ clock, logger, ackWaitMs }: MemoryOptions): Broker {
  const bus = new LocalBus(clock, logger ? { logger } : {});
  const jobs = new LocalJobs(clock, new Table(), ackWaitMs);
  const blobs = new Map<string, Uint8Array>();
  return {
    log: new MemoryLog(),
    bus,
    jobs,
    kv: new LocalKv(new Table()),
    blobs: new LocalBlobs({
      has: async (digest) => blobs.has(digest),
      write: async (digest, bytes) => void blobs.set(digest, bytes.slice()),
      read: async (digest) => blobs.get(digest)?.slice(),
    }),
    usage: new MemoryStream(),
    cost: new MemoryStream(),
    [Symbol.asyncDispose]: async () => {
      bus.close();
      jobs.close();
    },
  };
}
