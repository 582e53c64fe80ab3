import { type Clock, sleep } from "../base/clock.ts";
import { AppError, codeOf, toAppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import { recordBytes } from "../events/codec.ts";
import type { CallRef, LogRecord, LogTail } from "../events/record.ts";
import { AnswerWatch } from "./answer-watch.ts";

/**
 * One call's writer. L1: compare-and-set on the tail; who loses stops for good. L2: one append in
 * flight, what arrives meanwhile goes packed in the next one; an unknown result is settled by
 * reading the tail. A retry repeats the same records under the same expectation, so it can land
 * only once. L7: it tries until it is told to stop; an answer over which this process stood still
 * is as good as none, as another owner may have come since.
 */
export interface WriterHooks {
  /** Everything up to `seq` is in the log. */
  acked(seq: number): void;
  /** This owner has lost the call. */
  fenced(error: AppError): void;
  /** For so long the log has not answered; told again and again while it does not. */
  unanswered(ms: number): void;
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
  readonly #watch: AnswerWatch;
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
    this.#watch = new AnswerWatch(more.clock, (ms) => this.#hooks.unanswered(ms));
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
        const mark = this.#begin();
        result.then(
          () => this.#answered(batch, mark),
          (error: unknown) => this.#failed(batch, error),
        );
      } catch (error) {
        this.#begin();
        this.#failed(batch, error);
      }
    }
  }

  /** Writes nothing any more. */
  stop(): void {
    this.#lost = true;
    this.#waiting = [];
    this.#watch.stop();
  }

  #begin(): number {
    this.#inFlight = true;
    this.#watch.begin();
    return this.#watch.mark;
  }

  /** As many of the waiting records as fit in one append. */
  #take(): readonly LogRecord[] {
    const batch = this.#waiting.splice(0, LIMITS.appendRecordsMax);
    while (batch.length > UNMEASURED_MAX && bytesOf(batch) > LIMITS.appendBytesMax)
      this.#waiting.unshift(...batch.splice(batch.length >> 1));
    return batch;
  }

  #answered(batch: readonly LogRecord[], mark: number): void {
    if (this.#watch.ranSince(mark)) this.#settled(batch);
    // It has landed; whether the call is still ours only the tail tells.
    else void this.#settle(batch, { mayStand: true });
  }

  #settled(batch: readonly LogRecord[]): void {
    this.#inFlight = false;
    this.#watch.end();
    this.#landed(batch);
    this.flush();
  }

  #landed(batch: readonly LogRecord[]): void {
    const last = batch.at(-1)!;
    this.#tail = { seq: last.seq, hash: last.hash };
    if (!this.#lost) this.#hooks.acked(last.seq);
  }

  /** A lost compare-and-set ends this owner; what is unknown must be settled. */
  #failed(batch: readonly LogRecord[], error: unknown): void {
    const code = codeOf(error, "log.unknown");
    if (TRY_AGAIN.includes(code)) void this.#settle(batch, { mayStand: false, error });
    else this.#fence(error);
  }

  /** Until the batch is known to be in the log and the call still ours, or never to be. */
  async #settle(
    batch: readonly LogRecord[],
    known: { mayStand: boolean; error?: unknown },
  ): Promise<void> {
    const last = batch.at(-1)!;
    let { mayStand } = known;
    let waitMs = RETRY_FIRST_MS;
    while (!this.#lost) {
      const mark = this.#watch.mark;
      const tail = await this.#log.tail(this.#ref).catch(() => undefined);
      const isNews = this.#watch.ranSince(mark);
      // Told to let go meanwhile: not even what was begun is tried again.
      if (this.#lost) return;
      const landed = tail?.seq === last.seq && tail.hash === last.hash;
      if (landed && isNews) return this.#settled(batch);
      // A tail beyond ours that is not ours was written by another owner.
      if (tail && tail.seq > this.#tail.seq && !landed) return this.#fence(known.error);
      if (!isNews) continue;
      if (tail && !mayStand) {
        const came = await this.#retry(batch);
        if (came === "landed") return this.#settled(batch);
        mayStand = came === "mayStand";
        if (mayStand) continue;
      }
      await sleep(this.#clock, waitMs);
      waitMs = Math.min(waitMs * 2, RETRY_LONGEST_MS);
    }
  }

  async #retry(batch: readonly LogRecord[]): Promise<"landed" | "mayStand" | "unknown"> {
    const mark = this.#watch.mark;
    try {
      await this.#log.append(this.#ref, this.#tail, batch);
      return this.#watch.ranSince(mark) ? "landed" : "mayStand";
    } catch (error) {
      // A conflict after an unknown result may be our own first try: only the tail tells.
      return codeOf(error, "log.unknown") === "log.conflict" ? "mayStand" : "unknown";
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
