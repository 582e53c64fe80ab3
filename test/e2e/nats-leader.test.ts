import { after, test } from "node:test";
import type { Bench } from "../contract/bench.ts";
import { blobsContract } from "../contract/blobs.contract.ts";
import { eventLogContract } from "../contract/event-log.contract.ts";
import { kvContract } from "../contract/kv.contract.ts";
import { findNats, NATS_VERSIONS, startCluster } from "../support/servers.ts";
import { leaderOf, openClusterBench } from "./support.ts";

/** The suites of a cluster again, while the server that leads the log is killed. */
const version = NATS_VERSIONS.at(-1)!;

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
