import type { Command } from "commander";
import { z } from "zod";
import { Explainer } from "../actors/explain.ts";
import { sleep, systemClock } from "../base/clock.ts";
import type { CallHeader } from "../events/call.events.ts";
import { TURN_STATUSES } from "../events/turn.events.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import { Timeline, TIMELINE_KINDS, type TimelineEntry } from "../folds/timeline.ts";
import { DECISIONS, MACHINES, openStore } from "../main.ts";
import { parseCount } from "./arguments.ts";
import { findLog, type FoundLog } from "./call-finder.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { EXIT, usageError, type Output, type Style } from "./output.ts";

/**
 * A call for people: what `folds/timeline.ts` makes of its records, line by line. A followed call
 * is read as any other reader reads it: without the lock, and again from where it ended last time.
 */
const Latency = z.number().nullable();

/** One turn, as `folds/turns.ts` gives it. */
export const TurnReport = z.strictObject({
  n: z.int(),
  status: z.enum([...TURN_STATUSES, "live"]),
  userText: z.string(),
  agentText: z.string(),
  heardText: z.string(),
  latencyMs: z.strictObject({
    endOfTurn: Latency,
    llmTtft: Latency,
    ttsTtfb: Latency,
    e2e: Latency,
  }),
});

/** `turnfold show --json`. */
export const ShowReport = z.strictObject({
  call: z.string().nullable(),
  tenant: z.string().nullable(),
  entries: z.array(
    z.strictObject({
      seq: z.int(),
      /** Record time in ms since the epoch, and since the call was opened. */
      at: z.number(),
      ms: z.number(),
      actor: z.string(),
      turn: z.int().nullable(),
      kind: z.enum(TIMELINE_KINDS),
      text: z.string(),
      ignored: z.boolean(),
    }),
  ),
  turns: z.array(TurnReport),
});

interface Options {
  readonly turn?: number;
  readonly actor?: string;
  readonly why?: boolean;
  readonly follow?: boolean;
}

/** How often a followed log is looked at. */
const FOLLOW_EVERY_MS = 150;

export function register(program: Command, cli: Cli): void {
  defineCommand<Options>(program, cli, {
    usage: "show <call|file>",
    summary: "read a call: who said what, what the actors did, how long it took",
    details: "Times are seconds since the call was opened. Inputs that changed nothing are dimmed.",
    options: [
      { flags: "--turn <n>", description: "only what is about this turn", parse: parseCount },
      {
        flags: "--actor <address>",
        description: "only this actor: room, turn.2, or track for all tracks",
      },
      {
        flags: "--why",
        description: "also what each chart compared, for every guard and every delay",
      },
      { flags: "--follow", description: "read on until the call ends, beside whoever writes it" },
    ],
    examples: ["show c0k3", "show c0k3 --turn 2", "show c0k3 --turn 2 --why", "show c0k3 --follow"],
    run: runShow,
  });
}

async function runShow({ args, options, config, out }: Invocation<Options>): Promise<number> {
  await using broker = await openStore(config, true);
  const found = await findLog(args[0]!, config, broker.log);
  if (options.follow && !found.ref)
    throw usageError("a file cannot be followed", "name the call by its id");
  const timeline = new Timeline();
  const explainer = options.why ? new Explainer(MACHINES, DECISIONS) : undefined;
  const entries: TimelineEntry[] = [];
  let ref: CallRef | undefined = found.ref;
  for await (const record of records(found, options.follow === true, out)) {
    if (record.input.type === "call.opened") ref ??= refOf(record);
    const told = timeline.apply(record);
    const why = explainer ? timeline.explain(record, explainer.apply(record)) : [];
    const shown = [...told, ...why].filter((entry) => isWanted(entry, options));
    if (out.isJson) entries.push(...shown);
    for (const entry of shown) out.line(format(entry, out));
  }
  const turns = timeline.turns
    .summaries()
    .filter(({ n }) => options.turn === undefined || n === options.turn)
    .map((turn) => ({ ...turn, latencyMs: { ...turn.latencyMs } }));
  const { call, tenant } = ref ?? { call: null, tenant: null };
  out.json(ShowReport, { call, tenant, entries, turns });
  return EXIT.ok;
}

/** The log from its start; when followed, on to the end of the call, past what is torn for now. */
async function* records(
  { read }: FoundLog,
  follow: boolean,
  { signal }: Output,
): AsyncGenerator<LogRecord> {
  let last: LogRecord | undefined;
  for (;;) {
    for await (const record of read((last?.seq ?? 0) + 1)) {
      last = record;
      yield record;
    }
    if (!follow || signal?.aborted || last?.input.type === "call.ended") return;
    await sleep(systemClock, FOLLOW_EVERY_MS, signal);
  }
}

function refOf({ input }: LogRecord): CallRef {
  const { tenant, call } = input["header"] as unknown as CallHeader;
  return { tenant, call };
}

function isWanted(entry: TimelineEntry, { turn, actor }: Options): boolean {
  if (turn !== undefined && entry.turn !== turn) return false;
  return actor === undefined || entry.actor === actor || entry.actor.startsWith(`${actor}.`);
}

const STYLES: Partial<Readonly<Record<TimelineEntry["kind"], readonly Style[]>>> = {
  call: ["bold"],
  user: ["bold", "cyan"],
  agent: ["bold", "green"],
  tool: ["yellow"],
  command: ["yellow"],
  takeover: ["bold", "yellow"],
  failure: ["bold", "red"],
  turn: ["bold"],
  effect: ["dim"],
  timer: ["dim"],
  choice: ["dim"],
};

function format({ ms, actor, kind, text, ignored }: TimelineEntry, out: Output): string {
  const time = `${(ms / 1000).toFixed(3)}s`.padStart(10);
  const styles = ignored ? (["dim"] as const) : (STYLES[kind] ?? []);
  const body = styles.length > 0 ? out.style(text, ...styles) : text;
  return `${out.style(time, "dim")}  ${out.style(actor.padEnd(12), "dim")}  ${body}`;
}
