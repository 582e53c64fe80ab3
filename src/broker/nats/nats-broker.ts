import type { Clock } from "../../base/clock.ts";
import type { Ids } from "../../base/id.ts";
import { type Logger, silentLogger } from "../../base/logger.ts";
import type { Broker } from "../broker.ts";
import { LocalBlobs } from "../local-blobs.ts";
import { Connection } from "./connection.ts";
import { NatsBlobs } from "./nats-blobs.ts";
import { NatsBus } from "./nats-bus.ts";
import { NatsJobs } from "./nats-jobs.ts";
import { NatsKv } from "./nats-kv.ts";
import { NatsLog } from "./nats-log.ts";
import { NatsStream } from "./nats-stream.ts";
import { prepareServer } from "./prepare-server.ts";
import { Streams } from "./streams.ts";
import { TextKeys } from "./text-keys.ts";

export interface NatsOptions {
  /** `nats://user:password@host:4222`, several servers of a cluster with commas. */
  readonly url: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger?: Logger;
  /** First token of all subjects and names on the server; default `turnfold`. */
  readonly prefix?: string;
  /** Copies of each stream: 1, or 3 on a cluster. */
  readonly replicas?: number;
  /** Streams the log is spread over; fixed when the log is made. */
  readonly shards?: number;
  /** The server's monitoring address, for the checks that only it can answer. */
  readonly monitorUrl?: string;
  /** How long a claim holds that is not kept alive. */
  readonly ackWaitMs?: number;
  /** How long an operation without an answer is tried again before it fails. */
  readonly patienceMs?: number;
}

/** A worker that died is followed within 3 s; claims are kept alive three times as often. */
const ACK_WAIT_MS = 2_000;
/** A killed server is back within 600 ms; the writer of a call has more patience of its own. */
const PATIENCE_MS = 2_500;

/**
 * The broker on NATS JetStream, for any number of processes. At start every feature that is relied
 * on is tried out. Errors: `broker.unavailable`, `broker.unfit` (an old or misconfigured server;
 * the message names the fix).
 */
export async function openNats(options: NatsOptions): Promise<Broker> {
  const { clock, ids, logger = silentLogger } = options;
  const ackWaitMs = options.ackWaitMs ?? ACK_WAIT_MS;
  const connection = await Connection.open(options.url, { clock, logger });
  try {
    const patienceMs = options.patienceMs ?? PATIENCE_MS;
    const streams = await Streams.open(connection, { clock, patienceMs });
    const layout = await prepareServer({ ...options, ackWaitMs, logger, connection, streams });
    const blobs = new LocalBlobs(new NatsBlobs(streams, layout.bucket("blobs")));
    const keys = new TextKeys(new NatsKv(streams, layout.bucket("keys"), ids), ids);
    return {
      log: new NatsLog({ streams, layout, ids, keys, blobs }),
      bus: new NatsBus(connection, logger),
      jobs: new NatsJobs({ connection, streams, layout, clock, ids, ackWaitMs, logger }),
      kv: new NatsKv(streams, layout.bucket("kv"), ids),
      blobs,
      usage: new NatsStream(streams, layout.usage),
      cost: new NatsStream(streams, layout.cost),
      [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
    };
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}
