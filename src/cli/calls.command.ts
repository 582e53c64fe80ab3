import type { Command } from "commander";
import { z } from "zod";
import { summaryOf, type CallSummary } from "../api/call-summary.ts";
import type { Config } from "../config.ts";
import { lockHolder, openStore, storeName, type Broker } from "../main.ts";
import { askFleet } from "./ask-fleet.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT, type Output } from "./output.ts";
import { duration, printTable } from "./table.ts";

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
      /** Live: unfinished, and a process has it. */
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
  const isOwned = await ownedCalls(config, broker);
  const refs = await broker.log.calls(options.tenant);
  const calls: CallRow[] = [];
  for (const ref of refs) {
    out.progress(`reading … ${calls.length} of ${refs.length} calls`);
    const summary = await summaryOf(broker.log, ref);
    if (summary) calls.push(toRow(summary, isOwned(summary.call)));
  }
  out.json(CallList, { calls });
  print(calls, out);
  if (calls.length === 0) out.line(`no calls in ${storeName(config)}`);
  return EXIT.ok;
}

/** Which calls somebody has: the owner of a data folder all of its, a fleet those it names. */
async function ownedCalls(config: Config, broker: Broker): Promise<(call: string) => boolean> {
  if (!config.nats) {
    const isHeld = lockHolder(config.dataDir) !== undefined;
    return () => isHeld;
  }
  const { workers } = await askFleet(config, broker);
  const ids = new Set(workers.flatMap(({ calls }) => calls.ids));
  return (call) => ids.has(call);
}

function toRow({ startedAt, status, ...about }: CallSummary, owned: boolean): CallRow {
  const live = owned && status === "unfinished";
  const started = new Date(startedAt).toISOString();
  return { ...about, started, status: live ? "live" : status };
}

const COLUMNS = ["call", "tenant", "room", "agent", "started", "duration", "turns", "records"];
const COLORS = { live: "green", failed: "red", damaged: "red" } as const;

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
    statusText(row, out),
  ]);
  printTable([...COLUMNS, "status"], rows, out);
}

function statusText({ status, reason }: CallRow, out: Output): string {
  const shown = status in COLORS ? out.style(status, COLORS[status as "live"]) : status;
  return reason === null ? shown : `${shown}: ${reason}`;
}
