import { toAppError } from "../base/errors.ts";
import type { Config } from "../config.ts";
import { parsePort } from "./arguments.ts";
import { defineCommand, type Invocation, type OptionSpec, type Register } from "./command.ts";
import { serveHealth } from "./health.ts";
import { AGENT_OPTION, agentOption } from "./load-agent.ts";
import { ensureModels } from "./models.command.ts";
import { EXIT, type Output } from "./output.ts";
import { needsLocalEars } from "../main.ts";
import { workUntilDrained } from "./drain.ts";
import { serve } from "./serve.ts";
import { DRAIN_OPTION, drainPorts, workLine, type DrainFlags } from "./work.ts";

/**
 * The embedded default in one process: data folder, local speech, page. On first use the speech
 * models are fetched; without them everything works but hearing.
 */
export interface ServeFlags {
  readonly port?: number;
  readonly pull: boolean;
}

interface Options extends ServeFlags, DrainFlags {
  readonly agent?: string;
}

/** Of the commands that hear. */
export const PULL_OPTION: OptionSpec = {
  flags: "--no-pull",
  description: "do not fetch missing speech models",
};

/** Options of the commands that serve. */
export const SERVE_OPTIONS: readonly OptionSpec[] = [
  {
    flags: "--port <number>",
    description: "port to listen on; 0 takes a free one",
    parse: parsePort,
  },
  PULL_OPTION,
];

export const register: Register = (program, cli) => {
  defineCommand<Options>(program, cli, {
    usage: "start",
    summary: "serve the page: talk with the agent, and look at past calls",
    examples: ["start", "start --agent agent.ts", "start --port 8080", "start --no-pull"],
    options: [AGENT_OPTION, ...SERVE_OPTIONS, DRAIN_OPTION],
    run,
  });
};

/** Missing models are fetched once; a failure is told and is no reason not to start. */
export async function prepare(
  config: Config,
  { pull }: Pick<ServeFlags, "pull">,
  out: Output,
): Promise<void> {
  if (!pull || !needsLocalEars(config)) return;
  try {
    await ensureModels(config, out);
  } catch (error) {
    const { code, message } = toAppError(error, "models.pull");
    out.note(`not now (${code}): ${message}`);
    out.note("without them callers type and the agent speaks; later: turnfold models pull");
  }
}

/** Serves until it is stopped. */
async function run({ options, config, out }: Invocation<Options>): Promise<number> {
  const agent = await agentOption(options.agent, config, out);
  await prepare(config, options, out);
  await using serving = await serve({ ...config, port: options.port ?? config.port }, agent);
  const { work } = serving;
  await using _ = await serveHealth(config, serving.health, out);
  if (work) out.line(workLine(config, work.worker));
  out.line(`turnfold is ready at ${serving.url}  (stop with Ctrl-C)`);
  if (work) await workUntilDrained(work.worker, drainPorts(work, options, out));
  else await stopped(out.signal);
  return EXIT.ok;
}

/** Ctrl-C, or what ends the command in its place. */
export function stopped(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    signal?.addEventListener("abort", () => resolve(), { once: true });
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve());
  });
}
