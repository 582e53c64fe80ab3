import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SimulatedClock } from "../../src/base/clock.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { openFaulty } from "../../src/broker/faulty/faulty-broker.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { Adapter, Bench } from "./bench.ts";
import { blobsContract } from "./blobs.contract.ts";
import { busContract } from "./bus.contract.ts";
import { eventLogContract } from "./event-log.contract.ts";
import { jobsContract } from "./jobs.contract.ts";
import { kvContract } from "./kv.contract.ts";
import { streamContract } from "./stream.contract.ts";

const ackWaitMs = 5_000;

async function openEmbeddedBench(fsyncBeforeAck: boolean): Promise<Bench> {
  const dataDir = await mkdtemp(join(tmpdir(), "turnfold-contract-"));
  const clock = new SimulatedClock();
  const broker = await openEmbedded({
    dataDir,
    clock,
    ackWaitMs,
    fsyncBeforeAck,
    segmentRecordsMax: 60,
  });
  return {
    broker,
    ackWaitMs,
    advance: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** Small segments on purpose: every suite then runs across their borders too. */
const adapters: readonly Adapter[] = [
  { name: "embedded", open: () => openEmbeddedBench(false) },
  { name: "embedded, synced before the answer", open: () => openEmbeddedBench(true) },
  {
    name: "memory",
    open: async () => {
      const clock = new SimulatedClock();
      const broker = openMemory({ clock, ackWaitMs });
      return {
        broker,
        ackWaitMs,
        advance: (ms) => clock.advance(ms),
        [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
      };
    },
  },
  {
    name: "faulty without a fault",
    open: async () => {
      const clock = new SimulatedClock();
      const inner = openMemory({ clock, ackWaitMs });
      const broker = openFaulty(inner, { clock, random: () => 0, faults: {} });
      return {
        broker,
        ackWaitMs,
        advance: (ms) => clock.advance(ms),
        [Symbol.asyncDispose]: async () => {
          await broker[Symbol.asyncDispose]();
          await inner[Symbol.asyncDispose]();
        },
      };
    },
  },
];

for (const adapter of adapters) {
  eventLogContract(adapter);
  busContract(adapter);
  jobsContract(adapter);
  kvContract(adapter);
  blobsContract(adapter);
  streamContract(adapter);
}
