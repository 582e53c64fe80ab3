import { open } from "node:fs/promises";
import { AppError } from "../../base/errors.ts";
import { decodeRecord } from "../../events/codec.ts";
import type { LogRecord } from "../../events/record.ts";
import type { LogReading } from "../event-log.port.ts";
import { toDataError } from "./data-error.ts";
import { RecordScan } from "./record-scan.ts";
import { LINE_BYTES_MAX, type Segment, lineBatches, lineEnds, segmentsFrom } from "./segments.ts";

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
    const { segments, first, linesBefore } = await startAt(all, from);
    const whole = this.#plan.from !== undefined;
    const scan = new RecordScan({
      expected: first ?? (whole ? 1 : undefined),
      isStart: first === undefined,
    });
    for (const [index, segment] of segments.entries()) {
      if (index > 0) scan.endWhole();
      scan.startFile(segment.path, index === 0 ? linesBefore : 0);
      for await (const record of this.#recordsOf(segment, scan))
        if (record.seq >= from) yield record;
    }
    if (this.#plan.goesOn) scan.endWhole();
    const empty = scan.last ? undefined : this.#plan.empty();
    if (empty) throw empty;
  }

  async *#recordsOf(segment: Segment, scan: RecordScan): AsyncGenerator<LogRecord> {
    let goodBytes = segment.startByte ?? 0;
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

interface Start {
  readonly segments: readonly Segment[];
  /** Sequence of the first record there; undefined at the very beginning of the log. */
  readonly first: number | undefined;
  readonly linesBefore: number;
}

/** Leaves out what lies before `from`: a reader that has a snapshot wants the end only. */
async function startAt(all: readonly Segment[], from: number): Promise<Start> {
  for (let index = all.length - 1; from > 1 && index >= 0; index--) {
    const segment = all[index]!;
    const first = index === 0 ? 1 : await firstSeq(segment);
    if (first === undefined || first > from) continue;
    const { startByte, seq } = await seek(segment, first, from);
    if (startByte === 0 && index === 0) break;
    const segments = [{ ...segment, startByte }, ...all.slice(index + 1)];
    return { segments, first: seq, linesBefore: seq - first };
  }
  return { segments: all, first: undefined, linesBefore: 0 };
}

/** Bytes a reader may scan rather than seek on. */
const SEEK_BYTES_MIN = 64 * 1024;

/**
 * Halves the segment until what is left before `from` is short. It never goes beyond `from`, nor
 * beyond a line that is no record: the scan from there on says what is wrong with that.
 */
async function seek(
  { path, sizeBytes }: Segment,
  first: number,
  from: number,
): Promise<{ startByte: number; seq: number }> {
  let found = { startByte: 0, seq: first };
  if (sizeBytes <= SEEK_BYTES_MIN) return found;
  await using file = await open(path).catch((error: unknown) => {
    throw toDataError(error, `${path} cannot be read`);
  });
  const window = Buffer.allocUnsafe(2 * LINE_BYTES_MAX);
  for (let end = sizeBytes; end - found.startByte > SEEK_BYTES_MIN;) {
    const middle = Math.floor((found.startByte + end) / 2);
    const { bytesRead } = await file.read(window, 0, Math.min(window.length, end - middle), middle);
    const [start = -1, stop = -1] = lineEnds(window.subarray(0, bytesRead));
    const decoded = stop < 0 ? undefined : quietly(window.toString("utf8", start + 1, stop));
    if (stop >= 0 && !decoded) break;
    if (decoded && decoded.seq <= from) found = { startByte: middle + start + 1, seq: decoded.seq };
    else end = middle;
  }
  return found;
}

function quietly(line: string): LogRecord | undefined {
  try {
    const decoded = decodeRecord(line);
    return decoded.ok ? decoded.record : undefined;
  } catch {
    return undefined;
  }
}

async function firstSeq(segment: Segment): Promise<number | undefined> {
  const scan = new RecordScan({ isStart: false });
  scan.startFile(segment.path);
  for await (const { bytes, ends } of lineBatches(segment))
    return scan.push(bytes.toString("utf8", 0, ends[0]))?.seq;
  return undefined;
}
