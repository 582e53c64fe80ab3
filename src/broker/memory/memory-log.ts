import { decodeRecord, encodeRecord } from "../../events/codec.ts";
import { type CallRef, EMPTY_TAIL, type LogRecord, type LogTail } from "../../events/record.ts";
import { AppError } from "../../base/errors.ts";
import {
  callNotFound,
  checkAppend,
  checkRef,
  newestFirst,
  refKey,
  withoutText,
} from "../append-rule.ts";
import type { EventLog, LogReading } from "../event-log.port.ts";

interface MemoryCall {
  readonly ref: CallRef;
  readonly at: number;
  tail: LogTail;
  lines: string[];
  readonly snapshots: Map<number, Uint8Array>;
}

/**
 * A log without a disk. It keeps encoded lines, not objects: so a test sees what a file would give
 * back, and a writer that changes a record later changes nothing here.
 */
export class MemoryLog implements EventLog {
  readonly #calls = new Map<string, MemoryCall>();

  append(ref: CallRef, expect: LogTail, records: readonly LogRecord[]): LogTail {
    checkRef(ref);
    const known = this.#calls.get(refKey(ref));
    const tail = checkAppend({ ref, tail: known?.tail ?? EMPTY_TAIL, expect, records });
    // Before anything is kept: one record that is too large refuses the whole append.
    const lines = records.map(encodeRecord);
    const call: MemoryCall = known ?? {
      ref: { tenant: ref.tenant, call: ref.call },
      at: records[0]!.at,
      tail,
      lines: [],
      snapshots: new Map(),
    };
    call.lines.push(...lines);
    call.tail = tail;
    this.#calls.set(refKey(ref), call);
    return tail;
  }

  read(ref: CallRef, from = 1): LogReading {
    const find = (): MemoryCall => this.#find(ref);
    return {
      tornBytes: 0,
      async *[Symbol.asyncIterator]() {
        const { lines } = find();
        // The end is fixed at the start, as in a file: what is appended meanwhile is not read.
        const end = lines.length;
        for (let index = Math.max(0, from - 1); index < end; index++) yield decode(lines[index]!);
      },
    };
  }

  async tail(ref: CallRef): Promise<LogTail> {
    return this.#calls.get(refKey(ref))?.tail ?? EMPTY_TAIL;
  }

  async calls(tenant?: string): Promise<readonly CallRef[]> {
    const all = [...this.#calls.values()];
    return newestFirst(all.filter(({ ref }) => tenant === undefined || ref.tenant === tenant));
  }

  async saveSnapshot(ref: CallRef, seq: number, bytes: Uint8Array): Promise<void> {
    this.#find(ref).snapshots.set(seq, bytes.slice());
  }

  async loadSnapshot(
    ref: CallRef,
    seq: number,
  ): Promise<{ seq: number; bytes: Uint8Array } | undefined> {
    const snapshots = this.#calls.get(refKey(ref))?.snapshots;
    const found = [...(snapshots?.keys() ?? [])].filter((at) => at <= seq).sort((a, b) => b - a)[0];
    return found === undefined ? undefined : { seq: found, bytes: snapshots!.get(found)!.slice() };
  }

  async eraseText(ref: CallRef): Promise<void> {
    const call = this.#find(ref);
    call.lines = call.lines.map((line) => encodeRecord(withoutText(decode(line))));
  }

  #find(ref: CallRef): MemoryCall {
    const call = this.#calls.get(refKey(ref));
    if (!call) throw callNotFound(ref);
    return call;
  }
}

function decode(line: string): LogRecord {
  const decoded = decodeRecord(line);
  if (decoded.ok) return decoded.record;
  throw new AppError(decoded.why === "version" ? "log.version" : "log.damaged", decoded.message);
}
