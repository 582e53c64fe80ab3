import type { Command } from "commander";
import { readConfig, type Config } from "../config.ts";
import { Output, reportError, type CliIo } from "./output.ts";

/** What the commands of one run share. */
export interface Cli {
  readonly io: CliIo;
  /** Exit code of the command that ran. */
  exitCode: number;
}

/** Adds a command, or a group of them, to the program. */
export type Register = (program: Command, cli: Cli) => void;

export interface CommandSpec<Options> {
  /** Name and arguments as commander writes them: `replay <call>`. */
  readonly usage: string;
  readonly summary: string;
  /** Below the summary in the command's own help. */
  readonly details?: string;
  /** Command lines without `turnfold`. */
  readonly examples: readonly string[];
  readonly options?: readonly OptionSpec[];
  /** Returns the exit code; what it throws is shown with its code and fix. */
  readonly run: (call: Invocation<Options>) => Promise<number>;
}

export interface OptionSpec {
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  readonly fallback?: string;
  /** Throws `InvalidArgumentError` of commander. */
  readonly parse?: (value: string) => unknown;
}

export interface Invocation<Options> {
  readonly args: readonly string[];
  readonly options: Options;
  readonly config: Config;
  readonly out: Output;
}

/** Every command takes `--data` and `--json`, has examples in its help, and never throws. */
export function defineCommand<Options>(
  parent: Command,
  cli: Cli,
  spec: CommandSpec<Options>,
): Command {
  const command = parent.command(spec.usage).summary(spec.summary);
  command.description([spec.summary, spec.details].filter(Boolean).join("\n\n"));
  for (const { flags, description, choices, fallback, parse } of spec.options ?? []) {
    const option = command.createOption(flags, description);
    if (choices) option.choices([...choices]);
    if (parse) option.argParser(parse);
    if (fallback !== undefined) option.default(fallback);
    command.addOption(option);
  }
  command.option("--data <dir>", "data folder (default: $TURNFOLD_DATA or .turnfold)");
  command.option("--json", "print one JSON document; errors too");
  const examples = spec.examples.map((line) => `  $ turnfold ${line}`);
  command.addHelpText("after", `\nExamples:\n${examples.join("\n")}`);
  return command.action(async () => {
    const options = command.opts<Options & CommonOptions>();
    cli.exitCode = await invoke(cli.io, spec, { args: command.processedArgs, options });
  });
}

interface CommonOptions {
  readonly data?: string;
  readonly json?: boolean;
}

async function invoke<Options>(
  io: CliIo,
  spec: CommandSpec<Options>,
  given: { readonly args: readonly unknown[]; readonly options: Options & CommonOptions },
): Promise<number> {
  const { data, json = false } = given.options;
  try {
    const config = readConfig(data === undefined ? {} : { data }, io.env);
    const out = new Output(io, { json, colors: config.colors });
    const args = given.args.flat().filter((arg) => typeof arg === "string");
    return await spec.run({ args, options: given.options, config, out });
  } catch (error) {
    return reportError(error, io, json);
  }
}
