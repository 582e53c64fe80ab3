import { AppError } from "../../base/errors.ts";
import type { LogRecord } from "../../events/record.ts";
import type { LogReading } from "../event-log.port.ts";
import { RecordScan } from "./record-scan.ts";
import { type Segment, lineBatches, segmentsFrom } from "./segments.ts";

/**
 * Reads a log as a file of JSON lines, without a broker: an exported call, or the first segment
 * `0001.jsonl` of a call's folder, whose other segments follow. Never writes.
 * Errors: `call.notFound`, `log.notALog`, `log.damaged`, `log.version`.
 */
export function readLogFile(path: string): LogReading {
  return new SegmentReading({
    segments: () => segmentsFrom(path),
    missing: () => new AppError("call.notFound", `there is no log ${path}`, { detail: { path } }),
    empty: () => new AppError("log.notALog", `${path} holds no record`, { detail: { path } }),
  });
}

export interface ReadingPlan {
  /** Listed when the reading starts. */
  readonly segments: () => readonly Segment[];
  readonly missing: () => AppError;
  /** There is a file, but no whole record in it. */
  readonly empty: () => AppError | undefined;
  /** First sequence to give; the log must then start at 1. */
  readonly from?: number;
  /** Other segments follow, which are not read: the last line here cannot be torn. */
  readonly goesOn?: boolean;
}

export class SegmentReading implements LogReading {
  readonly #plan: ReadingPlan;
  tornBytes = 0;

  constructor(plan: ReadingPlan) {
    this.#plan = plan;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LogRecord> {
    const all = this.#plan.segments();
    if (all.length === 0) throw this.#plan.missing();
    const from = this.#plan.from ?? 1;
    const { segments, first } = await startAt(all, from);
    const whole = this.#plan.from !== undefined;
    const scan = new RecordScan({
      expected: first ?? (whole ? 1 : undefined),
      isStart: first === undefined,
    });
    for (const [index, segment] of segments.entries()) {
      if (index > 0) scan.endWhole();
      for await (const record of this.#recordsOf(segment, scan))
        if (record.seq >= from) yield record;
    }
    if (this.#plan.goesOn) scan.endWhole();
    const empty = scan.last ? undefined : this.#plan.empty();
    if (empty) throw empty;
  }

  async *#recordsOf(segment: Segment, scan: RecordScan): AsyncGenerator<LogRecord> {
    scan.startFile(segment.path);
    let goodBytes = 0;
    for await (const { bytes, ends } of lineBatches(segment)) {
      let start = 0;
      for (const end of ends) {
        const record = scan.push(bytes.toString("utf8", start, end));
        if (record) goodBytes += end + 1 - start;
        if (record) yield record;
        start = end + 1;
      }
    }
    this.tornBytes = scan.torn ? segment.sizeBytes - goodBytes : 0;
  }
}

/** Leaves out whole segments before `from`: a reader that has a snapshot wants the end only. */
async function startAt(
  all: readonly Segment[],
  from: number,
): Promise<{ segments: readonly Segment[]; first: number | undefined }> {
  for (let index = all.length - 1; from > 1 && index > 0; index--) {
    const first = await firstSeq(all[index]!);
    if (first !== undefined && first <= from) return { segments: all.slice(index), first };
  }
  return { segments: all, first: undefined };
}

async function firstSeq(segment: Segment): Promise<number | undefined> {
  const scan = new RecordScan({ isStart: false });
  scan.startFile(segment.path);
  for await (const { bytes, ends } of lineBatches(segment))
    return scan.push(bytes.toString("utf8", 0, ends[0]))?.seq;
  return undefined;
}
