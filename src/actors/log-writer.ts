import { type Clock, sleep } from "../base/clock.ts";
import { AppError, codeOf, toAppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import { recordBytes } from "../events/codec.ts";
import type { CallRef, LogRecord, LogTail } from "../events/record.ts";

/**
 * One call's writer. L1: compare-and-set on the tail; who loses stops for good. L2: one append in
 * flight, what arrives meanwhile goes packed in the next one; an unknown result is settled by
 * reading the tail. A retry repeats the same records under the same expectation, so it can land
 * only once.
 */
export interface WriterHooks {
  /** Everything up to `seq` is in the log. */
  acked(seq: number): void;
  /** This owner has lost the call. */
  fenced(error: AppError): void;
}

/** Between the tries of one append: doubled each time, up to the longest. */
const RETRY_FIRST_MS = 50;
const RETRY_LONGEST_MS = 1_000;
/** So many records of full size are within the bytes of one append: nothing to measure. */
const UNMEASURED_MAX = Math.floor(LIMITS.appendBytesMax / LIMITS.recordBytesMax);
/** Whether it landed is not known, or surely not but it may the next time. */
const TRY_AGAIN: readonly string[] = ["log.unknown", "broker.full", "broker.unavailable"];

export class LogWriter {
  readonly #log: EventLog;
  readonly #ref: CallRef;
  readonly #clock: Clock;
  readonly #hooks: WriterHooks;
  #tail: LogTail;
  #waiting: LogRecord[] = [];
  #inFlight = false;
  #lost = false;

  constructor(
    log: EventLog,
    ref: CallRef,
    more: { tail: LogTail; clock: Clock; hooks: WriterHooks },
  ) {
    this.#log = log;
    this.#ref = ref;
    this.#tail = more.tail;
    this.#clock = more.clock;
    this.#hooks = more.hooks;
  }

  /** The position that is known to be in the log. */
  get tail(): LogTail {
    return this.#tail;
  }

  add(record: LogRecord): void {
    this.#waiting.push(record);
  }

  /** Sends what waits, unless an append is under way. */
  flush(): void {
    while (!this.#lost && !this.#inFlight && this.#waiting.length > 0) {
      const batch = this.#take();
      try {
        const result = this.#log.append(this.#ref, this.#tail, batch);
        if (!isPromise(result)) {
          this.#landed(batch);
          continue;
        }
        this.#inFlight = true;
        result.then(
          () => this.#settled(batch),
          (error: unknown) => void this.#failed(batch, error),
        );
      } catch (error) {
        this.#inFlight = true;
        void this.#failed(batch, error);
      }
    }
  }

  /** Writes nothing any more. */
  stop(): void {
    this.#lost = true;
    this.#waiting = [];
  }

  /** As many of the waiting records as fit in one append. */
  #take(): readonly LogRecord[] {
    const batch = this.#waiting.splice(0, LIMITS.appendRecordsMax);
    while (batch.length > UNMEASURED_MAX && bytesOf(batch) > LIMITS.appendBytesMax)
      this.#waiting.unshift(...batch.splice(batch.length >> 1));
    return batch;
  }

  #settled(batch: readonly LogRecord[]): void {
    this.#inFlight = false;
    this.#landed(batch);
    this.flush();
  }

  #landed(batch: readonly LogRecord[]): void {
    const last = batch.at(-1)!;
    this.#tail = { seq: last.seq, hash: last.hash };
    if (!this.#lost) this.#hooks.acked(last.seq);
  }

  /** A lost compare-and-set ends this owner; what is unknown must be settled. */
  async #failed(batch: readonly LogRecord[], error: unknown): Promise<void> {
    const code = codeOf(error, "log.unknown");
    if (!TRY_AGAIN.includes(code)) return this.#fence(error);
    const landed = await this.#settle(batch);
    if (landed) this.#settled(batch);
    else this.#fence(error);
  }

  /** True once the batch is known to be in the log; false once it is known never to be. */
  async #settle(batch: readonly LogRecord[]): Promise<boolean> {
    const last = batch.at(-1)!;
    const until = this.#clock.now() + LIMITS.unknownMsMax;
    let mayStand = false;
    let waitMs = RETRY_FIRST_MS;
    for (let tries = 0; tries < LIMITS.unknownTriesMax; tries++) {
      if (this.#clock.now() > until) return false;
      if (this.#lost) return false;
      const tail = await this.#log.tail(this.#ref).catch(() => undefined);
      if (tail?.seq === last.seq && tail.hash === last.hash) return true;
      // Told to let go meanwhile: not even what was begun is tried again.
      if (this.#lost) return false;
      // A tail beyond ours that is not ours was written by another owner.
      if (tail && tail.seq > this.#tail.seq) return false;
      if (tail && !mayStand) {
        const code = await this.#retry(batch);
        if (code === undefined) return true;
        // A conflict after an unknown result may be our own first try: only the tail tells.
        mayStand = code === "log.conflict";
        if (mayStand) continue;
      }
      await sleep(this.#clock, waitMs);
      waitMs = Math.min(waitMs * 2, RETRY_LONGEST_MS);
    }
    return false;
  }

  async #retry(batch: readonly LogRecord[]): Promise<string | undefined> {
    try {
      await this.#log.append(this.#ref, this.#tail, batch);
      return undefined;
    } catch (error) {
      return codeOf(error, "log.unknown");
    }
  }

  #fence(error: unknown): void {
    if (this.#lost) return;
    this.stop();
    const cause = toAppError(error, "log.unknown");
    this.#hooks.fenced(
      new AppError("owner.fenced", `this owner has lost the call: ${cause.message}`, { cause }),
    );
  }
}

function bytesOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, record) => sum + recordBytes(record), 0);
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown }).then === "function";
}
