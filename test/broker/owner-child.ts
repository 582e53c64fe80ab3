import { systemClock } from "../../src/base/clock.ts";
import { openEmbedded } from "../../src/broker/embedded/embedded-broker.ts";
import { EMPTY_TAIL } from "../../src/events/record.ts";
import { record } from "../contract/bench.ts";
import { REF } from "./embedded-bench.ts";

/** A process that owns a data folder, writes to every part of it and then waits to be killed. */
const broker = await openEmbedded({ dataDir: process.argv[2]!, clock: systemClock });
if ((await broker.log.tail(REF)).seq === 0)
  broker.log.append(REF, EMPTY_TAIL, [record(1), record(2)]);
await broker.kv.put("fleet.child", { pid: process.pid });
await broker.jobs.offer({ tenant: "acme", room: "first", payload: null });
await broker.jobs.offer({ tenant: "acme", room: "second", payload: { n: 2 } });
await broker.jobs.claim("child", 0);
process.stdout.write("ready\n");
if (process.argv[3] === "write")
  // Bounded, should nobody kill it. A number that was printed was acknowledged before.
  for (let tail = await broker.log.tail(REF), left = 20_000; left > 0; left--) {
    tail = broker.log.append(REF, tail, [record(tail.seq + 1), record(tail.seq + 2)]);
    process.stdout.write(`${tail.seq}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
// A test that dies takes the pipe with it, and this process too.
process.stdin.on("end", () => process.exit()).resume();
