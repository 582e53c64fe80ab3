import { Command, CommanderError } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { register as registerBudget } from "./budget.command.ts";
import { register as registerCalls } from "./calls.command.ts";
import { register as registerCharts } from "./charts.command.ts";
import { register as registerCheck } from "./check.command.ts";
import type { Cli, Register } from "./command.ts";
import { register as registerConfig } from "./config.command.ts";
import { register as registerCosts } from "./costs.command.ts";
import { register as registerDev } from "./dev.command.ts";
import { register as registerDispatch } from "./dispatch.command.ts";
import { register as registerDoctor } from "./doctor.command.ts";
import { register as registerFleet } from "./fleet.command.ts";
import { register as registerModels } from "./models.command.ts";
import { register as registerNew } from "./new.command.ts";
import { EXIT, reportError, usageError, type CliIo } from "./output.ts";
import { register as registerPrices } from "./prices.command.ts";
import { register as registerReplay } from "./replay.command.ts";
import { register as registerShow } from "./show.command.ts";
import { register as registerSimulate } from "./simulate.command.ts";
import { register as registerStart } from "./start.command.ts";
import { register as registerTell } from "./tell.command.ts";
import { register as registerTest } from "./test.command.ts";
import { register as registerTransfer } from "./transfer.command.ts";
import { register as registerWorker } from "./worker.command.ts";

/**
 * The program as a function: a command line in, an exit code out, all words through `CliIo`. So a
 * test runs it in its own process, and `cli.ts` is all that touches the real one.
 */

/** The commands, in the order the help shows them; one is added here and nowhere else. */
const COMMANDS: readonly Register[] = [
  registerStart,
  registerNew,
  registerDev,
  registerWorker,
  registerDispatch,
  registerSimulate,
  registerCalls,
  registerTell,
  registerFleet,
  registerShow,
  registerReplay,
  registerTest,
  registerTransfer,
  registerCosts,
  registerBudget,
  registerPrices,
  registerCharts,
  registerDoctor,
  registerCheck,
  registerConfig,
  registerModels,
];

const EXAMPLES = `
Examples:
  $ turnfold start                          the page at http://localhost:4600
  $ turnfold new my-agent                   a project with an agent of your own and a test
  $ turnfold dev agent.ts                   talk to it, and edit it while the call goes on
  $ turnfold worker                         take rooms of a LiveKit server that want an agent
  $ turnfold dispatch lobby                 ask for an agent in a room
  $ turnfold simulate                       one spoken call with the local agent, to listen in
  $ turnfold calls                          list the calls of the data folder
  $ turnfold tell c0k3 say "One moment."    tell a running call something
  $ turnfold fleet                          which workers run, and which rooms wait
  $ turnfold show c0k3                      read a call, named by the start of its id
  $ turnfold show c0k3 --follow             read it while it goes on
  $ turnfold replay c0k3 --deep             prove that the log gives the same call again
  $ turnfold replay export.jsonl --json     the same for a file, for a program
  $ turnfold test from c0k3 --turn 2        a test out of a recorded call
  $ turnfold export c0k3 call.jsonl         one file of it; turnfold import takes it in
  $ turnfold costs acme --by model          what calls cost; --explain says why
  $ turnfold budget acme --set tenant=25    what a tenant may spend, in USD
  $ turnfold charts --format stately        the statecharts, for Stately Studio
  $ turnfold doctor                         what is set up here, and what is not
  $ turnfold check tts --live               who speaks, and how fast
  $ turnfold config                         every setting and where it is from
  $ turnfold models pull                    fetch the speech-to-text models

Exit codes: 0 done, 1 the answer is bad news, 2 asked wrongly, 3 replayed but not verified.`;

/** Runs one command line (without node and script); resolves with its exit code, never rejects. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const cli: Cli = { io, exitCode: EXIT.ok };
  const program = createProgram(cli);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return cli.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, io, isJson(argv));
    if (error.exitCode === 0) return EXIT.ok;
    if (error.code === "commander.help") return EXIT.usage;
    return reportError(toUsageError(error), io, isJson(argv));
  }
}

export function createProgram(cli: Cli): Command {
  const program = new Command("turnfold")
    .description("Voice agents whose every call can be replayed exactly from its log.")
    .version(packageJson.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.io.out(text),
      writeErr: (text) => cli.io.err(text),
      // Said once, by `reportError`, in the form that was asked for.
      outputError: () => undefined,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  for (const register of COMMANDS) register(program, cli);
  return program;
}

function isJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? argv.length : end).includes("--json");
}

/** commander's own message, its suggestion taken as the fix. */
function toUsageError({ message }: CommanderError): Error {
  const [what = message, ...more] = message.replace(/^error: /, "").split("\n");
  const hint = more.join(" ").replace(/^\(|\)$/g, "");
  return usageError(what, hint || "see `turnfold --help`");
}
