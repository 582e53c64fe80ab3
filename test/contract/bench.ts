import assert from "node:assert/strict";
import type { ErrorCode } from "../../src/base/errors.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { EventLog } from "../../src/broker/event-log.port.ts";
import { type CallRef, EMPTY_TAIL, type LogRecord, type LogTail } from "../../src/events/record.ts";

/**
 * What the contract suites need of an adapter. Suites use names of their own for calls, subjects
 * and keys, so benches may share a server; but jobs are claimed by whoever asks, so each bench
 * needs a queue of its own.
 */
export interface Bench extends AsyncDisposable {
  readonly broker: Broker;
  /** How long a claim holds; short where time is real. */
  readonly ackWaitMs: number;
  /** Lets time pass: of the simulated clock, or really. */
  advance(ms: number): Promise<void>;
}

export interface Adapter {
  readonly name: string;
  readonly open: () => Promise<Bench>;
}

let count = 0;

/** A token nobody has used before, also across runs against one server. */
export function unique(stem: string): string {
  return `${stem}-${process.pid}-${Date.now().toString(36)}-${++count}`;
}

export function newCall(tenant = unique("t")): CallRef {
  return { tenant, call: unique("c") };
}

export function record(seq: number, more: Partial<LogRecord> = {}): LogRecord {
  return {
    v: 1,
    seq,
    at: 1_750_000_000_000 + seq,
    epoch: 1,
    actor: "turn",
    input: { type: "stt.interim", words: seq },
    cause: seq === 1 ? null : seq - 1,
    outcome: {
      state: { turn: { speaking: "idle" } },
      emitted: [{ type: "turn.started", actor: "turn", note: "Grüße, 你好" }],
      effects: [["arm", "eot", 1_750_000_000_500 + seq]],
    },
    hash: `hash-${seq}`,
    ...more,
  };
}

export function records(from: number, to: number, more: Partial<LogRecord> = {}): LogRecord[] {
  return Array.from({ length: to - from + 1 }, (_, index) => record(from + index, more));
}

export function tailAt(seq: number): LogTail {
  return seq === 0 ? EMPTY_TAIL : { seq, hash: `hash-${seq}` };
}

/** Appends records 1 to `to` in steps of at most 50. */
export async function fill(log: EventLog, ref: CallRef, to: number): Promise<LogRecord[]> {
  for (let at = 0; at < to; at += 50)
    await log.append(ref, tailAt(at), records(at + 1, Math.min(to, at + 50)));
  return records(1, to);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Both a thrown error and a rejection must carry the code; an append may do either. */
export async function rejects(code: ErrorCode, run: () => unknown): Promise<Error> {
  let caught: unknown;
  await assert.rejects(
    async () => await run(),
    (error) => {
      caught = error;
      assert.equal((error as { code?: unknown }).code, code, String(error));
      return true;
    },
  );
  return caught as Error;
}

/** Waits until the check holds, by the bench's time. */
export async function eventually(bench: Bench, check: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (check()) return;
    await bench.advance(10);
  }
  assert.fail("it did not come to hold");
}
