import { codeOf } from "../base/errors.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { CallRef, LogRecord } from "../events/record.ts";

/**
 * A line of a list of calls, from the two ends of a log: nothing is folded, so a folder of
 * thousands is listed in seconds. A call that cannot be read is listed as damaged and hides no
 * other.
 */
export interface CallSummary extends CallRef {
  readonly room: string;
  readonly agent: string;
  readonly startedAt: number;
  /** From the first record to the last. */
  readonly durationMs: number;
  readonly turns: number;
  readonly records: number;
  readonly status: "unfinished" | "closed" | "failed" | "damaged";
  /** Why the call ended, or cannot be read. */
  readonly reason: string | null;
}

/** Records at the end that are looked through for the number of the last turn. */
const LAST_RECORDS = 64;

/** Undefined for a call whose header is missing. */
export async function summaryOf(log: EventLog, ref: CallRef): Promise<CallSummary | undefined> {
  const header = await firstOf(log, ref);
  if (!header) return undefined;
  const about = header.input["header"] as unknown as CallHeader;
  const { room, agent } = about;
  const known = { ...ref, room, agent: agent.name, startedAt: header.at };
  try {
    const { last, turns } = await endOf(log, ref);
    const over = last.input.type === "call.ended";
    return {
      ...known,
      durationMs: last.at - header.at,
      turns,
      records: last.seq,
      status: over ? (last.input["how"] as "closed" | "failed") : "unfinished",
      reason: over ? (last.input["reason"] as string) : null,
    };
  } catch (error) {
    // One damaged call must not hide the others.
    if (codeOf(error) !== "log.damaged") throw error;
    const reason = (error as Error).message;
    return { ...known, durationMs: 0, turns: 0, records: 0, status: "damaged", reason };
  }
}

async function firstOf(log: EventLog, ref: CallRef): Promise<LogRecord | undefined> {
  for await (const record of log.read(ref)) return record;
  return undefined;
}

/** Turn numbers have no gaps, so the highest one near the end is their count. */
async function endOf(log: EventLog, ref: CallRef): Promise<{ last: LogRecord; turns: number }> {
  const { seq } = await log.tail(ref);
  for (let count = LAST_RECORDS; ; count *= 4) {
    const from = Math.max(1, seq - count);
    let last: LogRecord | undefined;
    let turns = 0;
    for await (const record of log.read(ref, from)) {
      last = record;
      turns = Math.max(turns, ...turnsIn(record));
    }
    if (last && (turns > 0 || from === 1)) return { last, turns };
  }
}

function turnsIn({ outcome }: LogRecord): readonly number[] {
  const actors = Object.keys(outcome.state).filter((actor) => actor.startsWith("turn."));
  return actors.map((actor) => Number(actor.slice("turn.".length)));
}
