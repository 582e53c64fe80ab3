import { after, test } from "node:test";
import { blobsContract } from "../contract/blobs.contract.ts";
import { busContract } from "../contract/bus.contract.ts";
import { eventLogContract } from "../contract/event-log.contract.ts";
import { jobsContract } from "../contract/jobs.contract.ts";
import { kvContract } from "../contract/kv.contract.ts";
import { findNats, NATS_VERSIONS, startCluster } from "../support/servers.ts";
import { openClusterBench } from "./support.ts";

/** Three servers, each stream on all of them: the suites as they are. */
for (const version of NATS_VERSIONS) {
  const found = await findNats(version);
  if ("missing" in found) {
    test(`cluster of NATS ${version}`, { skip: found.missing }, () => undefined);
    continue;
  }
  const servers = await startCluster(found.path);
  after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));
  const steady = {
    name: `a cluster of NATS ${version}`,
    open: () => openClusterBench(servers),
  };
  eventLogContract(steady);
  busContract(steady);
  jobsContract(steady);
  kvContract(steady);
  blobsContract(steady);
}
