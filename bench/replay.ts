import { CallFold } from "../src/actors/call-fold.ts";
import { replay } from "../src/actors/replay.ts";
import { refold } from "../src/actors/supervisor.ts";
import { AppError } from "../src/base/errors.ts";
import { openEmbedded } from "../src/broker/embedded/embedded-broker.ts";
import type { EventLog } from "../src/broker/event-log.port.ts";
import type { LogRecord } from "../src/events/record.ts";
import { MACHINES } from "../src/machines/machines.ts";
import { recordConversation } from "./conversation.ts";
import { takeTurns, timeAsyncMs, timeMs, type Spread } from "./measure.ts";
import { RawFold } from "./raw-fold.ts";
import { toRow, type Bench, type Figure } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";

const CALL_MS = 600_000;
const CALL_TARGET_MS = 100;
const OF_RAW_TARGET = 0.75;
const ROUNDS = { warmups: 6, rounds: 21 };

/** A ten-minute call from its file: read, checked in every field and hash, and folded. */
export const replayCall: Bench = {
  name: "replay",
  run: async () => {
    await using folder = await TempFolder.make();
    const dataDir = folder.path;
    const broker = (clock: Parameters<typeof openEmbedded>[0]["clock"]) =>
      openEmbedded({ dataDir, clock });
    const records = await recordConversation({ ms: CALL_MS, broker });
    const raw = RawFold.of(records);
    await using store = await openEmbedded({
      dataDir,
      clock: { now: () => 0, after: () => nothing },
    });
    const [ref] = await store.log.calls();
    const [xstate, lean, folded, checked, file, read] = await takeTurns(ROUNDS, [
      () => timeMs(() => raw.runXstate()),
      () => timeMs(() => raw.runHost()),
      () => timeMs(() => foldAll(records)),
      () => timeAsyncMs(() => replayAll(records)),
      () => timeAsyncMs(() => replayAll(store.log.read(ref!))),
      () => timeAsyncMs(() => readAll(store.log, ref!)),
    ]);
    const rate = (name: string, spread: Spread, floor?: Spread): Figure => ({
      name,
      unit: "records/s",
      higherIsBetter: true,
      ours: perSecond(spread.ours),
      min: perSecond(spread.max),
      max: perSecond(spread.min),
      count: spread.count,
      ...(floor && { floor: perSecond(floor.ours) }),
    });
    const perSecond = (ms: number): number => (records.length * 1_000) / ms;
    const target = { target: perSecond(xstate!.ours) * OF_RAW_TARGET };
    return [
      toRow(rate("raw fold, XState's transition()", xstate!)),
      toRow(rate("raw fold, the host's transition", lean!)),
      toRow(rate("fold with records and hashes", folded!, xstate)),
      toRow({ ...rate("replay, records in memory", checked!, xstate), ...target }),
      toRow({ ...rate("replay, from file", file!, xstate), ...target }),
      toRow(rate("reading the file alone", read!)),
      toRow({
        name: "replay of a ten-minute call, from file",
        unit: "ms",
        ...file!,
        target: CALL_TARGET_MS,
        note: `${records.length} records`,
      }),
    ];
  },
};

const nothing = (): void => undefined;

function foldAll(records: readonly LogRecord[]): void {
  const fold = new CallFold(MACHINES);
  for (const record of records) refold(fold, record);
}

async function replayAll(records: Iterable<LogRecord> | AsyncIterable<LogRecord>): Promise<void> {
  const { verdict } = await replay(records, { machines: MACHINES });
  if (verdict !== "reproduced") throw new AppError("bug", `the replay was ${verdict}`);
}

async function readAll(log: EventLog, ref: Parameters<EventLog["read"]>[0]): Promise<void> {
  for await (const record of log.read(ref)) void record;
}
