import assert from "node:assert/strict";
import { after, test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";
import type { Bench } from "../contract/bench.ts";
import { blobsContract } from "../contract/blobs.contract.ts";
import { eventLogContract } from "../contract/event-log.contract.ts";
import { kvContract } from "../contract/kv.contract.ts";
import { findNats, type NatsServer, NATS_VERSIONS, startCluster } from "../support/servers.ts";
import { openClusterBench } from "./support.ts";

/** The suites of a cluster again, while the server that leads the log is killed. */
const version = NATS_VERSIONS.at(-1)!;

async function leaderOf(servers: readonly NatsServer[], stream: string): Promise<NatsServer> {
  const nc = await connect({ servers: servers.map(({ port }) => `127.0.0.1:${port}`) });
  try {
    const { cluster } = await (await jetstreamManager(nc)).streams.info(stream);
    const leader = servers.find(({ name }) => name === cluster?.leader);
    assert.ok(leader, "the stream has a leader");
    return leader;
  } finally {
    await nc.close();
  }
}

const found = await findNats(version);
if ("missing" in found) test(`leader of NATS ${version}`, { skip: found.missing }, () => undefined);
else {
  const servers = await startCluster(found.path);
  after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));

  /** The one that leads the bench's log dies as the test begins, and comes back behind it. */
  const open = async (): Promise<Bench> => {
    const bench = await openClusterBench(servers);
    const leader = await leaderOf(servers, `${bench.prefix}_log_0`);
    const over = leader.kill();
    const close = async (): Promise<void> => {
      await over;
      await leader.restart();
      await bench[Symbol.asyncDispose]();
    };
    return { ...bench, [Symbol.asyncDispose]: close };
  };
  // Each test of these takes as long as the election of a leader.
  const killed = { name: `NATS ${version} whose leader is killed`, open };
  eventLogContract(killed);
  kvContract(killed);
  blobsContract(killed);
}
