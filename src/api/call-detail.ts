import { setImmediate as nextTurn } from "node:timers/promises";
import type { MachineSet } from "../actors/machine-set.ts";
import { replay, type ReplayResult } from "../actors/replay.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import { TurnFold, type TurnSummary } from "../folds/turns.ts";

/** A turn with its answer in the order it was sent: what was heard of each reply, what was cut. */
export interface TurnDetail extends TurnSummary {
  readonly reason: string;
  readonly said: readonly { readonly heard: string; readonly cut: string }[];
  /** Words that were no part of the question: back-channels and the like. */
  readonly asides: readonly string[];
}

export async function turnsOf(log: EventLog, ref: CallRef): Promise<readonly TurnDetail[]> {
  const fold = new TurnFold();
  for await (const record of inSlices(log.read(ref))) fold.apply(record);
  const { transcript } = fold;
  return fold.summaries().map((summary) => {
    const { runs, ended } = transcript.turn(summary.n);
    const said = runs
      .filter(({ segments }) => segments.length > 0)
      .map((run) => transcript.heard(run))
      .map(({ heard, unheard }) => ({ heard, cut: unheard }));
    const asides = (ended?.asides ?? []).map((aside) => transcript.textOf(aside));
    return { ...summary, reason: ended?.reason ?? "", said, asides };
  });
}

/** The proof of `turnfold replay --deep`, computed while other requests are served. */
export async function verdictOf(
  log: EventLog,
  ref: CallRef,
  machines: MachineSet,
): Promise<ReplayResult> {
  const reading = log.read(ref);
  const torn = (): boolean => reading.tornBytes > 0;
  return replay(inSlices(reading), { machines, deep: true, torn });
}

/** Records between which others have their turn: a few milliseconds of folding. */
const SLICE_RECORDS = 64;

async function* inSlices(records: AsyncIterable<LogRecord>): AsyncGenerator<LogRecord> {
  for await (const record of records) {
    if (record.seq % SLICE_RECORDS === 0) await nextTurn();
    yield record;
  }
}
