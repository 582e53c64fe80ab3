import type { Command } from "commander";
import { z } from "zod";
import { notCompared, replayChanged, type AgentDifference } from "../agent/changed-agent.ts";
import { replay, type ReplayResult } from "../actors/replay.ts";
import { AppError } from "../base/errors.ts";
import { systemClock } from "../base/clock.ts";
import type { LogReading } from "../broker/event-log.port.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { Json, LogRecord } from "../events/record.ts";
import { MACHINES, openStore } from "../main.ts";
import { parseCount } from "./arguments.ts";
import { findLog } from "./call-finder.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { loadAgent } from "./load-agent.ts";
import { EXIT, type Output, usageError } from "./output.ts";

/**
 * The proof on the command line: prints what `actors/replay.ts` finds, and makes its verdict the
 * exit code. It opens the store for reading only, so a replay can never change what it judges.
 */
const VERDICTS = ["reproduced", "diverged", "damaged", "folded", "same", "differs"] as const;

/** `turnfold replay --json`. */
export const ReplayReport = z.strictObject({
  /** Null where the log has no header to tell. */
  call: z.string().nullable(),
  tenant: z.string().nullable(),
  verdict: z.enum(VERDICTS),
  records: z.int(),
  turns: z.int(),
  epochs: z.int(),
  /** Hash of the last record. */
  stateHash: z.string(),
  recordsPerSecond: z.number(),
  /** Bytes of a torn last line that was left out. */
  tornBytes: z.int(),
  finished: z.boolean(),
  /** Records whose text was erased. */
  erased: z.int(),
  divergence: z
    .strictObject({
      seq: z.int(),
      what: z.string(),
      stored: z.json(),
      recomputed: z.json(),
    })
    .optional(),
  /** The changed agent, with `--agent`. */
  agent: z.strictObject({ name: z.string(), hash: z.string() }).optional(),
  /** What the verdict says nothing of, with `--agent`. */
  notCompared: z.array(z.string()).optional(),
  /** Machine versions that are not carried here. */
  missing: z.record(z.string(), z.string()).optional(),
});
export type ReplayReport = z.infer<typeof ReplayReport>;

interface Options {
  readonly until?: number;
  readonly deep?: boolean;
  readonly agent?: string;
}

export function register(program: Command, cli: Cli): void {
  defineCommand<Options>(program, cli, {
    usage: "replay <call|file>",
    summary: "run a call again from its log and compare every record",
    details:
      "Recomputes each record's outcome and hash with the machines of this build. It asks no\n" +
      "provider and writes nothing. Exit code: 0 reproduced, 1 diverged or damaged, 3 folded\n" +
      "but not verified, as the log is of machine versions that are not carried here.",
    options: [
      { flags: "--until <seq>", description: "stop after this record", parse: parseCount },
      {
        flags: "--deep",
        description: "recompute from the texts too: features and request digests",
      },
      {
        flags: "--agent <file>",
        description: "run it against this agent, and tell what is different first",
      },
    ],
    examples: [
      "replay c0k3",
      "replay acme/c0k3 --deep",
      "replay c0k3 --until 120",
      "replay export.jsonl --json",
      "replay c0k3 --agent agent.ts",
    ],
    run: runReplay,
  });
}

async function runReplay(invocation: Invocation<Options>): Promise<number> {
  const { args, options, config, out } = invocation;
  if (options.agent !== undefined) return replayWith(options.agent, invocation);
  await using broker = await openStore(config, true);
  const { ref, read } = await findLog(args[0]!, config, broker.log);
  const reading = read(1);
  const startedAt = systemClock.now();
  let header: CallHeader | undefined;
  const result = await replay(shown(reading, out), {
    machines: MACHINES,
    torn: () => reading.tornBytes > 0,
    onRecord: ({ input }) => {
      if (input.type === "call.opened") header = input["header"] as unknown as CallHeader;
    },
    ...(options.until !== undefined && { until: options.until }),
    ...(options.deep && { deep: true }),
  });
  const seconds = Math.max(1, systemClock.now() - startedAt) / 1000;
  const report: ReplayReport = {
    call: ref?.call ?? header?.call ?? null,
    tenant: ref?.tenant ?? header?.tenant ?? null,
    ...toJson(result),
    recordsPerSecond: Math.round(result.records / seconds),
    tornBytes: reading.tornBytes,
  };
  out.json(ReplayReport, report);
  print(report, out);
  return exitCodeOf(report.verdict);
}

/** Shows how far a long replay has come. */
async function* shown(reading: LogReading, out: Output) {
  for await (const record of reading) {
    if (record.seq % 500 === 0) out.progress(`replaying … ${record.seq} records`);
    yield record;
  }
}

function toJson({ divergence, ...result }: ReplayResult) {
  if (!divergence) return result;
  const { stored, recomputed, ...place } = divergence;
  const sides = { stored: stored as Mutable, recomputed: recomputed as Mutable };
  return { ...result, divergence: { ...place, ...sides } };
}

/** zod's JSON type has no `readonly`. */
type Mutable = z.infer<ReturnType<typeof z.json>>;

/** The log once more as it is, to be sure of it, then with the changed agent. */
async function replayWith(
  file: string,
  { args, options, config, out }: Invocation<Options>,
): Promise<number> {
  if (options.until !== undefined || options.deep)
    throw usageError("--agent goes alone", "leave --until and --deep out");
  const { agent } = await loadAgent(file);
  await using broker = await openStore(config, true);
  const { read } = await findLog(args[0]!, config, broker.log);
  const records: LogRecord[] = [];
  const reading = read(1);
  const startedAt = systemClock.now();
  const own = await replay(shown(reading, out), {
    machines: MACHINES,
    torn: () => reading.tornBytes > 0,
    onRecord: (record) => records.push(record),
  });
  if (own.verdict !== "reproduced")
    throw new AppError("log.damaged", `the log itself is ${own.verdict}`, {
      detail: { fix: `see \`turnfold replay ${args[0]}\` without --agent` },
    });
  const { difference } = await replayChanged(records, agent, MACHINES);
  const { tenant, call } = records[0]!.input["header"] as unknown as CallHeader;
  const seconds = Math.max(1, systemClock.now() - startedAt) / 1000;
  const report: ReplayReport = {
    call,
    tenant,
    ...toJson(own),
    verdict: difference ? "differs" : "same",
    recordsPerSecond: Math.round(own.records / seconds),
    tornBytes: reading.tornBytes,
    agent: { name: agent.name, hash: agent.hash },
    notCompared: [...notCompared(agent)],
    ...(difference && { divergence: toDivergence(difference) }),
  };
  out.json(ReplayReport, report);
  const verdict = difference ? out.style("differs", "yellow") : out.style("same", "green");
  out.line(`${verdict}: call ${call} with agent ${agent.name} of ${file}`);
  if (difference) {
    out.line(`  at record ${difference.seq}, ${difference.ms / 1000} s: ${difference.what}`);
    out.line(`  in the log  ${difference.before}`);
    out.line(`  now         ${difference.now}`);
  } else out.line(`  all ${own.records} records come to the same`);
  out.line(`  not compared: ${notCompared(agent).join(", ")}`);
  return difference ? EXIT.failed : EXIT.ok;
}

function toDivergence({ seq, what, before, now }: AgentDifference) {
  return { seq, what, stored: before, recomputed: now };
}

function exitCodeOf(verdict: ReplayReport["verdict"]): number {
  if (verdict === "folded") return EXIT.unverified;
  return verdict === "reproduced" ? EXIT.ok : EXIT.failed;
}

const COLORS = {
  reproduced: "green",
  same: "green",
  diverged: "red",
  damaged: "red",
  folded: "yellow",
  differs: "yellow",
} as const;

function print(report: ReplayReport, out: Output): void {
  const { verdict, divergence, missing } = report;
  const color = COLORS[verdict];
  const word = verdict === "folded" ? "folded, not verified" : verdict;
  const name = report.call === null ? "a log without a header" : `call ${report.call}`;
  out.line(`${out.style(word, "bold", color)}: ${name} of ${report.tenant ?? "nobody"}`);
  if (divergence) {
    out.line(`  at record   ${divergence.seq}: ${divergence.what}`);
    out.line(`  stored      ${oneLine(divergence.stored)}`);
    out.line(`  recomputed  ${oneLine(divergence.recomputed)}`);
    if (divergence.what === "hash")
      out.line(
        "  the record's input, time, cause or text digest is not the one it was sealed with",
      );
  }
  if (missing) {
    const versions = Object.entries(missing).map(([machine, version]) => `${machine} ${version}`);
    out.line(`  not carried ${versions.join(", ")}`);
  }
  const state = report.finished ? "finished" : "unfinished";
  out.line(
    `  records     ${report.records} (${state}), ${report.turns} turns, ${report.epochs} epochs`,
  );
  out.line(`  state hash  ${report.stateHash || "none"}`);
  out.line(`  speed       ${report.recordsPerSecond} records a second`);
  if (report.tornBytes > 0)
    out.line(`  torn        ${report.tornBytes} bytes of a last line were left out`);
  if (report.erased > 0) out.line(`  erased      the text of ${report.erased} records`);
}

function oneLine(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
