import { AppError } from "../src/base/errors.ts";
import type { EventLog, LogReading } from "../src/broker/event-log.port.ts";
import { type CallRef, EMPTY_TAIL, type LogRecord, type LogTail } from "../src/events/record.ts";

/** A log that remembers where each call's ends and nothing else: for benches that never read. */
export class TailLog implements EventLog {
  readonly #tails = new Map<string, LogTail>();

  append({ call }: CallRef, _expect: LogTail, records: readonly LogRecord[]): LogTail {
    const { seq, hash } = records.at(-1)!;
    const tail = { seq, hash };
    this.#tails.set(call, tail);
    return tail;
  }

  read(): LogReading {
    throw new AppError("bug", "this log keeps no records");
  }

  tail({ call }: CallRef): Promise<LogTail> {
    return Promise.resolve(this.#tails.get(call) ?? EMPTY_TAIL);
  }

  calls(): Promise<readonly CallRef[]> {
    return Promise.resolve([]);
  }

  saveSnapshot(): Promise<void> {
    return Promise.resolve();
  }

  loadSnapshot(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  eraseText(): Promise<void> {
    return Promise.resolve();
  }
}
