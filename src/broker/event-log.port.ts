import type { CallRef, LogRecord, LogTail } from "../events/record.ts";

/**
 * The log of calls. L1: an append is compare-and-set on the call's tail. Readers never write.
 * Errors: `log.conflict` (the tail is not `expect`: the writer has lost and stops for good),
 * `log.unknown` (it may have landed: read the tail), `log.damaged`, `log.version`, `call.notFound`.
 */
export interface EventLog {
  /**
   * Appends 1 to `LIMITS.appendRecordsMax` records, all or none, when the tail is `expect`.
   * Returns the new tail: at once where the adapter acknowledges at once, else as a promise.
   */
  append(ref: CallRef, expect: LogTail, records: readonly LogRecord[]): LogTail | Promise<LogTail>;
  /** Records from `from` (default 1) on, in order; the reading tells what was left out. */
  read(ref: CallRef, from?: number): LogReading;
  /** The tail as the leader sees it; `EMPTY_TAIL` for an unknown call. */
  tail(ref: CallRef): Promise<LogTail>;
  /** Calls with a header, newest first. */
  calls(tenant?: string): Promise<readonly CallRef[]>;
  /** Keeps a fold of the log up to `seq`: a verified cache, never the truth (L9). */
  saveSnapshot(ref: CallRef, seq: number, bytes: Uint8Array): Promise<void>;
  /** The newest snapshot at or below `seq`, or undefined. */
  loadSnapshot(ref: CallRef, seq: number): Promise<{ seq: number; bytes: Uint8Array } | undefined>;
  /** Removes the text parts of a call; the log still verifies (L8). Only while nobody owns it. */
  eraseText(ref: CallRef): Promise<void>;
}

export interface LogReading extends AsyncIterable<LogRecord> {
  /** Bytes of a torn last line that was left out; known once the reading has ended. */
  readonly tornBytes: number;
}
