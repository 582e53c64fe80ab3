import { type Clock, sleep } from "../base/clock.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallRef, LogRecord } from "../events/record.ts";

export interface WholeLogPorts {
  readonly log: Pick<EventLog, "read">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Each record, in order and once. */
  readonly fold: (record: LogRecord) => void;
  readonly onFailure: (error: unknown) => void;
}

const AGAIN_MS = 1_000;
const TRIES_MAX = 5;

/** All records of a call for who hears of them from somewhere on: those before are read first. */
export class WholeLog {
  readonly #ref: CallRef;
  readonly #ports: WholeLogPorts;
  /** Handed over before their forerunners were read. */
  readonly #waiting: LogRecord[] = [];
  #reading: Promise<void> | undefined;
  #seq = 0;

  constructor(ref: CallRef, ports: WholeLogPorts) {
    this.#ref = ref;
    this.#ports = ports;
  }

  /** Records that the log has acknowledged, in order. */
  apply(record: LogRecord): void {
    if (record.seq <= this.#seq || this.#ports.signal.aborted) return;
    if (record.seq === this.#seq + 1 && !this.#reading) return this.#fold(record);
    this.#waiting.push(record);
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
  }

  /** Resolves when nothing that it was handed waits for its forerunners. */
  get whole(): Promise<void> {
    return this.#reading ?? Promise.resolve();
  }

  async #read(): Promise<void> {
    const { clock, signal } = this.#ports;
    for (let tries = 1; this.#waiting.length > 0 && !signal.aborted; tries++)
      try {
        await this.#readTo(this.#waiting[0]!.seq);
        while (this.#waiting[0] && this.#waiting[0].seq <= this.#seq + 1)
          this.#fold(this.#waiting.shift()!);
      } catch (error) {
        if (tries === TRIES_MAX) return this.#ports.onFailure(error);
        await sleep(clock, AGAIN_MS, signal);
      }
  }

  async #readTo(seq: number): Promise<void> {
    if (seq <= this.#seq + 1) return;
    for await (const record of this.#ports.log.read(this.#ref, this.#seq + 1)) {
      if (record.seq >= seq || this.#ports.signal.aborted) return;
      this.#fold(record);
    }
  }

  #fold(record: LogRecord): void {
    if (record.seq !== this.#seq + 1) return;
    this.#seq = record.seq;
    this.#ports.fold(record);
  }
}
