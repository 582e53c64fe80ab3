import { after, test } from "node:test";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { type Adapter, type Bench, unique } from "../contract/bench.ts";
import { blobsContract } from "../contract/blobs.contract.ts";
import { busContract } from "../contract/bus.contract.ts";
import { eventLogContract } from "../contract/event-log.contract.ts";
import { jobsContract } from "../contract/jobs.contract.ts";
import { kvContract } from "../contract/kv.contract.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";

/** The same suites as every broker, on real servers of the oldest and the newest version. */
const ACK_WAIT_MS = 1_000;

async function openBench(url: string): Promise<Bench> {
  const clock = systemClock;
  const prefix = unique("tf");
  const broker = await openNats({ url, prefix, clock, ids: systemIds, ackWaitMs: ACK_WAIT_MS });
  return {
    broker,
    ackWaitMs: ACK_WAIT_MS,
    advance: (ms) => sleep(clock, ms),
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  };
}

for (const version of NATS_VERSIONS) {
  const found = await findNats(version);
  if ("missing" in found) {
    test(`NATS ${version}`, { skip: found.missing }, () => undefined);
    continue;
  }
  const server = await NatsServer.start(found);
  after(() => server[Symbol.asyncDispose]());

  const steady: Adapter = { name: `NATS ${version}`, open: () => openBench(server.url) };
  eventLogContract(steady);
  busContract(steady);
  jobsContract(steady);
  kvContract(steady);
  blobsContract(steady);
}
