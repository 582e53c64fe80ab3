import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { openEmbedded } from "../src/broker/embedded/embedded-broker.ts";
import { encodeRecord } from "../src/events/codec.ts";
import { EMPTY_TAIL, type LogRecord, type LogTail } from "../src/events/record.ts";
import { recordConversation } from "./conversation.ts";
import { spreadOf, timeMs } from "./measure.ts";
import { toRow, type Bench, type Row } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";

const TURNS = 40;
const BATCHES = [1, 8];
const CACHED = { fsyncBeforeAck: false, rounds: 15, warmups: 5, records: 1_400 };
const SYNCED = { fsyncBeforeAck: true, rounds: 5, warmups: 1, records: 160 };

/** The embedded log alone: a record encoded, checked against the tail and written. */
export const append: Bench = {
  name: "append",
  run: async () => {
    const records = await recordConversation({ turns: TURNS });
    const rows: Row[] = [];
    for (const mode of [CACHED, SYNCED])
      for (const batch of BATCHES) rows.push(await measure(records, mode, batch));
    return rows;
  },
};

async function measure(all: readonly LogRecord[], mode: typeof CACHED, batch: number) {
  const records = all.slice(0, mode.records);
  await using folder = await TempFolder.make();
  const { fsyncBeforeAck } = mode;
  const dataDir = join(folder.path, "data");
  await using broker = await openEmbedded({ dataDir, clock: systemClock, fsyncBeforeAck });
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = -mode.warmups; round < mode.rounds; round++) {
    const ref = { tenant: "bench", call: `c${round + mode.warmups}` };
    let tail: LogTail = EMPTY_TAIL;
    const ms = timeMs(() => {
      for (let at = 0; at < records.length; at += batch)
        tail = broker.log.append(ref, tail, records.slice(at, at + batch));
    });
    const bare = writeBare(join(folder.path, ref.call), records, { batch, fsyncBeforeAck });
    if (round < 0) continue;
    ours.push((ms * 1_000) / records.length);
    floor.push((bare * 1_000) / records.length);
  }
  const how = fsyncBeforeAck ? "fsync before the acknowledgement" : "page cache";
  const name = `append, ${how}, batches of ${batch}`;
  return toRow({ name, unit: "us/record", ...spreadOf(ours), floor: spreadOf(floor).ours });
}

/** The same lines to a file, ready to be written: what the disk asks, whoever writes. */
function writeBare(
  path: string,
  records: readonly LogRecord[],
  { batch, fsyncBeforeAck }: { readonly batch: number; readonly fsyncBeforeAck: boolean },
): number {
  const lines = records.map((record) => `${encodeRecord(record)}\n`);
  const fd = openSync(path, "a");
  try {
    return timeMs(() => {
      for (let at = 0; at < lines.length; at += batch) {
        writeSync(fd, lines.slice(at, at + batch).join(""));
        if (fsyncBeforeAck) fdatasyncSync(fd);
      }
    });
  } finally {
    closeSync(fd);
  }
}
