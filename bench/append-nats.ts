import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { systemClock } from "../src/base/clock.ts";
import { systemIds } from "../src/base/id.ts";
import { openNats } from "../src/broker/nats/nats-broker.ts";
import { encodeRecord } from "../src/events/codec.ts";
import { EMPTY_TAIL, type LogRecord, type LogTail } from "../src/events/record.ts";
import { findNats, NatsServer } from "../test/support/servers.ts";
import { recordConversation } from "./conversation.ts";
import { samplesOf } from "./measure.ts";
import { toRow, type Bench, type Row } from "./report.ts";

const TURNS = 20;
const BATCHES = [1, 8];
const SYNCS = ["always", "2m"];
const APPENDS = 1_000;
const WARMUPS = 100;

/** The log on one JetStream server, one append after the other, as one call makes them. */
export const appendNats: Bench = {
  name: "append-nats",
  run: async () => {
    const found = await findNats("2.15.2");
    if ("missing" in found) {
      process.stderr.write(`append-nats left out: ${found.missing}\n`);
      return [];
    }
    const records = await recordConversation({ turns: TURNS });
    const rows: Row[] = [];
    for (const sync of SYNCS) {
      await using server = await NatsServer.start({
        ...found,
        jetstream: `sync_interval: "${sync}"`,
      });
      for (const batch of BATCHES) rows.push(await measure(records, { server, sync, batch }));
    }
    return rows;
  },
};

interface Setting {
  readonly server: NatsServer;
  readonly sync: string;
  readonly batch: number;
}

async function measure(records: readonly LogRecord[], setting: Setting): Promise<Row> {
  const { server, sync, batch } = setting;
  await using broker = await openNats({ url: server.url, clock: systemClock, ids: systemIds });
  const bare = await openBare(server);
  const ours: number[] = [];
  const floor: number[] = [];
  let call = 0;
  let tail: LogTail = EMPTY_TAIL;
  for (let i = -WARMUPS; i < APPENDS; i++) {
    if (tail.seq + batch > records.length) [tail, call] = [EMPTY_TAIL, call + 1];
    const part = records.slice(tail.seq, tail.seq + batch);
    const ref = { tenant: `b${batch}`, call: `c${call}` };
    let startedAt = performance.now();
    tail = await broker.log.append(ref, tail, part);
    if (i >= 0) ours.push((performance.now() - startedAt) * 1_000);
    const lines = part.map(encodeRecord).join("\n");
    startedAt = performance.now();
    await bare.publish(lines);
    if (i >= 0) floor.push((performance.now() - startedAt) * 1_000);
  }
  await bare.close();
  const how = sync === "always" ? "synced" : "synced every 2 minutes";
  const name = `append on JetStream, ${how}, ${batch} record${batch > 1 ? "s" : ""} each`;
  return toRow({ name, unit: "us/append", ...samplesOf(ours), floor: samplesOf(floor).ours });
}

/** The same bytes to a stream, without a compare-and-set: what the server asks, whoever writes. */
async function openBare(server: NatsServer) {
  const nc = await connect({ servers: server.url, noAsyncTraces: true });
  const { streams } = await jetstreamManager(nc);
  await streams.add({ name: "bare", subjects: ["bare.*"], allow_direct: false });
  const js = jetstream(nc);
  return {
    publish: (lines: string) => js.publish("bare.one", lines),
    close: () => nc.close(),
  };
}
