import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { decodeRecord } from "../../events/codec.ts";
import { EMPTY_TAIL, type LogRecord, type LogTail } from "../../events/record.ts";
import { toDataError } from "./data-error.ts";
import { RecordScan } from "./record-scan.ts";
import { LINE_BYTES_MAX, type Segment, lineEnds } from "./segments.ts";

/** Where a call's log ends, and what the next writer must know of its last segment. */
export interface LogEnd {
  readonly tail: LogTail;
  readonly segment: number;
  /** Records in the last segment. */
  readonly records: number;
  /** Bytes of it that are good; what is behind them is a torn line. */
  readonly goodBytes: number;
  /** Its last record lacks only the newline. */
  readonly needsNewline: boolean;
}

export const NO_LOG: LogEnd = {
  tail: EMPTY_TAIL,
  segment: 1,
  records: 0,
  goodBytes: 0,
  needsNewline: false,
};

/**
 * Finds the end from the last line alone, so that a thousand calls can be asked; only when that
 * line is bad the segment is read whole. Damage further up is found by whoever folds the log.
 */
export function findLogEnd(segments: readonly Segment[]): LogEnd {
  const last = segments.at(-1);
  if (!last) return NO_LOG;
  const before = segments.slice(0, -1);
  const quick = last.sizeBytes > 0 ? quickEnd(last) : undefined;
  if (quick) return quick;
  const scan = new RecordScan({ isStart: last.number === 1 });
  scan.startFile(last.path);
  const { records, goodBytes } = last.sizeBytes > 0 ? scanAll(last, scan) : NO_LOG;
  // A segment without a record: its first append was cut short, the log ends in the one before.
  const tail = scan.last ? tailOf(scan.last) : findLogEnd(before).tail;
  return { tail, segment: last.number, records, goodBytes, needsNewline: false };
}

/** Undefined where a line is bad: then the slow way finds out which, and says so. */
function quickEnd(segment: Segment): LogEnd | undefined {
  const head = readPart(segment.path, 0, Math.min(segment.sizeBytes, LINE_BYTES_MAX));
  const tailBytes = Math.min(segment.sizeBytes, LINE_BYTES_MAX + 1);
  const end = readPart(segment.path, segment.sizeBytes - tailBytes, tailBytes);
  const needsNewline = end.at(-1) !== 10;
  const stop = needsNewline ? end.length : end.length - 1;
  const last = decodeQuietly(end, stop === 0 ? 0 : end.lastIndexOf(10, stop - 1) + 1, stop);
  const headEnd = head.indexOf(10);
  const first = decodeQuietly(head, 0, headEnd < 0 ? head.length : headEnd);
  if (!first || !last) return undefined;
  // Records have no gaps and lines are records, so both ends tell the number of lines between.
  return {
    tail: tailOf(last),
    segment: segment.number,
    records: last.seq - first.seq + 1,
    goodBytes: segment.sizeBytes,
    needsNewline,
  };
}

function scanAll(segment: Segment, scan: RecordScan): { records: number; goodBytes: number } {
  const bytes = readWhole(segment);
  const ends = lineEnds(bytes);
  if (bytes.at(-1) !== 10) ends.push(bytes.length);
  let goodBytes = 0;
  let records = 0;
  for (const end of ends) {
    const start = records === 0 ? 0 : goodBytes;
    if (!scan.push(bytes.toString("utf8", start, end))) continue;
    records++;
    goodBytes = end + 1;
  }
  return { records, goodBytes };
}

/** The header of a call, or undefined where there is no file or its first line is none. */
export function readHeader(path: string): LogRecord | undefined {
  if (!existsSync(path)) return undefined;
  const head = readPart(path, 0, LINE_BYTES_MAX);
  const end = head.indexOf(10);
  return decodeQuietly(head, 0, end < 0 ? head.length : end);
}

function tailOf({ seq, hash }: LogRecord): LogTail {
  return { seq, hash };
}

/** For a look in passing: what is wrong with a bad line, `RecordScan` tells. */
function decodeQuietly(bytes: Buffer, start: number, end: number): LogRecord | undefined {
  try {
    const decoded = decodeRecord(bytes.toString("utf8", start, end));
    return decoded.ok ? decoded.record : undefined;
  } catch {
    return undefined;
  }
}

function readPart(path: string, from: number, length: number): Buffer {
  try {
    const fd = openSync(path, "r");
    try {
      const size = Math.max(0, Math.min(length, fstatSync(fd).size - from));
      const bytes = Buffer.allocUnsafe(size);
      return bytes.subarray(0, readSync(fd, bytes, 0, size, from));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw toDataError(error, `${path} cannot be read`);
  }
}

function readWhole({ path, sizeBytes }: Segment): Buffer {
  try {
    return readFileSync(path).subarray(0, sizeBytes);
  } catch (error) {
    throw toDataError(error, `${path} cannot be read`);
  }
}
