import { after, test } from "node:test";
import type { Adapter, Bench } from "../contract/bench.ts";
import { blobsContract } from "../contract/blobs.contract.ts";
import { busContract } from "../contract/bus.contract.ts";
import { eventLogContract } from "../contract/event-log.contract.ts";
import { jobsContract } from "../contract/jobs.contract.ts";
import { kvContract } from "../contract/kv.contract.ts";
import { findNats, NATS_VERSIONS, startCluster } from "../support/servers.ts";
import { leaderOf, openNatsBench } from "./support.ts";

/**
 * Three servers, each stream on all of them: the suites as they are, and again while the server
 * that leads the log is killed. It takes some seconds until another leads, so the broker is given
 * the patience for it; only what comes out counts here, not how fast.
 */
const PATIENCE_MS = 40_000;

for (const version of NATS_VERSIONS) {
  const found = await findNats(version);
  if ("missing" in found) {
    test(`cluster of NATS ${version}`, { skip: found.missing }, () => undefined);
    continue;
  }
  const servers = await startCluster(found.path);
  after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));
  const url = servers.map((server) => server.url).join(",");
  const more = { replicas: 3, patienceMs: PATIENCE_MS, shards: 1 };

  const steady: Adapter = {
    name: `a cluster of NATS ${version}`,
    open: () => openNatsBench(url, more),
  };
  eventLogContract(steady);
  busContract(steady);
  jobsContract(steady);
  kvContract(steady);
  blobsContract(steady);

  /** The one that leads the bench's log dies as the test begins, and comes back behind it. */
  const openKilled = async (): Promise<Bench> => {
    const bench = await openNatsBench(url, more);
    const leader = await leaderOf(servers, `${bench.prefix}_log_0`);
    const over = leader.kill();
    const close = async (): Promise<void> => {
      await over;
      await leader.restart();
      await bench[Symbol.asyncDispose]();
    };
    return { ...bench, [Symbol.asyncDispose]: close };
  };
  const killed: Adapter = { name: `NATS ${version} whose leader is killed`, open: openKilled };
  // Each of these takes as long as the election of a leader.
  if (version !== NATS_VERSIONS.at(-1)) continue;
  eventLogContract(killed);
  kvContract(killed);
  blobsContract(killed);
}
