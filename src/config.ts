import { homedir, platform } from "node:os";
import { posix, resolve, win32 } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { AppError } from "./base/errors.ts";
import type { UnreadVariable } from "./config/near.ts";
import {
  findAll,
  findUnread,
  readFileTexts,
  valuesOf,
  type Found,
  type Texts,
} from "./config/read.ts";
import { VARIABLES, type Group, type Values, type Variable } from "./config/variables.ts";

/** The one reader of the environment: typed, checked, frozen. Flags win over variables. */

/** What a call's header says it was made by. */
export const BUILD = `turnfold ${packageJson.version}`;
export const VERSION = packageJson.version;

/** For the programs we start; what is meant for us is read by `readConfig`. */
export const ENVIRONMENT: Readonly<NodeJS.ProcessEnv> = process.env;

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

/** What stands for a vendor where one is named: in variables, models and voices. */
export type VendorName = keyof typeof VENDOR_VARIABLES;

const VENDOR_VARIABLES = {
  openai: "OPENAI",
  groq: "GROQ",
  anthropic: "ANTHROPIC",
  gemini: "GOOGLE",
  deepgram: "DEEPGRAM",
  cartesia: "CARTESIA",
  elevenlabs: "ELEVENLABS",
  rime: "RIME",
  voyage: "VOYAGE",
} as const;

export const VENDOR_NAMES = Object.keys(VENDOR_VARIABLES) as VendorName[];

export interface VendorAccess {
  /** Name of the variable its key stands in. */
  readonly keyName: string;
  readonly key: string | undefined;
  /** Undefined: the address that its SDK has. */
  readonly baseUrl: string | undefined;
}

export interface VendorsConfig {
  readonly access: Readonly<Record<VendorName, VendorAccess>>;
  readonly llm: { readonly provider: Values["AGENT_LLM_PROVIDER"]; readonly model?: string };
  readonly stt: { readonly provider: Values["AGENT_STT_PROVIDER"]; readonly model?: string };
  readonly tts: {
    readonly provider: Values["AGENT_TTS_PROVIDER"];
    readonly model?: string;
    readonly voice?: string;
  };
  readonly retired: Values["TURNFOLD_RETIRED_MODELS"];
  readonly isProduction: boolean;
}

/** What the bundled agent is told by variables; an agent's file says all that by itself. */
export interface BundledAgentConfig {
  readonly language: string;
  readonly greeting?: string;
  readonly systemPrompt?: string;
  readonly allowInterruptions: boolean;
}

/** Metrics to a collector of OpenTelemetry. */
export interface MetricsConfig {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly everyMs: number;
  readonly serviceName: string;
  readonly byTenant: boolean;
}

export interface Config {
  readonly dataDir: string;
  /** Undefined: calls are kept in the data folder. */
  readonly nats: NatsConfig | undefined;
  /** Undefined: no rooms but those of the page and of files. */
  readonly liveKit: LiveKitConfig | undefined;
  /** PostgreSQL for costs; undefined: in the data folder, or nowhere with NATS. */
  readonly databaseUrl: string | undefined;
  /** Undefined: none are sent. */
  readonly metrics: MetricsConfig | undefined;
  readonly workerCapacity: number;
  /** Undefined: nobody has asked for a certain one. */
  readonly healthPort: number | undefined;
  readonly tenant: string;
  readonly modelsDir: string;
  /** File of prices that go before those that came with the program. */
  readonly prices: string | undefined;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly port: number;
  readonly colors: boolean;
  readonly vendors: VendorsConfig;
  readonly agent: BundledAgentConfig;
  /** Every variable with where its value is from, secrets masked. */
  readonly shown: readonly ShownVariable[];
  /** What was given, is read by nobody, and looks as if it were one of them. */
  readonly unread: readonly UnreadVariable[];
}

export interface ShownVariable {
  readonly name: string;
  readonly group: Group;
  /** Masked where it is secret; null where there is none. */
  readonly value: string | null;
  readonly from: Found["from"];
  /** The name it was given under. */
  readonly as: string;
  /** What it waits for, as it changes nothing yet; null where it has effect. */
  readonly waitsFor: string | null;
}

export interface ConfigFlags {
  readonly data?: string;
  readonly port?: number;
}

/**
 * Of the process, with the `.env` of the working folder; an environment that is handed in stands
 * alone, but for a file that it names. Error `config.invalid`, naming each wrong variable.
 */
export function readConfig(flags: ConfigFlags = {}, env: Texts = ENVIRONMENT): Config {
  const folder = env === ENVIRONMENT ? process.cwd() : undefined;
  const file = readFileTexts(env, folder);
  const found = findAll(env, file);
  const values = valuesOf(found);
  return freezeDeep({
    // A folder that is named on the command line is meant.
    nats: flags.data === undefined ? natsOf(values) : undefined,
    liveKit: liveKitOf(values),
    metrics: metricsOf(values),
    databaseUrl: values.DATABASE_URL,
    healthPort: values.TURNFOLD_HEALTH_PORT,
    workerCapacity: values.TURNFOLD_WORKER_CAPACITY,
    tenant: values.TURNFOLD_TENANT,
    dataDir: resolve(flags.data ?? values.TURNFOLD_DATA),
    modelsDir: values.TURNFOLD_MODELS ?? defaultCacheDir(env, platform(), homedir()),
    prices: values.TURNFOLD_PRICES && resolve(values.TURNFOLD_PRICES),
    logLevel: values.TURNFOLD_LOG_LEVEL,
    port: flags.port ?? values.TURNFOLD_PORT,
    colors: values.NO_COLOR === undefined,
    vendors: vendorsOf(values),
    agent: agentOf(values),
    shown: found.map(showVariable),
    unread: findUnread(env, file),
  });
}

function vendorsOf(values: Values): VendorsConfig {
  const access = Object.entries(VENDOR_VARIABLES).map(([vendor, name]) => {
    const keyName = `${name}_API_KEY` as const;
    const baseUrl = values[`${name}_BASE_URL`];
    return [vendor, { keyName, key: values[keyName], baseUrl }] as const;
  });
  const { LLM_MODEL, STT_MODEL, TTS_MODEL, TTS_VOICE_ID } = values;
  return {
    access: Object.fromEntries(access) as Record<VendorName, VendorAccess>,
    llm: { provider: values.AGENT_LLM_PROVIDER, ...given("model", LLM_MODEL) },
    stt: { provider: values.AGENT_STT_PROVIDER, ...given("model", STT_MODEL) },
    tts: {
      provider: values.AGENT_TTS_PROVIDER,
      ...given("model", TTS_MODEL),
      ...given("voice", TTS_VOICE_ID),
    },
    retired: values.TURNFOLD_RETIRED_MODELS,
    isProduction: values.NODE_ENV === "production",
  };
}

function agentOf(values: Values): BundledAgentConfig {
  return {
    language: values.AGENT_STT_LANGUAGE,
    allowInterruptions: values.AGENT_ALLOW_INTERRUPTIONS,
    ...given("greeting", values.AGENT_GREETING),
    ...given("systemPrompt", values.AGENT_SYSTEM_PROMPT),
  };
}

function given<K extends string>(
  key: K,
  value: string | undefined,
): { readonly [P in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as Record<K, string>);
}

function showVariable({ name, text, from, as }: Found): ShownVariable {
  const { group, secret, waitsFor }: Variable = VARIABLES[name];
  const value = text === undefined ? null : secret ? masked(text) : withoutPassword(text);
  return { name, group, value, from, as, waitsFor: waitsFor ?? null };
}

const SHOWN_AT_ENDS = 4;
/** A secret shorter than this is not shown in part either. */
const MASKED_MIN = 20;

function masked(secret: string): string {
  if (secret.length < MASKED_MIN) return "set";
  return `${secret.slice(0, SHOWN_AT_ENDS - 1)}…${secret.slice(-SHOWN_AT_ENDS)}`;
}

/** Addresses may hold one, with or without a protocol before it. */
function withoutPassword(text: string): string {
  return text.replaceAll(/(^|:\/\/|[,\s])([^:@/,\s]*:)[^/,\s]+@/g, "$1$2***@");
}

function freezeDeep<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === "object" && inner !== null) freezeDeep(inner as object);
  return Object.freeze(value);
}

function natsOf(values: Values): NatsConfig | undefined {
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

function liveKitOf(values: Values): LiveKitConfig | undefined {
  const { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret } = values;
  if (url === undefined) return undefined;
  const dispatch = dispatchOf(values);
  if (apiKey && apiSecret) return Object.freeze({ url, apiKey, apiSecret, dispatch });
  const missing = [
    ...(apiKey ? [] : ["LIVEKIT_API_KEY"]),
    ...(apiSecret ? [] : ["LIVEKIT_API_SECRET"]),
  ];
  const not = missing.length > 1 ? "are not" : "is not";
  const message = `environment: LIVEKIT_URL is set and ${missing.join(" and ")} ${not}`;
  throw new AppError("config.invalid", message, {
    detail: { fix: `set ${missing.join(" and ")}` },
  });
}

function metricsOf(values: Values): MetricsConfig | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: own } = values;
  const url = own ?? (base === undefined ? undefined : `${base}/v1/metrics`);
  if (url === undefined) return undefined;
  return {
    url,
    headers: values.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    everyMs: values.OTEL_METRIC_EXPORT_INTERVAL,
    serviceName: values.OTEL_SERVICE_NAME,
    byTenant: values.TURNFOLD_METRICS_BY_TENANT,
  };
}

function dispatchOf(values: Values): LiveKitDispatchConfig | undefined {
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
