import { CallFold } from "../src/actors/call-fold.ts";
import type { Plan } from "../src/actors/effect-table.ts";
import type { LogRecord } from "../src/events/record.ts";
import { historyFor, requestDigest, type ReplyInput } from "../src/folds/history.ts";
import { Transcript } from "../src/folds/transcript.ts";
import { MACHINES } from "../src/machines/machines.ts";
import { recordConversation } from "./conversation.ts";
import { spreadOf } from "./measure.ts";
import { toRow, type Bench, type Figure } from "./report.ts";

const TURNS = 1_000;
/** Windows of turns around the 10th and before the 1,000th. */
const EARLY = { from: 5, to: 15 };
const LATE = { from: TURNS - 30, to: TURNS - 5 };
const ROUNDS = 5;

interface Samples {
  readonly stepUs: number[];
  readonly requestUs: number[];
}

/** Whether a call grows slower: a step, and making a model's request, early and late in it. */
export const longCall: Bench = {
  name: "long-call",
  run: async () => {
    const records = await recordConversation({ turns: TURNS });
    const early: Samples = { stepUs: [], requestUs: [] };
    const late: Samples = { stepUs: [], requestUs: [] };
    for (let round = -1; round < ROUNDS; round++)
      walk(records, (turn) => {
        if (round < 0) return undefined;
        if (turn >= EARLY.from && turn < EARLY.to) return early;
        return turn >= LATE.from && turn < LATE.to ? late : undefined;
      });
    const figures: readonly Figure[] = [
      figure("step at turn 10", early.stepUs),
      { ...figure(`step at turn ${TURNS}`, late.stepUs), ...floorOf(early.stepUs) },
      figure("request at turn 10", early.requestUs),
      { ...figure(`request at turn ${TURNS}`, late.requestUs), ...floorOf(early.requestUs) },
    ];
    return figures.map(toRow);
  },
};

/** Folds the call once, telling the samples of its turn what each step and request took. */
function walk(records: readonly LogRecord[], samplesOf: (turn: number) => Samples | undefined) {
  const fold = new CallFold(MACHINES);
  const transcript = new Transcript();
  for (const record of records) {
    const samples = samplesOf(transcript.turns.size);
    const startedAt = performance.now();
    const plan = step(fold, transcript, record);
    const steppedAt = performance.now();
    samples?.stepUs.push((steppedAt - startedAt) * 1_000);
    for (const { src, input } of plan.start) {
      if (src !== "reply" || (input as ReplyInput).saying !== null) continue;
      const askedAt = performance.now();
      requestDigest(historyFor(transcript, input as ReplyInput), ["book"]);
      samples?.requestUs.push((performance.now() - askedAt) * 1_000);
    }
  }
}

function step(fold: CallFold, transcript: Transcript, record: LogRecord): Plan {
  const { at, cause, textDigest, input } = record;
  const given = { at, cause, ...(textDigest !== undefined && { textDigest }) };
  const { plan } = fold.step(input, given);
  transcript.apply(record);
  return plan;
}

function figure(name: string, us: readonly number[]): Figure {
  return { name, unit: "us", ...spreadOf(us) };
}

/** Flat: late in the call it costs what it cost early, give or take half. */
function floorOf(earlyUs: readonly number[]): Pick<Figure, "floor" | "target"> {
  const { ours } = spreadOf(earlyUs);
  return { floor: ours, target: ours * 1.5 };
}
