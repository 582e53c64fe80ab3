import type { Bookkeeper } from "../books/bookkeeper.ts";
import { createHealth, type HealthPart } from "../api/health.ts";
import { listen } from "../api/server.ts";
import { systemClock } from "../base/clock.ts";
import { AppError, toAppError } from "../base/errors.ts";
import { BUILD, type Config } from "../config.ts";
import type { LiveKitDispatch } from "../fleet/livekit-dispatch.ts";
import { BREAKERS, type Broker } from "../main.ts";
import { openOf } from "../providers/breaker.port.ts";
import type { Output } from "./output.ts";

/** The parts of this process, by the names `GET /health` has for them. */
export type Health = Readonly<Record<string, HealthPart>>;

const DEFAULT_PORT = 8081;
const CHECK_MAX_MS = 1_500;

/**
 * Serves `GET /health` on loopback. Where another process has the usual port, as with two workers
 * on one machine, that is told and no reason not to work. Error `config.invalid` where the port
 * that was asked for is taken.
 */
export async function serveHealth(
  config: Config,
  parts: Health,
  out: Output,
): Promise<AsyncDisposable> {
  const { healthPort } = config;
  const app = createHealth({ clock: systemClock, build: BUILD, parts });
  try {
    return await listen(app, healthPort ?? DEFAULT_PORT);
  } catch (error) {
    if (healthPort !== undefined) {
      const message = `GET /health: port ${healthPort} is taken; set another TURNFOLD_HEALTH_PORT`;
      throw new AppError("config.invalid", message, { cause: error });
    }
    out.note(`no GET /health here: port ${DEFAULT_PORT} is taken; set TURNFOLD_HEALTH_PORT`);
    return { [Symbol.asyncDispose]: async () => undefined };
  }
}

/** Of every process that has calls. */
export function healthOf(config: Config, broker: Broker, books: Bookkeeper): Health {
  return { ...storeHealth(config, broker), ...databaseHealth(books), ...providersHealth() };
}

/** Whom the calls of this process have found to keep failing: others answer for them. */
export function providersHealth(): Health {
  const check = async (): Promise<string | undefined> => {
    const open = openOf(BREAKERS).map(
      ({ service, provider, model, since }) =>
        `${service} ${provider}/${model} is not asked, since ${new Date(since).toISOString()}`,
    );
    return open.length === 0 ? undefined : open.join("; ");
  };
  return { providers: { check, isNeeded: false } };
}

/** By a reading: what cannot be read cannot be gone on with. */
function storeHealth({ nats }: Config, broker: Broker): Health {
  const check = async (): Promise<undefined> => void (await broker.kv.get("health"));
  return { [nats ? "nats" : "data"]: { check, isNeeded: true } };
}

/** Calls go on without it, and it is brought up to date later. */
export function databaseHealth(books: Pick<Bookkeeper, "problem">): Health {
  return { database: { check: async () => books.problem, isNeeded: false } };
}

/** Registered, where workers take jobs of LiveKit; else that it answers. */
export function liveKitHealth(config: Config, dispatch?: LiveKitDispatch): HealthPart {
  const { url = "" } = config.liveKit ?? {};
  const check = async (): Promise<string | undefined> => {
    if (!dispatch) return await asked(url);
    const { state } = dispatch;
    return state.connected ? undefined : state.why;
  };
  return { check, isNeeded: true };
}

async function asked(url: string): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(CHECK_MAX_MS);
    const { ok, status } = await fetch(url.replace(/^ws/, "http"), { signal });
    return ok ? undefined : `it answers with status ${status}`;
  } catch (error) {
    const { message, cause } = toAppError(error, "livekit.unavailable");
    const why = (cause as { cause?: { code?: string } } | undefined)?.cause?.code;
    return why ?? message;
  }
}
