import { type Stats, readdirSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LIMITS } from "../../base/limits.ts";
import { isMissing, toDataError } from "./data-error.ts";

const NAME = /^(\d{4,})\.jsonl$/;
const CHUNK_BYTES = 256 * 1024;
/** No record is longer: three bytes for each of its UTF-16 units, and the newline. */
export const LINE_BYTES_MAX = 3 * LIMITS.recordBytesMax + 1;

/** One file of a call's log, as long as it was when it was listed. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  readonly sizeBytes: number;
  /** Where a reader begins that wants its end only: the start of a line. Default 0. */
  readonly startByte?: number;
}

/** Numbers of more than four digits sort as numbers, not as names. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(4, "0")}.jsonl`);
}

/** The segments of a call in order; none for an unknown call. */
export function listSegments(folder: string): readonly Segment[] {
  try {
    return readdirSync(folder)
      .map((name) => Number(NAME.exec(name)?.[1] ?? 0))
      .filter((number) => number > 0)
      .sort((a, b) => a - b)
      .map((number) => {
        const path = segmentPath(folder, number);
        return { number, path, sizeBytes: statSync(path).size };
      });
  } catch (error) {
    if (isMissing(error)) return [];
    throw toDataError(error, `${folder} cannot be read`);
  }
}

/** A lone file; the first segment of a call brings the others with it. */
export function segmentsFrom(path: string): readonly Segment[] {
  if (basename(path) === "0001.jsonl") return listSegments(dirname(path));
  const stats = statOf(path);
  return stats?.isFile() ? [{ number: 1, path, sizeBytes: stats.size }] : [];
}

/** A run of whole lines; only the very last of a file may lack its newline. */
export interface LineBatch {
  readonly bytes: Buffer;
  /** Where each line ends in `bytes`, its newline not counted. */
  readonly ends: readonly number[];
}

/** Reads up to the listed size, so that what is appended meanwhile is not seen half. */
export async function* lineBatches(segment: Segment): AsyncGenerator<LineBatch> {
  const { path, sizeBytes, startByte = 0 } = segment;
  await using file = await open(path).catch((error: unknown) => {
    throw toDataError(error, `${path} cannot be read`);
  });
  let rest = Buffer.alloc(0);
  for (let at = startByte; at < sizeBytes;) {
    const chunk = Buffer.allocUnsafe(rest.length + Math.min(CHUNK_BYTES, sizeBytes - at));
    rest.copy(chunk);
    const { bytesRead } = await file.read(chunk, rest.length, chunk.length - rest.length, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    const bytes = chunk.subarray(0, rest.length + bytesRead);
    const ends = lineEnds(bytes);
    const used = (ends.at(-1) ?? -1) + 1;
    rest = bytes.subarray(used);
    if (ends.length > 0) yield { bytes, ends };
    // A file of another kind may have no newline at all: stop gathering, let it be judged.
    if (rest.length > LINE_BYTES_MAX) {
      yield { bytes: rest, ends: [rest.length] };
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length > 0) yield { bytes: rest, ends: [rest.length] };
}

/** Positions of the newlines; what stands behind the last one is no whole line yet. */
export function lineEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, end + 1)) ends.push(end);
  return ends;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw toDataError(error, `${path} cannot be read`);
  }
}
