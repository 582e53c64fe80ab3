import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LocalServers } from "./servers/local-servers.ts";
import { ROOT } from "./servers/server-files.ts";

/**
 * Starts the servers for those who have no Docker, and prints what to export; with a command, runs
 * it with that environment instead and ends with it. Ctrl-C ends the command first, servers then:
 *
 *   node scripts/servers.ts [--any-ports] [--folder DIR] [COMMAND [ARGUMENT ...]]
 */
const SECOND_SIGNAL_MS = 500;

const usage = "npm run servers -- [--any-ports] [--folder DIR] [COMMAND [ARGUMENT ...]]";
const note = (text: string): void => void process.stderr.write(`${text}\n`);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  note(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<number> {
  const { own, command } = split(args);
  const { values } = parseArgs({
    args: own,
    options: {
      "any-ports": { type: "boolean", default: false },
      folder: { type: "string", default: join(ROOT, ".turnfold", "servers") },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    note(usage);
    return 0;
  }
  // Before the servers are there: who ends this while they start leaves none behind.
  const signals = heard();
  const { folder, "any-ports": anyPorts } = values;
  await using servers = await LocalServers.start({ folder, anyPorts, note });
  note(`nats-server and livekit-server run; their logs and data are in ${folder}`);
  if (command.length > 0) {
    note(`in another terminal: export NATS_URL=${servers.environment["NATS_URL"]}`);
    return await runCommand(command, servers, signals);
  }
  for (const [name, value] of Object.entries(servers.environment))
    process.stdout.write(`export ${name}=${value}\n`);
  note("stop with Ctrl-C");
  const ended = await Promise.race([servers.ended(), signals.first]);
  if (ended === undefined) return 0;
  note(`${ended} has ended; see its log`);
  return 1;
}

/** Options stand before the command; what follows its name is its own. */
function split(args: readonly string[]): { own: string[]; command: readonly string[] } {
  let at = 0;
  while (args[at]?.startsWith("--")) at += args[at] === "--folder" ? 2 : 1;
  return { own: args.slice(0, at), command: args.slice(at) };
}

interface Signals {
  readonly first: Promise<undefined>;
  forward: (signal: NodeJS.Signals) => void;
}

/**
 * npm passes Ctrl-C on to a process that a terminal has told already: two that come together are
 * one, or a command that takes the second one for impatience would be cut short.
 */
function heard(): Signals {
  const { promise: first, resolve } = Promise.withResolvers<undefined>();
  const signals: Signals = { first, forward: () => undefined };
  let last = -Infinity;
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      const now = performance.now();
      if (now - last < SECOND_SIGNAL_MS) return;
      last = now;
      resolve(undefined);
      signals.forward(signal);
    });
  return signals;
}

async function runCommand(
  [name = "", ...args]: readonly string[],
  servers: LocalServers,
  signals: Signals,
): Promise<number> {
  // A group of its own, as signals reach it from here and only once.
  const child = spawn(name, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...servers.environment },
    detached: true,
  });
  signals.forward = (signal) => void child.kill(signal);
  process.once("exit", () => void child.kill("SIGKILL"));
  const exited = once(child, "exit") as Promise<[number | null]>;
  const ended = await Promise.race([servers.ended(), exited]);
  if (typeof ended === "string") note(`${ended} has ended; see its log`);
  const [code] = await exited;
  return code ?? 1;
}
