import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";
import { type Logger, silentLogger } from "../../base/logger.ts";
import type { Broker } from "../broker.ts";
import { LocalBlobs } from "../local-blobs.ts";
import { LocalBus } from "../local-bus.ts";
import { LocalJobs } from "../local-jobs.ts";
import { LocalKv } from "../local-kv.ts";
import type { Durability } from "./append-file.ts";
import { AtomicFiles } from "./atomic-file.ts";
import { toDataError } from "./data-error.ts";
import { DataLock } from "./data-lock.ts";
import { FileBlobs } from "./file-blobs.ts";
import { FileLog } from "./file-log.ts";
import { FileStreams } from "./file-streams.ts";
import { SyncQueue } from "./sync-queue.ts";
import { TableFile } from "./table-file.ts";

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger?: Logger;
  /**
   * No lock is taken and nothing is written: every change throws `data.readOnly`. The log is read
   * as it grows, `kv` as it stood at the opening; an open job can be seen but not claimed.
   */
  readonly readOnly?: boolean;
  /** Brings each append to the disk before it is acknowledged: slow, but power may fail. */
  readonly fsyncBeforeAck?: boolean;
  /** How long a claim holds that is not kept alive. */
  readonly ackWaitMs?: number;
  readonly segmentRecordsMax?: number;
}

/** Its log answers at once, which the port leaves open. */
export interface EmbeddedBroker extends Broker {
  readonly log: FileLog;
}

/**
 * The broker in one process, over files of one folder:
 * `<tenant>/<call>/NNNN.jsonl` with snapshots beside, `<tenant>/usage.jsonl` and `cost.jsonl`,
 * `kv.jsonl`, `jobs.jsonl`, `blobs/`, the lock.
 * An append is acknowledged from the page cache: it survives the death of the process, and within
 * some 20 ms that of the machine. Errors: `data.locked`, `data.failed`, `log.damaged` (tables).
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedBroker> {
  const { dataDir, clock, ackWaitMs, logger = silentLogger } = options;
  const parts = new DisposableStack();
  try {
    const writing = options.readOnly ? undefined : openWriting(options, logger, parts);
    const log = parts.use(new FileLog(dataDir, writing));
    const streams = { dataDir, ...(writing && { durability: writing.durability }) };
    const usage = parts.use(new FileStreams({ ...streams, name: "usage" }));
    const cost = parts.use(new FileStreams({ ...streams, name: "cost" }));
    const kv = parts.use(new TableFile(join(dataDir, "kv.jsonl"), writing));
    const open = parts.use(new TableFile(join(dataDir, "jobs.jsonl"), writing));
    const bus = parts.adopt(new LocalBus(clock, { logger }), (it) => it.close());
    const jobs = parts.adopt(new LocalJobs(clock, open.table, ackWaitMs), (it) => it.close());
    const blobs = new LocalBlobs(new FileBlobs(join(dataDir, "blobs"), writing?.files));
    return {
      log,
      bus,
      jobs,
      kv: new LocalKv(kv.table),
      blobs,
      usage,
      cost,
      [Symbol.asyncDispose]: async () => parts.dispose(),
    };
  } catch (error) {
    parts.dispose();
    throw error;
  }
}

interface Writing {
  readonly durability: Durability;
  readonly files: AtomicFiles;
  readonly segmentRecordsMax: number;
}

/** The lock first and so let go last: nothing is ever written without it. */
function openWriting(options: EmbeddedOptions, logger: Logger, parts: DisposableStack): Writing {
  const { dataDir, fsyncBeforeAck = false } = options;
  try {
    mkdirSync(dataDir, { recursive: true });
    parts.use(new DataLock(dataDir));
    const syncs = parts.adopt(new SyncQueue(logger), (it) => it.close());
    return {
      durability: { syncs, fsyncBeforeAck },
      files: new AtomicFiles(dataDir),
      segmentRecordsMax: options.segmentRecordsMax ?? LIMITS.segmentRecordsMax,
    };
  } catch (error) {
    throw toDataError(error, `${dataDir} cannot be opened`);
  }
}
