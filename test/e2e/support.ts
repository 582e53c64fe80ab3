import { sleep, systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import type { NatsServer } from "../support/servers.ts";
import { type Bench, unique } from "../contract/bench.ts";

type NatsOptions = Parameters<typeof openNats>[0];

export const ACK_WAIT_MS = 1_000;

/** A broker with names of its own on the server, by the real clock. */
export async function openNatsBench(
  url: string,
  more: Partial<NatsOptions> = {},
): Promise<Bench & { readonly prefix: string }> {
  const clock = systemClock;
  const prefix = unique("tf");
  const ackWaitMs = ACK_WAIT_MS;
  const broker = await openNats({ url, prefix, clock, ids: systemIds, ackWaitMs, ...more });
  return {
    broker,
    prefix,
    ackWaitMs,
    advance: (ms) => sleep(clock, ms),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
}

/**
 * It takes some seconds until another server leads, so the broker is given the patience for it;
 * only what comes out counts here, not how fast.
 */
const PATIENCE_MS = 40_000;

/** Over all servers of a cluster, with a copy on each. */
export function openClusterBench(servers: readonly NatsServer[]) {
  const url = servers.map((server) => server.url).join(",");
  return openNatsBench(url, { replicas: 3, patienceMs: PATIENCE_MS, shards: 1 });
}
