import { existsSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { answersByRules } from "../agent/asked-rules.ts";
import type { VoiceAgent } from "../agent/voice-agent.ts";
import { AppError } from "../base/errors.ts";
import type { LogRecord } from "../events/record.ts";
import { openStore } from "../main.ts";
import { recordedTest } from "../testing/recorded-test.ts";
import { parseCount } from "./arguments.ts";
import { findLog } from "./call-finder.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { loadAgent } from "./load-agent.ts";
import { EXIT, usageError } from "./output.ts";
import { parseExpectation, pinned, testFile, type Expectation } from "./test-file.ts";

/** A test out of a recorded call: what went wrong once is then held for good. */

/** `turnfold test from --json`. */
export const TestReport = z.strictObject({
  call: z.string(),
  turn: z.int(),
  /** Null where the test was not written to a file. */
  file: z.string().nullable(),
  expectations: z.array(
    z.strictObject({ kind: z.enum(["heard", "says", "state", "tool"]), value: z.string() }),
  ),
  /** Nothing was expected, so the test pins what happened. */
  pinned: z.boolean(),
  content: z.string(),
});

interface Options {
  readonly turn?: number;
  readonly expect?: readonly Expectation[];
  readonly agent: string;
  readonly out?: string;
}

export function register(program: Command, cli: Cli): void {
  const group = program.command("test").summary("make tests out of recorded calls");
  group.description("Make tests out of recorded calls.");
  const expectations: Expectation[] = [];
  defineCommand<Options>(group, cli, {
    usage: "from <call>",
    summary: "write a test of one turn of a recorded call, or of a log file",
    details:
      "The test plays the caller's words by the clock, with the model's answers and the tools' " +
      "outputs as they were recorded, up to the end of the turn. An agent of rules answers by " +
      "its own rules. Without --expect it pins what happened.",
    examples: [
      "test from c0k3 --turn 2",
      "test from c0k3 --turn 2 --expect tool=book:once --out twice.test.ts",
      "test from c0k3 --turn 3 --expect 'heard=/sunday/i' --expect state=completed",
    ],
    options: [
      { flags: "--turn <n>", description: "which turn; default: the last", parse: parseCount },
      {
        flags: "--expect <what>",
        description: "heard=, says=, state= or tool=NAME:never|once|2; may be given again",
        parse: (given) => {
          expectations.push(parseExpectation(given));
          return expectations;
        },
      },
      { flags: "--agent <file>", description: "the agent's file", fallback: "agent.ts" },
      { flags: "--out <file>", description: "write the test there; never replaces a file" },
    ],
    run: runFrom,
  });
}

async function runFrom({ args, options, config, out }: Invocation<Options>): Promise<number> {
  await using broker = await openStore(config, true);
  const found = await findLog(args[0]!, config, broker.log);
  const records: LogRecord[] = [];
  for await (const record of found.read(1)) records.push(record);
  const recorded = recordedTest(records, options.turn ?? lastTurn(records));
  const isPinned = options.expect === undefined;
  const expectations = options.expect ?? pinned(recorded);
  const folder = options.out === undefined ? process.cwd() : dirname(resolve(options.out));
  const agent = resolve(options.agent);
  const known = existsSync(agent) ? (await loadAgent(agent)).agent : undefined;
  if (known) checkTools(known, options.expect ?? []);
  const byRules = known !== undefined && agentsOf(known).every(answersByRules);
  const how = { agent, folder, expectations, isPinned, answersByRules: byRules };
  const content = testFile(recorded, how);
  if (options.out !== undefined) write(options.out, content);
  const { call, turn } = recorded;
  const file = options.out ?? null;
  out.json(TestReport, {
    call,
    turn: turn.n,
    file,
    expectations: [...expectations],
    pinned: isPinned,
    content,
  });
  if (file === null) out.raw(content);
  else out.line(`wrote ${file}: turn ${turn.n} of call ${call}`);
  if (isPinned) out.note("nothing was expected, so the test pins what happened; see --expect");
  return EXIT.ok;
}

function agentsOf(agent: VoiceAgent): readonly VoiceAgent[] {
  return [agent, ...Object.values(agent.agents)];
}

/** A tool that is not there never runs, and a test of it could not fail. */
function checkTools(agent: VoiceAgent, expectations: readonly Expectation[]): void {
  const names = agentsOf(agent).flatMap(({ tools }) => tools.map(({ spec }) => spec.name));
  for (const { kind, value } of expectations) {
    const name = value.split(":")[0]!;
    if (kind !== "tool" || names.includes(name)) continue;
    const fix = `its tools are: ${names.join(", ") || "none"}`;
    throw usageError(`--expect tool=${name}: the agent has no such tool`, fix);
  }
}

function lastTurn(records: readonly LogRecord[]): number {
  const opened = records.flatMap(({ outcome }) => Object.keys(outcome.state));
  const numbers = opened.filter((actor) => actor.startsWith("turn.")).map((a) => a.slice(5));
  if (numbers.length === 0) throw usageError("the call has no turn");
  return Math.max(...numbers.map(Number));
}

function write(file: string, content: string): void {
  try {
    writeFileSync(file, content, { flag: "wx" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("input.invalid", `cannot write ${file}: ${why}`, { cause });
  }
}
