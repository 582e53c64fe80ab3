import { InvalidArgumentError } from "commander";
import { callOf } from "../agent/voice-agent.ts";
import { CallFeed } from "../api/call-feed.ts";
import { createApp, listen } from "../api/server.ts";
import { TalkSockets } from "../api/talk-socket.ts";
import { Talks } from "../api/talks.ts";
import { systemClock } from "../base/clock.ts";
import { toAppError } from "../base/errors.ts";
import { systemIds } from "../base/id.ts";
import { stderrLogger, type Logger } from "../base/logger.ts";
import type { Config } from "../config.ts";
import type { NewCall } from "../actors/supervisor.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import {
  LOCAL_RATE_HZ,
  MACHINES,
  openBrowserRooms,
  openLocalProviders,
  openLocalReceptionist,
  openStore,
  openSupervisor,
  type EmbeddedBroker,
  type LocalProviders,
} from "../main.ts";
import { allCharts } from "./charts.command.ts";
import { defineCommand, type Register } from "./command.ts";
import { ensureModels } from "./models.command.ts";
import { EXIT, type Output } from "./output.ts";
import { simulateOn } from "./simulate/run.ts";
import { SAMPLE } from "./simulate/script.ts";

/**
 * The embedded default in one process: data folder, local speech, page. On first use the speech
 * models are fetched; without them everything works but hearing.
 */
interface Options {
  readonly port?: number;
  readonly pull: boolean;
}

export const register: Register = (program, cli) => {
  defineCommand<Options>(program, cli, {
    usage: "start",
    summary: "serve the page: talk with the agent, and look at past calls",
    examples: ["start", "start --port 8080", "start --no-pull"],
    options: [
      {
        flags: "--port <number>",
        description: "port to listen on; 0 takes a free one",
        parse: toPort,
      },
      { flags: "--no-pull", description: "do not fetch missing speech models" },
    ],
    run: async ({ options, config, out }) => {
      if (options.pull) await pullOnce(config, out);
      await serve({ ...config, port: options.port ?? config.port }, out);
      return EXIT.ok;
    },
  });
};

function toPort(value: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError("give a port from 0 to 65535.");
  return port;
}

/** Missing models are fetched once; a failure is told and is no reason not to start. */
async function pullOnce(config: Config, out: Output): Promise<void> {
  try {
    await ensureModels(config, out);
  } catch (error) {
    const { code, message } = toAppError(error, "models.pull");
    out.note(`not now (${code}): ${message}`);
    out.note("without them callers type and the agent speaks; later: turnfold models pull");
  }
}

async function serve(config: Config, out: Output): Promise<void> {
  const logger = stderrLogger(config.logLevel, () => systemClock.now());
  await using broker = await openStore(config, false);
  await using providers = await openLocalProviders(config);
  const feed = new CallFeed(broker.log);
  const rooms = openBrowserRooms();
  const agent = openLocalReceptionist();
  const supervisor = openSupervisor(config, broker, {
    providers,
    roomOf: (id) => rooms.of(id),
    agent: () => agent,
  });
  supervisor.onRecord((ref) => feed.grew(ref));
  const newCall = (room: string): NewCall => ({
    call: systemIds.call(),
    tenant: "local",
    room,
    identity: "agent",
    ...callOf(agent),
    recording: null,
  });
  const talks = new Talks({ supervisor, log: broker.log, rooms, newCall });
  const app = createApp({
    log: broker.log,
    feed,
    machines: MACHINES,
    logger,
    runSample: () => runSample(config, { broker, providers, feed, logger }),
    speech: { ready: providers.stt !== undefined, missing: providers.missing },
    charts: allCharts().map(([, chart]) => chart),
  });
  const sockets = new TalkSockets({ talks, clock: systemClock, logger, rateHz: LOCAL_RATE_HZ });
  await using listening = await listen(app, config.port, sockets);
  out.line(`turnfold is ready at ${listening.url}  (stop with Ctrl-C)`);
  await stopped(out.signal);
  // As after a crash: who reloads the page of a new start goes on with the call.
  supervisor.abandonAll("the server was stopped");
}

interface SamplePorts {
  readonly broker: EmbeddedBroker;
  readonly providers: LocalProviders;
  readonly feed: CallFeed;
  readonly logger: Logger;
}

function runSample(config: Config, { feed, logger, ...stores }: SamplePorts): Promise<CallRef> {
  const opened = Promise.withResolvers<CallRef>();
  const onRecord = (_: LogRecord, ref: CallRef): void => {
    opened.resolve(ref);
    feed.grew(ref);
  };
  const sample = { acts: SAMPLE, tenant: "local", room: "sample", onRecord };
  simulateOn(config, stores, sample).catch((error: unknown) => {
    logger.log("error", "the sample call failed", { error: String(error) });
    opened.reject(error);
  });
  return opened.promise;
}

function stopped(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    signal?.addEventListener("abort", () => resolve(), { once: true });
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve());
  });
}
