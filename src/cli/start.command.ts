import { InvalidArgumentError } from "commander";
import { createApp, listen } from "../api/server.ts";
import { systemClock } from "../base/clock.ts";
import { toAppError } from "../base/errors.ts";
import { stderrLogger } from "../base/logger.ts";
import type { Config } from "../config.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import { openLocalProviders, openStore } from "../main.ts";
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
    summary: "serve the page: past calls, and a sample call to watch as it runs",
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
  const runSample = (onRecord: (ref: CallRef, record: LogRecord) => void): Promise<CallRef> => {
    const opened = Promise.withResolvers<CallRef>();
    const told = (record: LogRecord, ref: CallRef): void => {
      opened.resolve(ref);
      onRecord(ref, record);
    };
    const sample = { acts: SAMPLE, tenant: "local", room: "sample", onRecord: told };
    simulateOn(config, { broker, providers }, sample).catch((error: unknown) => {
      logger.log("error", "the sample call failed", { error: String(error) });
      opened.reject(error);
    });
    return opened.promise;
  };
  const speech = { ready: providers.stt !== undefined, missing: providers.missing };
  const app = createApp({ broker, logger, runSample, speech });
  await using listening = await listen(app, config.port);
  out.line(`turnfold is ready at ${listening.url}  (stop with Ctrl-C)`);
  await stopped(out.signal);
}

function stopped(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    signal?.addEventListener("abort", () => resolve(), { once: true });
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve());
  });
}
