import { AppError, toAppError } from "../../base/errors.ts";
import { decodeRecord } from "../../events/codec.ts";
import type { LogRecord } from "../../events/record.ts";

/**
 * Judges the lines of a log, one by one. S1: a line that fails its checksum is torn when it is the
 * very last of the log, newline or not, and damage when anything follows it: an append that was cut
 * short leaves one such line, never two. S2: a last line that only lacks its newline is a record
 * like any other, its checksum vouches for it. S3: records follow each other without a gap. S4: a
 * line of another version, or well summed but misshapen, is never torn.
 */
export class RecordScan {
  /** Sequence of the next record; undefined where any may come first. */
  #expected: number | undefined;
  readonly #isStart: boolean;
  #file = "";
  #line = 0;
  #bad: { file: string; line: number } | undefined;
  /** The last good record. */
  last: LogRecord | undefined;

  /** `isStart`: the first line is the log's first, and tells whether the file is a log at all. */
  constructor({ expected, isStart }: { expected?: number | undefined; isStart: boolean }) {
    this.#expected = expected;
    this.#isStart = isStart;
  }

  /** The last line failed its checksum: torn, if nothing else comes. */
  get torn(): boolean {
    return this.#bad !== undefined;
  }

  /** `linesBefore`: how many are left out because the reader wants later ones. */
  startFile(file: string, linesBefore = 0): void {
    this.#file = file;
    this.#line = linesBefore;
  }

  /** The next line; undefined where it may be torn, which the line after it decides. */
  push(text: string): LogRecord | undefined {
    this.#line++;
    if (this.#bad) throw damaged(this.#bad, "does not match its checksum");
    const here = { file: this.#file, line: this.#line };
    const decoded = decodeSafely(text, here);
    if (!decoded.ok && decoded.why === "checksum") {
      if (this.#isStart && !this.last && this.#line === 1 && !looksLikeRecord(text))
        throw new AppError("log.notALog", `${this.#file} is not a log of a call`, { detail: here });
      this.#bad = here;
      return undefined;
    }
    if (!decoded.ok && decoded.why === "version")
      throw new AppError("log.version", `${this.#file}, line ${this.#line}: ${decoded.message}`, {
        detail: here,
      });
    if (!decoded.ok) throw damaged(here, `is no record: ${decoded.message}`);
    const { record } = decoded;
    if (this.#expected !== undefined && record.seq !== this.#expected)
      throw damaged(here, `holds record ${record.seq} where ${this.#expected} should follow`);
    this.#expected = record.seq + 1;
    this.last = record;
    return record;
  }

  /** At the end of a segment that another one follows: its last line cannot be torn. */
  endWhole(): void {
    if (this.#bad) throw damaged(this.#bad, "does not match its checksum");
  }
}

/** A line can be well summed and yet no JSON, when something else wrote it. */
function decodeSafely(text: string, here: { file: string; line: number }) {
  try {
    return decodeRecord(text);
  } catch (error) {
    throw damaged(here, `is no JSON: ${toAppError(error, "log.damaged").message}`);
  }
}

function damaged(here: { file: string; line: number }, why: string): AppError {
  return new AppError("log.damaged", `${here.file}, line ${here.line}, ${why}`, { detail: here });
}

/** The beginning or the end of a record: tells a damaged header from a file of another kind. */
function looksLikeRecord(line: string): boolean {
  return /^\{"v":\d/.test(line) || /,"crc":"[0-9a-f]{8}"\}$/.test(line);
}
