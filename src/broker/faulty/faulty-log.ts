import { AppError } from "../../base/errors.ts";
import { type CallRef, EMPTY_TAIL, type LogRecord, type LogTail } from "../../events/record.ts";
import { callNotFound, refKey } from "../append-rule.ts";
import type { EventLog, LogReading } from "../event-log.port.ts";
import type { FaultSource } from "./faults.ts";

/** How many records a stale reader may lag behind. */
const STALE_RECORDS_MAX = 3;

/** The log that loses, delays and forgets; whatever it tells was true of the log at some time. */
export class FaultyLog implements EventLog {
  readonly #inner: EventLog;
  readonly #faults: FaultSource;
  /** The tails that were overwritten through this log, oldest first. */
  readonly #pastTails = new Map<string, LogTail[]>();

  constructor(inner: EventLog, faults: FaultSource) {
    this.#inner = inner;
    this.#faults = faults;
  }

  append(ref: CallRef, expect: LogTail, records: readonly LogRecord[]): LogTail | Promise<LogTail> {
    const land = (): LogTail | Promise<LogTail> => this.#land(ref, expect, records);
    switch (this.#faults.draw("append")) {
      case "ackLost":
        return Promise.try(land).then(() => Promise.reject(unknown(ref)));
      case "ackLate":
        return Promise.try(land).then((tail) => this.#late(tail));
      case "appendLost":
        return Promise.reject(unknown(ref));
      case "landedLater":
        // Whether it still could land is the very thing the writer must find out.
        this.#faults.later(() => void Promise.try(land).catch(() => undefined));
        return Promise.reject(unknown(ref));
      case "conflict":
        return Promise.reject(
          new AppError("log.conflict", `call ${ref.call}: an injected writer was first`, {
            detail: { ...ref, expect: expect.seq },
          }),
        );
      default:
        return land();
    }
  }

  read(ref: CallRef, from = 1): LogReading {
    const lag = this.#faults.draw("read") ? this.#faults.pick(STALE_RECORDS_MAX) : 0;
    const reading = this.#inner.read(ref, from);
    return lag === 0 ? reading : new StaleReading(reading, { ref, from, lag });
  }

  async tail(ref: CallRef): Promise<LogTail> {
    const past = this.#pastTails.get(refKey(ref)) ?? [];
    if (past.length === 0 || !this.#faults.draw("tail")) return this.#inner.tail(ref);
    return past.at(-this.#faults.pick(past.length))!;
  }

  calls(tenant?: string): Promise<readonly CallRef[]> {
    return this.#inner.calls(tenant);
  }

  saveSnapshot(ref: CallRef, seq: number, bytes: Uint8Array): Promise<void> {
    return this.#inner.saveSnapshot(ref, seq, bytes);
  }

  loadSnapshot(ref: CallRef, seq: number): Promise<{ seq: number; bytes: Uint8Array } | undefined> {
    return this.#inner.loadSnapshot(ref, seq);
  }

  eraseText(ref: CallRef): Promise<void> {
    return this.#inner.eraseText(ref);
  }

  /** Appends, and remembers the tail that this replaced. */
  #land(ref: CallRef, expect: LogTail, records: readonly LogRecord[]): LogTail | Promise<LogTail> {
    const landed = this.#inner.append(ref, expect, records);
    const note = (tail: LogTail): LogTail => {
      const past = this.#pastTails.get(refKey(ref)) ?? [EMPTY_TAIL];
      if (past.at(-1)?.seq !== expect.seq) past.push(expect);
      this.#pastTails.set(refKey(ref), past.slice(-STALE_RECORDS_MAX));
      return tail;
    };
    return landed instanceof Promise ? landed.then(note) : note(landed);
  }

  #late(tail: LogTail): Promise<LogTail> {
    return new Promise((resolve) => this.#faults.later(() => resolve(tail)));
  }
}

/** Holds the last records back; one that has nothing left to give has not heard of the call. */
class StaleReading implements LogReading {
  readonly #reading: LogReading;
  readonly #options: { ref: CallRef; from: number; lag: number };

  constructor(reading: LogReading, options: { ref: CallRef; from: number; lag: number }) {
    this.#reading = reading;
    this.#options = options;
  }

  get tornBytes(): number {
    return this.#reading.tornBytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LogRecord> {
    const { ref, from, lag } = this.#options;
    const held: LogRecord[] = [];
    let given = 0;
    for await (const record of this.#reading) {
      held.push(record);
      if (held.length <= lag) continue;
      given++;
      yield held.shift()!;
    }
    if (given === 0 && from === 1) throw callNotFound(ref);
  }
}

function unknown(ref: CallRef): AppError {
  return new AppError("log.unknown", `call ${ref.call}: the append was not answered`, {
    detail: { ...ref },
  });
}
