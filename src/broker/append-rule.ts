import { assert } from "../base/assert.ts";
import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type CallRef, type LogRecord, type LogTail, Token } from "../events/record.ts";

export interface AppendRequest {
  readonly ref: CallRef;
  /** Where the log ends. */
  readonly tail: LogTail;
  /** Where the writer believes it ends. */
  readonly expect: LogTail;
  readonly records: readonly LogRecord[];
}

/** L1 for the adapters that know the tail themselves: the new tail, or `log.conflict`. */
export function checkAppend({ ref, tail, expect, records }: AppendRequest): LogTail {
  const last = records.at(-1);
  assert(last, "an append has at least one record");
  assert(records.length <= LIMITS.appendRecordsMax, "an append is too large");
  if (tail.seq !== expect.seq || tail.hash !== expect.hash)
    throw new AppError(
      "log.conflict",
      `call ${ref.call} ends at record ${tail.seq}, not ${expect.seq}: another writer was first`,
      { detail: { ...ref, tail: tail.seq, expect: expect.seq } },
    );
  for (const [index, { seq }] of records.entries())
    assert(seq === expect.seq + 1 + index, `record ${seq} does not follow the one before`);
  return { seq: last.seq, hash: last.hash };
}

/** A ref becomes folder names and subjects: what is no token is refused before it gets there. */
export function checkRef({ tenant, call }: CallRef): void {
  for (const token of [tenant, call])
    if (!Token.safeParse(token).success)
      throw new AppError("input.invalid", `${JSON.stringify(token)} is no tenant or call id`);
}

/** Unique, as a token holds no slash. */
export function refKey({ tenant, call }: CallRef): string {
  return `${tenant}/${call}`;
}

/** The record as it stands after its text was erased (L8): the digest stays, so the chain holds. */
export function withoutText({ text: _erased, ...record }: LogRecord): LogRecord {
  return record;
}

/** The same words from every adapter. */
export function callNotFound(ref: CallRef): AppError {
  return new AppError("call.notFound", `there is no call ${refKey(ref)}`, { detail: { ...ref } });
}

/** Newest first, by the time in the header. */
export function newestFirst(headers: { ref: CallRef; at: number }[]): readonly CallRef[] {
  return headers
    .sort((a, b) => b.at - a.at || (refKey(a.ref) < refKey(b.ref) ? 1 : -1))
    .map(({ ref }) => ref);
}
