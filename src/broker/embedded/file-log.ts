import { readdirSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../../base/assert.ts";
import { AppError, codeOf } from "../../base/errors.ts";
import { encodeRecord } from "../../events/codec.ts";
import { type CallRef, type LogRecord, type LogTail, Token } from "../../events/record.ts";
import { callNotFound, checkRef, newestFirst, refKey, withoutText } from "../append-rule.ts";
import type { EventLog, LogReading } from "../event-log.port.ts";
import type { AtomicFiles } from "./atomic-file.ts";
import { CallWriter, type WriterOptions } from "./call-writer.ts";
import { isMissing, readOnlyError, toDataError } from "./data-error.ts";
import { findLogEnd, readHeader } from "./log-end.ts";
import { SegmentReading } from "./read-log-file.ts";
import { type Segment, listSegments, segmentPath } from "./segments.ts";
import { type Snapshot, loadSnapshot, saveSnapshot } from "./snapshots.ts";

/** Calls whose file stays open; one more closes the one that was silent longest. */
const OPEN_CALLS_MAX = 256;

export interface FileLogWriting extends WriterOptions {
  readonly files: AtomicFiles;
}

/** The log of calls in files. Without `writing` it only reads, beside whoever owns the folder. */
export class FileLog implements EventLog, Disposable {
  readonly #dataDir: string;
  readonly #writing: FileLogWriting | undefined;
  /** In the order of their last append. */
  readonly #writers = new Map<string, CallWriter>();
  readonly #erasing = new Set<string>();
  #closed = false;

  constructor(dataDir: string, writing?: FileLogWriting) {
    this.#dataDir = dataDir;
    this.#writing = writing;
  }

  append(ref: CallRef, expect: LogTail, records: readonly LogRecord[]): LogTail {
    assert(!this.#closed, "an append after the broker was closed: the lock is gone");
    const writer = this.#writerOf(ref);
    try {
      return writer.append(expect, records);
    } catch (error) {
      // What the disk holds now is known only after looking again.
      if (codeOf(error) === "log.unknown") this.#closeWriter(refKey(ref));
      throw error;
    }
  }

  read(ref: CallRef, from = 1): LogReading {
    const folder = this.#folderOf(ref);
    return new SegmentReading({
      segments: () => listSegments(folder),
      missing: () => callNotFound(ref),
      empty: () => callNotFound(ref),
      from,
    });
  }

  /** Owner: as remembered from the last append. Reader: from the file, each time. */
  async tail(ref: CallRef): Promise<LogTail> {
    const writer = this.#writers.get(refKey(ref));
    return writer?.tail ?? findLogEnd(listSegments(this.#folderOf(ref))).tail;
  }

  async calls(tenant?: string): Promise<readonly CallRef[]> {
    const headers: { ref: CallRef; at: number }[] = [];
    const tenants = listFolders(this.#dataDir);
    for (const owner of tenants.filter((name) => tenant === undefined || name === tenant))
      for (const call of listFolders(join(this.#dataDir, owner))) {
        const header = readHeader(segmentPath(join(this.#dataDir, owner, call), 1));
        if (header?.seq === 1) headers.push({ ref: { tenant: owner, call }, at: header.at });
      }
    return newestFirst(headers);
  }

  async saveSnapshot(ref: CallRef, seq: number, bytes: Uint8Array): Promise<void> {
    if (!this.#writing) throw readOnlyError();
    await saveSnapshot(this.#knownFolder(ref), { seq, bytes }, this.#writing.files);
  }

  async loadSnapshot(ref: CallRef, seq: number): Promise<Snapshot | undefined> {
    return loadSnapshot(this.#folderOf(ref), seq);
  }

  /** Segment by segment: stopped halfway, it has erased a part, and may be asked again. */
  async eraseText(ref: CallRef): Promise<void> {
    const writing = this.#writing;
    if (!writing) throw readOnlyError();
    const segments = listSegments(this.#knownFolder(ref));
    this.#closeWriter(refKey(ref));
    this.#erasing.add(refKey(ref));
    try {
      for (const [index, segment] of segments.entries())
        await writing.files.write(segment.path, erasedLines(segment, index < segments.length - 1));
    } catch (error) {
      throw toDataError(error, `the text of call ${refKey(ref)} cannot be erased`);
    } finally {
      this.#erasing.delete(refKey(ref));
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const key of this.#writers.keys()) this.#closeWriter(key);
  }

  #writerOf(ref: CallRef): CallWriter {
    if (!this.#writing) throw readOnlyError();
    const key = refKey(ref);
    // The file is being replaced: what were written to the old one now would be lost with it.
    if (this.#erasing.has(key))
      throw new AppError("log.conflict", `the text of call ${key} is being erased`, {
        detail: { ...ref },
      });
    const writer =
      this.#writers.get(key) ?? new CallWriter({ ...ref }, this.#folderOf(ref), this.#writing);
    this.#writers.delete(key);
    this.#writers.set(key, writer);
    if (this.#writers.size > OPEN_CALLS_MAX) this.#closeWriter([...this.#writers.keys()][0]!);
    return writer;
  }

  /** The next append to the call looks at its files again. */
  #closeWriter(key: string): void {
    this.#writers.get(key)?.[Symbol.dispose]();
    this.#writers.delete(key);
  }

  #folderOf(ref: CallRef): string {
    checkRef(ref);
    return join(this.#dataDir, ref.tenant, ref.call);
  }

  #knownFolder(ref: CallRef): string {
    const folder = this.#folderOf(ref);
    if (listSegments(folder).length === 0) throw callNotFound(ref);
    return folder;
  }
}

/** The lines of one segment without their text, in chunks; a torn last line is left behind. */
async function* erasedLines(segment: Segment, goesOn: boolean): AsyncGenerator<string> {
  const reading = new SegmentReading({
    segments: () => [segment],
    missing: () => new AppError("log.damaged", `${segment.path} is gone`),
    empty: () => undefined,
    goesOn,
  });
  let chunk = "";
  for await (const record of reading) {
    chunk += `${encodeRecord(withoutText(record))}\n`;
    if (chunk.length < 256 * 1024) continue;
    yield chunk;
    chunk = "";
  }
  yield chunk;
}

/** Names that can be a tenant or a call; what else lies there is not ours. */
function listFolders(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && Token.safeParse(entry.name).success)
      .map(({ name }) => name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw toDataError(error, `${folder} cannot be read`);
  }
}
