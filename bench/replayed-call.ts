import { CallFold } from "../src/actors/call-fold.ts";
import { CallHost } from "../src/actors/call-host.ts";
import type { Runner } from "../src/actors/effect.ts";
import type { Cancel, Clock } from "../src/base/clock.ts";
import { AppError } from "../src/base/errors.ts";
import { silentLogger } from "../src/base/logger.ts";
import type { EventLog } from "../src/broker/event-log.port.ts";
import type { CallRef, Json, LogRecord } from "../src/events/record.ts";
import { historyFor, type ReplyInput } from "../src/folds/history.ts";
import { Transcript } from "../src/folds/transcript.ts";
import { MACHINES } from "../src/machines/machines.ts";

/**
 * A live host that is given a recorded call's inputs again, one by one, at whatever pace. Its
 * effects do nothing, as what they met stands in the record; its clock shows the time of the input
 * at hand. So it does all a host does, and must end at the very hash the recorded one ended at.
 */
export class ReplayedCall {
  readonly host: CallHost;
  readonly #records: readonly LogRecord[];
  readonly #clock = new RecordClock();
  #at = 0;

  constructor(
    records: readonly LogRecord[],
    { log, ref, onRecord }: { log: EventLog; ref: CallRef; onRecord?: (one: LogRecord) => void },
  ) {
    this.#records = records;
    const state = { fold: new CallFold(MACHINES), transcript: new Transcript() };
    const salt = (): string => this.#next?.text?.salt ?? "";
    const ports = {
      log,
      clock: this.#clock,
      ids: { call: () => "unused", salt, random: () => 0 },
      logger: silentLogger,
      runners: RUNNERS,
      ...(onRecord && { onRecord }),
    };
    this.host = new CallHost(ref, ports, state);
  }

  get done(): boolean {
    return this.host.fold.tail.seq >= this.#records.length;
  }

  /** Gives the next input; resolves once its record is in the log. */
  step(): Promise<unknown> {
    const record = this.#next!;
    this.#at = record.seq;
    this.#clock.ms = record.at;
    if (record.input.type === "timer.fired") return Promise.resolve(this.#clock.ring());
    const { input, cause, text } = record;
    return this.host.offer({ input, cause, ...(text && { text: text.value as Json }) });
  }

  /** The whole call in one go. */
  async run(): Promise<void> {
    let last: Promise<unknown> = Promise.resolve();
    while (!this.done) last = this.step();
    await last;
    this.check();
  }

  /** A bench that measures something else than it says is worse than none. */
  check(): void {
    const { seq, hash } = this.host.fold.tail;
    const stored = this.#records[seq - 1];
    if (this.#at === 0 || stored?.hash !== hash)
      throw new AppError("bug", `the replayed call left the recorded one before record ${seq}`);
  }

  /** The first input the host has not come upon by itself, as it does with its own timers. */
  get #next(): LogRecord | undefined {
    return this.#records[this.host.fold.tail.seq];
  }
}

const never = (): Promise<never> => new Promise(() => undefined);
const idle: Runner = { run: never };
const RUNNERS = {
  connection: idle,
  detector: idle,
  stt: idle,
  tool: idle,
  // A reply's request is resolved within the step that asks for it.
  reply: {
    prepare: (input: ReplyInput, { transcript }: { readonly transcript: Transcript }) =>
      input.saying === null ? historyFor(transcript, input) : [],
    run: never,
  } as Runner,
};

/** Stands where it is put; the host's one alarm rings when the recorded one did. */
class RecordClock implements Clock {
  ms = 0;
  #alarm: (() => void) | undefined;

  now(): number {
    return this.ms;
  }

  after(_delayMs: number, fn: () => void): Cancel {
    this.#alarm = fn;
    return () => {
      if (this.#alarm === fn) this.#alarm = undefined;
    };
  }

  ring(): void {
    const alarm = this.#alarm;
    this.#alarm = undefined;
    alarm?.();
  }
}
