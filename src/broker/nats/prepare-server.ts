import { AckPolicy, DeliverPolicy, type StreamInfo } from "@nats-io/jetstream";
import { nanos } from "@nats-io/transport-node";
import type { Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Ids } from "../../base/id.ts";
import type { Logger } from "../../base/logger.ts";
import { Token } from "../../events/record.ts";
import type { Connection } from "./connection.ts";
import { Layout, logStream, SHARDS_KEY, type WantedStream } from "./layout.ts";
import { apiCode, NO_REPLICAS, toBrokerError } from "./nats-error.ts";
import { Patience } from "./patience.ts";
import {
  checkCompareAndSet,
  checkEcho,
  checkMonitor,
  checkOwnRights,
  checkVersions,
  unfit,
  waitForReplicas,
} from "./server-checks.ts";
import type { Streams } from "./streams.ts";

export interface Preparation {
  readonly connection: Connection;
  readonly streams: Streams;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly ackWaitMs: number;
  readonly prefix?: string;
  readonly replicas?: number;
  readonly shards?: number;
  readonly monitorUrl?: string;
}

const SHARDS = 4;
/** How long a cluster that has just started may take to see its servers. */
const PLACEMENT_MS = 30_000;
const NO_PEERS = 10_005;
/** Pulls of idle workers that may wait at a time. */
const WAITING_MAX = 5_000;

/**
 * Makes what is missing on the server, and verifies by its effect all that is relied on. To run it
 * again changes nothing.
 */
export async function prepareServer(preparation: Preparation): Promise<Layout> {
  const { connection, streams, clock, ids, logger, monitorUrl } = preparation;
  try {
    await checkVersions(connection, streams, logger);
    const layout = await findLayout(preparation);
    for (const wanted of layout.streams()) {
      const { config } = await openStream(streams, wanted, clock);
      checkEcho(wanted, config);
      await waitForReplicas(streams, wanted.name, clock);
    }
    await openWorkers(streams, layout, preparation.ackWaitMs);
    await checkCompareAndSet(streams, layout, ids);
    await checkOwnRights(connection, layout, logger);
    await checkMonitor(monitorUrl, logger);
    return layout;
  } catch (error) {
    throw toBrokerError(error);
  }
}

/** Where a call lies follows from the number of shards, so what the log was made with counts. */
async function findLayout({ streams, ...options }: Preparation): Promise<Layout> {
  const { prefix = "turnfold", replicas = 1, shards } = options;
  if (!Token.safeParse(prefix).success)
    throw new AppError("config.invalid", `NATS_PREFIX ${prefix}: use letters, digits, - and _`);
  const first = await streams.find(logStream(prefix, 0));
  const made = Number(first?.config.metadata?.[SHARDS_KEY] ?? 0);
  if (made > 0 && shards !== undefined && shards !== made)
    throw new AppError(
      "broker.unfit",
      `the log on this server has ${made} shards, not ${shards}: set NATS_SHARDS=${made}, ` +
        "or take another NATS_PREFIX for a new log",
    );
  return new Layout(prefix, made || (shards ?? SHARDS), replicas);
}

async function openStream(
  streams: Streams,
  wanted: WantedStream,
  clock: Clock,
): Promise<StreamInfo> {
  const patience = new Patience(clock, PLACEMENT_MS);
  for (;;) {
    const found = await streams.find(wanted.name);
    if (found) return found;
    try {
      // Two processes that start at once ask for the same, which the server takes as one.
      return await streams.ask(() => streams.jsm.streams.add(wanted));
    } catch (error) {
      // A cluster that has just started has not yet seen all its servers.
      if (apiCode(error) !== NO_PEERS || !(await patience.pause())) throw misplaced(error, wanted);
    }
  }
}

function misplaced(error: unknown, { name, num_replicas = 1 }: WantedStream): unknown {
  if (apiCode(error) !== NO_PEERS && apiCode(error) !== NO_REPLICAS) return error;
  const fix = "start more servers of the cluster, or set NATS_REPLICAS=1";
  return unfit(`${name} cannot have ${num_replicas} replicas on this server: ${fix}`);
}

/** One consumer for all workers; claims without end, for rooms last as long as they last. */
async function openWorkers(streams: Streams, layout: Layout, ackWaitMs: number): Promise<void> {
  const wanted = {
    durable_name: layout.workers,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    deliver_policy: DeliverPolicy.All,
    max_deliver: -1,
    max_ack_pending: -1,
    max_waiting: WAITING_MAX,
  };
  const { config } = await streams.ask(() => streams.jsm.consumers.add(layout.jobs, wanted));
  checkEcho({ name: `${layout.jobs}.${layout.workers}`, ...wanted }, config);
}
