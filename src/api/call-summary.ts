import type { EventLog } from "../broker/event-log.port.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { CallRef, LogRecord } from "../events/record.ts";

/** A line of a list of calls. */
export interface CallSummary extends CallRef {
  readonly room: string;
  readonly agent: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly records: number;
  readonly status: "unfinished" | "closed" | "failed";
  readonly reason: string;
}

/** From the header and the last record alone: nothing is folded. */
export async function summaryOf(log: EventLog, ref: CallRef): Promise<CallSummary> {
  const { seq } = await log.tail(ref);
  const first = await recordAt(log, ref, 1);
  const last = await recordAt(log, ref, seq);
  const header = first?.input["header"] as unknown as CallHeader | undefined;
  const ended = last?.input.type === "call.ended" ? last.input : undefined;
  return {
    ...ref,
    room: header?.room ?? "",
    agent: header?.agent.name ?? "",
    startedAt: first?.at ?? 0,
    endedAt: last?.at ?? 0,
    records: seq,
    status: ended ? (ended["how"] as "closed" | "failed") : "unfinished",
    reason: (ended?.["reason"] as string | undefined) ?? "",
  };
}

async function recordAt(log: EventLog, ref: CallRef, seq: number): Promise<LogRecord | undefined> {
  for await (const record of log.read(ref, seq)) return record;
  return undefined;
}
