import { CallFold } from "../src/actors/call-fold.ts";
import { refold } from "../src/actors/supervisor.ts";
import { systemClock } from "../src/base/clock.ts";
import type { EventLog } from "../src/broker/event-log.port.ts";
import { openMemory } from "../src/broker/memory/memory-broker.ts";
import { openEmbedded } from "../src/broker/embedded/embedded-broker.ts";
import type { LogRecord } from "../src/events/record.ts";
import { MACHINES } from "../src/machines/machines.ts";
import { recordConversation } from "./conversation.ts";
import { takeTurns, timeAsyncMs, timeMs } from "./measure.ts";
import { RawFold } from "./raw-fold.ts";
import { ReplayedCall } from "./replayed-call.ts";
import { toRow, type Bench } from "./report.ts";
import { TempFolder } from "./temp-folder.ts";

const TURNS = 40;
const TARGET_US = 40;
const ROUNDS = { warmups: 8, rounds: 25 };

/** What one step costs when nothing else happens: inputs of a conversation, back to back. */
export const hostStep: Bench = {
  name: "host-step",
  run: async () => {
    const records = await recordConversation({ turns: TURNS });
    const raw = RawFold.of(records);
    await using folder = await TempFolder.make();
    await using memory = openMemory({ clock: systemClock });
    await using embedded = await openEmbedded({ dataDir: folder.path, clock: systemClock });
    const [xstate, lean, step, inMemory, inFiles] = await takeTurns(ROUNDS, [
      () => timeMs(() => raw.runXstate()),
      () => timeMs(() => raw.runHost()),
      () => timeMs(() => foldAll(records)),
      () => offerAll(records, memory.log),
      () => offerAll(records, embedded.log),
    ]);
    const figure = (name: string, ms: typeof step) => ({
      name,
      unit: "us/step",
      ours: perStep(ms!.ours),
      min: perStep(ms!.min),
      max: perStep(ms!.max),
      count: ms!.count,
      floor: perStep(xstate!.ours),
    });
    const perStep = (ms: number): number => (ms * 1_000) / records.length;
    return [
      toRow(figure("transitions alone, hot loop", lean)),
      toRow({ ...figure("step, hot loop", step), target: TARGET_US }),
      toRow(figure("offer, hot loop, memory log", inMemory)),
      toRow(figure("offer, hot loop, embedded log", inFiles)),
    ];
  },
};

function foldAll(records: readonly LogRecord[]): void {
  const fold = new CallFold(MACHINES);
  for (const record of records) refold(fold, record);
}

let calls = 0;

function offerAll(records: readonly LogRecord[], log: EventLog): Promise<number> {
  const call = new ReplayedCall(records, { log, ref: { tenant: "bench", call: `c${++calls}` } });
  return timeAsyncMs(() => call.run());
}
