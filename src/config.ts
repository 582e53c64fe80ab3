import { homedir, platform } from "node:os";
import { posix, resolve, win32 } from "node:path";
import { z } from "zod";
import packageJson from "../package.json" with { type: "json" };
import { AppError } from "./base/errors.ts";
import { Token } from "./events/record.ts";

/** What a call's header says it was made by. */
export const BUILD = `turnfold ${packageJson.version}`;

/** For the programs we start; what is meant for us is read by `readConfig`. */
export const ENVIRONMENT: Readonly<NodeJS.ProcessEnv> = process.env;

/**
 * The one reader of the environment: typed, checked, frozen. Flags of the command line win over
 * variables, variables over defaults.
 */
const Environment = z.object({
  /** Where calls, jobs and blobs lie. */
  TURNFOLD_DATA: z.string().min(1).default(".turnfold"),
  /** Where downloaded speech models lie; default: the user's cache folder. */
  TURNFOLD_MODELS: z.string().min(1).optional(),
  /** Where the NATS server is; unset: files in the data folder. */
  NATS_URL: z.string().min(1).optional(),
  /** First token of all subjects and names on it. */
  NATS_PREFIX: z.string().min(1).default("turnfold"),
  /** Copies of each stream: 3 on a cluster. */
  NATS_REPLICAS: z.coerce.number().int().min(1).max(5).default(1),
  /** Streams the log is spread over; fixed once it is made. */
  NATS_SHARDS: z.coerce.number().int().min(1).max(64).optional(),
  /** Its monitoring address, for the checks that only it can answer. */
  NATS_MONITOR_URL: z.url().optional(),
  /** Where the LiveKit server is; unset: rooms of this process alone. */
  LIVEKIT_URL: z.url({ protocol: /^wss?$/, error: "use ws://host:7880 or wss://host" }).optional(),
  LIVEKIT_API_KEY: z.string().min(1).optional(),
  LIVEKIT_API_SECRET: z.string().min(1).optional(),
  /** Who workers are to LiveKit's own dispatch; "" stands for every new room. */
  TURNFOLD_AGENT_NAME: z.string().max(128).optional(),
  /** Pattern with `*` of the new rooms that get an agent. */
  TURNFOLD_ROOMS: z.string().min(1).optional(),
  /** Whether as soon as there is a room, or only when somebody publishes in it. */
  TURNFOLD_AGENT_PER: z.enum(["room", "publisher"]).default("room"),
  /** Of `GET /health`; default 8081, where it is free. */
  TURNFOLD_HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  /** Calls of one worker at a time. */
  TURNFOLD_WORKER_CAPACITY: z.coerce.number().int().min(1).max(10_000).default(20),
  /** Whose rooms they are where nobody says so. */
  TURNFOLD_TENANT: Token.default("local"),
  TURNFOLD_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("warn"),
  TURNFOLD_PORT: z.coerce.number().int().min(0).max(65_535).default(4600),
  /** Any value but the empty one: no colours (https://no-color.org). */
  NO_COLOR: z.string().optional(),
});

export interface NatsConfig {
  readonly url: string;
  readonly prefix: string;
  readonly replicas: number;
  readonly shards?: number;
  readonly monitorUrl?: string;
}

export interface LiveKitConfig {
  readonly url: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  /** Undefined: workers take no jobs of LiveKit. */
  readonly dispatch: LiveKitDispatchConfig | undefined;
}

export interface LiveKitDispatchConfig {
  readonly agentName: string;
  readonly per: "room" | "publisher";
  /** Undefined: every room. */
  readonly rooms?: string;
}

export interface Config {
  readonly dataDir: string;
  /** Undefined: calls are kept in the data folder. */
  readonly nats: NatsConfig | undefined;
  /** Undefined: no rooms but those of the page and of files. */
  readonly liveKit: LiveKitConfig | undefined;
  readonly workerCapacity: number;
  /** Undefined: nobody has asked for a certain one. */
  readonly healthPort: number | undefined;
  readonly tenant: string;
  readonly modelsDir: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly port: number;
  readonly colors: boolean;
}

export interface ConfigFlags {
  readonly data?: string;
  readonly port?: number;
}

export function readConfig(flags: ConfigFlags = {}, env = ENVIRONMENT): Config {
  const parsed = Environment.safeParse(env);
  if (!parsed.success) {
    const detail = { fix: "set the named variable as the message says" };
    const message = `environment: ${z.prettifyError(parsed.error)}`;
    throw new AppError("config.invalid", message, { detail });
  }
  const values = parsed.data;
  return Object.freeze({
    // A folder that is named on the command line is meant.
    nats: flags.data === undefined ? natsOf(values) : undefined,
    liveKit: liveKitOf(values),
    healthPort: values.TURNFOLD_HEALTH_PORT,
    workerCapacity: values.TURNFOLD_WORKER_CAPACITY,
    tenant: values.TURNFOLD_TENANT,
    dataDir: resolve(flags.data ?? values.TURNFOLD_DATA),
    modelsDir: values.TURNFOLD_MODELS ?? defaultCacheDir(env, platform(), homedir()),
    logLevel: values.TURNFOLD_LOG_LEVEL,
    port: flags.port ?? values.TURNFOLD_PORT,
    colors: !values.NO_COLOR,
  });
}

function natsOf(values: z.infer<typeof Environment>): NatsConfig | undefined {
  const { NATS_URL: url, NATS_SHARDS: shards, NATS_MONITOR_URL: monitorUrl } = values;
  if (url === undefined) return undefined;
  return Object.freeze({
    url,
    prefix: values.NATS_PREFIX,
    replicas: values.NATS_REPLICAS,
    ...(shards !== undefined && { shards }),
    ...(monitorUrl !== undefined && { monitorUrl }),
  });
}

function liveKitOf(values: z.infer<typeof Environment>): LiveKitConfig | undefined {
  const { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret } = values;
  if (url === undefined) return undefined;
  const dispatch = dispatchOf(values);
  if (apiKey && apiSecret) return Object.freeze({ url, apiKey, apiSecret, dispatch });
  const missing = apiKey ? "LIVEKIT_API_SECRET" : "LIVEKIT_API_KEY";
  throw new AppError("config.invalid", `environment: LIVEKIT_URL is set and ${missing} is not`);
}

function dispatchOf(values: z.infer<typeof Environment>): LiveKitDispatchConfig | undefined {
  const { TURNFOLD_ROOMS: rooms, TURNFOLD_AGENT_PER: per } = values;
  const agentName = values.TURNFOLD_AGENT_NAME ?? (rooms === undefined ? undefined : "");
  if (agentName === undefined) return undefined;
  if (agentName === "" || rooms === undefined)
    return Object.freeze({ agentName, per, ...(rooms !== undefined && { rooms }) });
  const message = "environment: TURNFOLD_ROOMS is for rooms that ask for nobody by name";
  const detail = { fix: "leave out TURNFOLD_ROOMS, or TURNFOLD_AGENT_NAME" };
  throw new AppError("config.invalid", message, { detail });
}

/** The folder for things that can be fetched again, as each system has it. */
export function defaultCacheDir(
  env: Readonly<Record<string, string | undefined>>,
  platform: string,
  home: string,
): string {
  if (platform === "win32")
    return win32.join(env["LOCALAPPDATA"] || win32.join(home, "AppData", "Local"), "turnfold");
  if (platform === "darwin") return posix.join(home, "Library", "Caches", "turnfold");
  return posix.join(env["XDG_CACHE_HOME"] || posix.join(home, ".cache"), "turnfold");
}
