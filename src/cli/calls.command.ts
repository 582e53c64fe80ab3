import type { Command } from "commander";
import { z } from "zod";
import { codeOf } from "../base/errors.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import { lockHolder, openStore } from "../main.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT, type Output } from "./output.ts";

/**
 * The list of calls: from the two ends of each log, so that a folder of thousands is listed in
 * seconds. A call that cannot be read is listed as damaged and hides no other.
 */
const STATUSES = ["live", "unfinished", "closed", "failed", "damaged"] as const;

/** `turnfold calls --json`. */
export const CallList = z.strictObject({
  calls: z.array(
    z.strictObject({
      call: z.string(),
      tenant: z.string(),
      room: z.string(),
      agent: z.string(),
      /** ISO 8601, UTC. */
      started: z.string(),
      /** From the first record to the last. */
      durationMs: z.number(),
      turns: z.int(),
      records: z.int(),
      /** Live: unfinished, and a process owns the data folder. */
      status: z.enum(STATUSES),
      /** Why the call ended. */
      reason: z.string().nullable(),
    }),
  ),
});
type CallRow = z.infer<typeof CallList>["calls"][number];

interface Options {
  readonly tenant?: string;
}

export function register(program: Command, cli: Cli): void {
  defineCommand<Options>(program, cli, {
    usage: "calls",
    summary: "list the calls of the data folder, newest first",
    options: [{ flags: "--tenant <id>", description: "only this tenant's" }],
    examples: ["calls", "calls --tenant acme", "calls --json | jq '.calls[0].call'"],
    run: runCalls,
  });
}

async function runCalls({ options, config, out }: Invocation<Options>): Promise<number> {
  await using broker = await openStore(config, true);
  const owned = lockHolder(config.dataDir) !== undefined;
  const refs = await broker.log.calls(options.tenant);
  const calls: CallRow[] = [];
  for (const ref of refs) {
    out.progress(`reading … ${calls.length} of ${refs.length} calls`);
    const row = await rowOf(broker.log, ref, owned);
    if (row) calls.push(row);
  }
  out.json(CallList, { calls });
  print(calls, out);
  if (calls.length === 0) out.line(`no calls in ${config.dataDir}`);
  return EXIT.ok;
}

/** Records at the end that are looked through for the number of the last turn. */
const LAST_RECORDS = 64;

/** From the header and the end of the log alone: nothing is folded, so many calls are cheap. */
async function rowOf(log: EventLog, ref: CallRef, owned: boolean): Promise<CallRow | undefined> {
  const header = await firstOf(log, ref);
  if (!header) return undefined;
  const about = header.input["header"] as unknown as CallHeader;
  const { room, agent } = about;
  const started = new Date(header.at).toISOString();
  const known = { ...ref, room, agent: agent.name, started };
  try {
    const { last, turns } = await endOf(log, ref);
    const over = last.input.type === "call.ended";
    const open = owned ? ("live" as const) : ("unfinished" as const);
    return {
      ...known,
      durationMs: last.at - header.at,
      turns,
      records: last.seq,
      status: over ? (last.input["how"] as "closed" | "failed") : open,
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

const COLUMNS = ["call", "tenant", "room", "agent", "started", "duration", "turns", "records"];

function print(calls: readonly CallRow[], out: Output): void {
  if (calls.length === 0) return;
  const rows = calls.map((row) => [
    row.call,
    row.tenant,
    row.room,
    row.agent,
    row.started.slice(0, 19).replace("T", " "),
    duration(row.durationMs),
    String(row.turns),
    String(row.records),
  ]);
  const widths = COLUMNS.map((name, i) =>
    Math.max(name.length, ...rows.map((cells) => cells[i]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => cell.padEnd(widths[i]!)).join("  ");
  out.line(out.style(`${line(COLUMNS)}  status`, "bold"));
  for (const [index, { status, reason }] of calls.entries()) {
    const why = reason === null ? "" : `: ${reason}`;
    const color = { live: "green", failed: "red", damaged: "red" } as const;
    const shown = status in color ? out.style(status, color[status as "live"]) : status;
    out.line(`${line(rows[index]!)}  ${shown}${why}`);
  }
}

/** `1:02:03` or `2:03`. */
function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, ...rest] = parts.map((part) => String(part).padStart(2, "0"));
  return hours === "00" ? rest.join(":").replace(/^0/, "") : `${Number(hours)}:${rest.join(":")}`;
}
