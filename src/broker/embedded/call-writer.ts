import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { encodeRecord } from "../../events/codec.ts";
import type { CallRef, LogRecord, LogTail } from "../../events/record.ts";
import { checkAppend } from "../append-rule.ts";
import { AppendFile, type Durability } from "./append-file.ts";
import { toDataError } from "./data-error.ts";
import { type LogEnd, findLogEnd } from "./log-end.ts";
import { listSegments, segmentPath } from "./segments.ts";
import type { SyncQueue } from "./sync-queue.ts";

export interface WriterOptions {
  readonly durability: Durability;
  readonly segmentRecordsMax: number;
}

/**
 * The owner's end of one call. W1: an append is one write of whole lines; a crash may leave a first
 * part of it, and as each record is a whole step that part is a log. W2: nothing is created, cut or
 * rolled before the compare-and-set is won. W3: a segment is on disk before the next one begins, so
 * only the last can be torn. W4: an append is never split over two segments.
 */
export class CallWriter implements Disposable {
  readonly #ref: CallRef;
  readonly #folder: string;
  readonly #options: WriterOptions;
  #end: LogEnd;
  #file: AppendFile | undefined;

  constructor(ref: CallRef, folder: string, options: WriterOptions) {
    this.#ref = ref;
    this.#folder = folder;
    this.#options = options;
    this.#end = findLogEnd(listSegments(folder));
  }

  get tail(): LogTail {
    return this.#end.tail;
  }

  append(expect: LogTail, records: readonly LogRecord[]): LogTail {
    const tail = checkAppend({ ref: this.#ref, tail: this.#end.tail, expect, records });
    const lines = records.map(encodeRecord);
    const file = this.#openFor(records.length);
    file.append(`${lines.join("\n")}\n`);
    this.#end = { ...this.#end, tail, records: this.#end.records + records.length };
    return tail;
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** The file the next records go to: the last segment without its torn line, or a new one. */
  #openFor(count: number): AppendFile {
    const { durability, segmentRecordsMax } = this.#options;
    const { records, segment, goodBytes, needsNewline } = this.#end;
    if (!this.#file) {
      const path = segmentPath(this.#folder, segment);
      if (records === 0) makeFolder(this.#folder, durability.syncs);
      this.#file = new AppendFile(path, durability, goodBytes);
      if (needsNewline) this.#file.append("\n");
    }
    if (records === 0 || records + count <= segmentRecordsMax) return this.#file;
    this.#file.close();
    this.#file = undefined;
    this.#end = {
      ...this.#end,
      segment: segment + 1,
      records: 0,
      goodBytes: 0,
      needsNewline: false,
    };
    this.#file = new AppendFile(segmentPath(this.#folder, segment + 1), durability);
    return this.#file;
  }
}

/** The new names are brought to the disk with the first records. */
function makeFolder(folder: string, syncs: SyncQueue): void {
  try {
    if (mkdirSync(folder, { recursive: true }) === undefined) return;
    syncs.markFolder(dirname(folder));
    syncs.markFolder(dirname(dirname(folder)));
  } catch (error) {
    throw toDataError(error, `${folder} cannot be made`);
  }
}
