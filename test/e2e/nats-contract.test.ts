import { after, test } from "node:test";
import { seededRandom } from "../../src/base/id.ts";
import type { Adapter, Bench } from "../contract/bench.ts";
import { blobsContract } from "../contract/blobs.contract.ts";
import { busContract } from "../contract/bus.contract.ts";
import { eventLogContract } from "../contract/event-log.contract.ts";
import { jobsContract } from "../contract/jobs.contract.ts";
import { kvContract } from "../contract/kv.contract.ts";
import { streamContract } from "../contract/stream.contract.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { openNatsBench } from "./support.ts";

/**
 * The same suites as every broker, on real servers of the oldest and the newest version: on one
 * that runs, and on one that is killed (-9) and started again in the middle of each test. What the
 * bus carries is lossy, and a claim whose answer is lost comes back only after its time: for these
 * two the server is killed between the opening and the test.
 */
const KILL_WITHIN_MS = 60;
const random = seededRandom(1);

/** A bench on a server that is killed within the next moments, or was just before. */
async function openKilled(server: NatsServer, when: "meanwhile" | "before"): Promise<Bench> {
  const bench = await openNatsBench(server.url);
  const strike = async (): Promise<void> => {
    await bench.advance(random() * KILL_WITHIN_MS);
    await server.kill();
    await server.restart();
  };
  const over = strike();
  if (when === "before") {
    await over;
    // Answered as soon as the connection is back.
    await bench.broker.kv.get("any");
  }
  const close = async (): Promise<void> => {
    await over;
    await bench[Symbol.asyncDispose]();
  };
  return { ...bench, [Symbol.asyncDispose]: close };
}

for (const version of NATS_VERSIONS) {
  const found = await findNats(version);
  if ("missing" in found) {
    test(`NATS ${version}`, { skip: found.missing }, () => undefined);
    continue;
  }
  const server = await NatsServer.start(found);
  after(() => server[Symbol.asyncDispose]());

  const steady: Adapter = { name: `NATS ${version}`, open: () => openNatsBench(server.url) };
  eventLogContract(steady);
  busContract(steady);
  jobsContract(steady);
  kvContract(steady);
  blobsContract(steady);
  streamContract(steady);

  const victim = await NatsServer.start(found);
  after(() => victim[Symbol.asyncDispose]());
  const adapter = (when: "meanwhile" | "before"): Adapter => ({
    name: `NATS ${version}, killed ${when}`,
    open: () => openKilled(victim, when),
  });
  eventLogContract(adapter("meanwhile"));
  kvContract(adapter("meanwhile"));
  blobsContract(adapter("meanwhile"));
  streamContract(adapter("meanwhile"));
  busContract(adapter("before"));
  jobsContract(adapter("before"));
}
