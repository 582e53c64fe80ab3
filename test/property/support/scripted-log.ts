import assert from "node:assert/strict";
import { AppError, codeOf } from "../../../src/base/errors.ts";
import type { EventLog, LogReading } from "../../../src/broker/event-log.port.ts";
import {
  type CallRef,
  EMPTY_TAIL,
  type LogRecord,
  type LogTail,
} from "../../../src/events/record.ts";
import type { Coverage } from "./coverage.ts";
import type { Dice } from "./dice.ts";

/**
 * The log of one call, as the generator wants it: what an append comes to is drawn from the
 * weights, and what is not answered at once waits here until it is released.
 */
export type Fate =
  /** Landed and acknowledged at once. */
  | "now"
  /** Landed; acknowledged when released. */
  | "lateAck"
  /** On its way: lands when released, if the tail is still the expected one. */
  | "slow"
  /** Landed; when released the writer is told that nobody knows. */
  | "ackLost"
  /** Never lands; when released the writer is told that nobody knows. */
  | "appendLost"
  /** Nobody knows, and it lands when released, if it still can. */
  | "landsLater"
  /** Does not land: another writer is said to have been first. */
  | "conflict";
export type FateWeights = { readonly [fate in Fate]?: number };

interface Pending {
  readonly release: () => void;
}

export class ScriptedLog {
  readonly records: LogRecord[] = [];
  readonly #dice: Dice;
  readonly #coverage: Coverage;
  readonly #snapshots: { seq: number; bytes: Uint8Array }[] = [];
  readonly #pending: Pending[] = [];
  weights: FateWeights = { now: 1 };
  /** How often a tail or a reading lies behind. */
  staleShare = 0;
  /** How often a reading waits in the middle until it is released. */
  slowReadShare = 0;

  constructor(dice: Dice, coverage: Coverage) {
    this.#dice = dice;
    this.#coverage = coverage;
  }

  get tail(): LogTail {
    const last = this.records.at(-1);
    return last ? { seq: last.seq, hash: last.hash } : EMPTY_TAIL;
  }
  get pending(): number {
    return this.#pending.length;
  }

  heal(): void {
    this.weights = { now: 1 };
    this.staleShare = 0;
    this.slowReadShare = 0;
  }

  /** Lets one waiting answer out: mostly the oldest. */
  release(): void {
    const index = this.#dice.chance(0.8) ? 0 : this.#dice.int(this.#pending.length);
    this.#pending.splice(index, 1)[0]?.release();
  }

  holds(record: LogRecord): boolean {
    return this.records[record.seq - 1]?.hash === record.hash;
  }

  append(expect: LogTail, records: readonly LogRecord[]): LogTail | Promise<LogTail> {
    const fate = this.#draw();
    if (fate !== "now") this.#coverage.count(`log.${fate}`);
    switch (fate) {
      case "now":
        return this.#land(expect, records);
      case "lateAck": {
        const tail = this.#land(expect, records);
        return this.#later(() => tail);
      }
      case "slow":
        return this.#later(() => this.#land(expect, records));
      case "ackLost":
        this.#land(expect, records);
        return this.#later(unknown);
      case "appendLost":
        return this.#later(unknown);
      case "landsLater":
        this.#later(() => this.#land(expect, records)).catch(() => undefined);
        return Promise.reject(new AppError("log.unknown", "not answered"));
      case "conflict":
        throw new AppError("log.conflict", "another writer is said to have been first");
    }
  }

  /** What this owner sees of the log, which may be an older state of it. */
  tailSeen(): Promise<LogTail> {
    if (this.#dice.chance(this.staleShare)) {
      this.#coverage.count("log.staleTail");
      if (this.#dice.chance(0.3)) return Promise.reject(new AppError("log.unknown", "no tail"));
      const past = this.records[this.records.length - 1 - this.#dice.between(1, 3)];
      return Promise.resolve(past ? { seq: past.seq, hash: past.hash } : EMPTY_TAIL);
    }
    if (this.#dice.chance(this.slowReadShare)) return this.#later(() => this.tail);
    return Promise.resolve(this.tail);
  }

  reading(from: number): LogReading {
    const stale = this.#dice.chance(this.staleShare) ? this.#dice.between(1, 3) : 0;
    const end = Math.max(1, this.records.length - stale);
    const slow = this.#dice.chance(this.slowReadShare);
    const gate = slow ? this.#later(() => this.tail) : undefined;
    const { records } = this;
    return {
      tornBytes: 0,
      async *[Symbol.asyncIterator]() {
        for (const record of records.slice(from - 1, end)) yield record;
        await gate;
      },
    };
  }

  saveSnapshot(seq: number, bytes: Uint8Array): void {
    this.#snapshots.push({ seq, bytes });
  }

  snapshotBelow(seq: number): { seq: number; bytes: Uint8Array } | undefined {
    return this.#snapshots.filter((one) => one.seq <= seq).sort((a, b) => b.seq - a.seq)[0];
  }

  #draw(): Fate {
    const entries = Object.entries(this.weights) as [Fate, number][];
    if (entries.length === 1) return entries[0]![0];
    let rest = this.#dice.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [fate, weight] of entries) if ((rest -= weight) < 0) return fate;
    return "now";
  }

  /** L1: compare-and-set on the tail. */
  #land(expect: LogTail, records: readonly LogRecord[]): LogTail {
    const { seq, hash } = this.tail;
    if (seq !== expect.seq || hash !== expect.hash) {
      this.#coverage.count("log.lostCas");
      throw new AppError("log.conflict", `the log ends at ${seq}, not at ${expect.seq}`);
    }
    for (const record of records) {
      assert.equal(record.seq, this.records.length + 1, "a record does not follow the last");
      this.records.push(record);
    }
    return this.tail;
  }

  #later(answer: () => LogTail): Promise<LogTail> {
    const { promise, resolve, reject } = Promise.withResolvers<LogTail>();
    const release = (): void => {
      try {
        resolve(answer());
      } catch (error) {
        reject(error as AppError);
      }
    };
    this.#pending.push({ release });
    return promise;
  }
}

function unknown(): never {
  throw new AppError("log.unknown", "the append was not answered");
}

/** What an owner may and may not do with the log, seen at each of its tries. */
export interface AppendWatch {
  before(expect: LogTail): void;
  conflict(expect: LogTail): void;
}

/** The port as one owner has it. */
export function logFor(log: ScriptedLog, watch: AppendWatch): EventLog {
  return {
    append: (_: CallRef, expect, records) => {
      watch.before(expect);
      const lost = (error: unknown): never => {
        if (codeOf(error) === "log.conflict") watch.conflict(expect);
        throw error as AppError;
      };
      try {
        const answer = log.append(expect, records);
        return answer instanceof Promise ? answer.catch(lost) : answer;
      } catch (error) {
        return lost(error);
      }
    },
    read: (_, from = 1) => log.reading(from),
    tail: () => log.tailSeen(),
    calls: () => Promise.resolve([]),
    saveSnapshot: async (_, seq, bytes) => log.saveSnapshot(seq, bytes),
    loadSnapshot: async (_, seq) => log.snapshotBelow(seq),
    eraseText: () => Promise.resolve(),
  };
}
