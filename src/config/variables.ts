import { Token } from "../events/record.ts";
import { address, decimal, headers, oneOf, text, trueOnly, whole, type Kind } from "./kinds.ts";

/**
 * All variables there are, once: what reads them, the template `.env.example`, the table of
 * docs/configuration.md and `turnfold config` are made of it or held against it by a test.
 */
export interface Variable<T = unknown> {
  readonly group: Group;
  readonly kind: Kind<T>;
  readonly meaning: string;
  /** As it would be written. */
  readonly fallback?: string;
  /** Other names for the same; its own wins. */
  readonly aliases?: readonly string[];
  readonly secret?: true;
  /** An empty value is one; of all others it counts as none. */
  readonly emptyCounts?: boolean;
  /** What it is for is not built yet: it is read and checked, and changes nothing. */
  readonly waitsFor?: string;
}

export const GROUPS = [
  "Calls and the page",
  "NATS",
  "LiveKit",
  "Keys of vendors",
  "Addresses of vendors",
  "Models and voices",
  "The bundled agent",
  "Platform",
  "Metrics",
] as const;
export type Group = (typeof GROUPS)[number];

const calls = { group: "Calls and the page" } as const;
const nats = { group: "NATS" } as const;
const liveKit = { group: "LiveKit" } as const;
const models = { group: "Models and voices" } as const;
const agent = { group: "The bundled agent" } as const;
const platform = { group: "Platform" } as const;
const metrics = { group: "Metrics" } as const;

const tenant: Kind<string> = {
  takes: "1 to 64 of A-Z a-z 0-9 _ -",
  of: (given) => Token.safeParse(given).data,
};
const logLevel = oneOf(["debug", "info", "warn", "error"], { warning: "warn" });
const name128: Kind<string> = {
  takes: "at most 128 characters",
  of: (given) => (given.length <= 128 ? given : undefined),
};

/** A vendor's key. */
function key<const A extends readonly string[] = readonly []>(vendor: string, ...aliases: A) {
  const meaning = `key of ${vendor}`;
  const group = "Keys of vendors";
  return { group, kind: text, meaning, secret: true, aliases } as const;
}

/** Another address of a vendor. */
function base<const A extends readonly string[] = readonly []>(vendor: string, ...aliases: A) {
  const meaning = `address of ${vendor} in the place of its own: a proxy, or a server for tests`;
  const kind = address("https", "http", "wss", "ws");
  return { group: "Addresses of vendors", kind, meaning, aliases } as const;
}

export const VARIABLES = {
  TURNFOLD_DATA: { ...calls, kind: text, fallback: ".turnfold", meaning: "data folder" },
  TURNFOLD_MODELS: {
    ...calls,
    kind: text,
    meaning: "folder of the speech models; unset: the user's cache folder",
  },
  TURNFOLD_PRICES: {
    ...calls,
    kind: text,
    meaning: "file of JSON with prices of one's own, see docs/prices.md; unset: none",
  },
  TURNFOLD_PORT: {
    ...calls,
    kind: whole(0, 65_535),
    fallback: "4600",
    meaning: "port of the page; 0 takes a free one",
  },
  TURNFOLD_HEALTH_PORT: {
    ...calls,
    kind: whole(0, 65_535),
    meaning: "port of `GET /health`; unset: 8081, where it is free",
  },
  TURNFOLD_TENANT: {
    ...calls,
    kind: tenant,
    fallback: "local",
    meaning: "whose rooms they are where nobody says so",
  },
  TURNFOLD_LOG_LEVEL: {
    ...calls,
    kind: logLevel,
    fallback: "info",
    aliases: ["LOG_LEVEL"],
    meaning: "least level of the log lines on stderr, in any case",
  },
  TURNFOLD_ENV_FILE: {
    ...calls,
    kind: text,
    meaning:
      "file of variables, read from the environment alone; unset: `.env` of the working folder",
  },
  NO_COLOR: { ...calls, kind: text, meaning: "any value: no colours (https://no-color.org)" },
  NODE_ENV: { ...calls, kind: text, meaning: "`production`: Rime is the first of the voices" },
  NATS_URL: {
    ...nats,
    kind: text,
    meaning: "NATS server instead of the data folder: `nats://user:password@host:4222`, or several",
  },
  NATS_PREFIX: {
    ...nats,
    kind: text,
    fallback: "turnfold",
    meaning: "first token of all subjects, streams and buckets",
  },
  NATS_REPLICAS: {
    ...nats,
    kind: whole(1, 5),
    fallback: "1",
    meaning: "copies of each stream: 3 on a cluster",
  },
  NATS_SHARDS: {
    ...nats,
    kind: whole(1, 64),
    meaning: "streams the log is spread over, fixed once it is made; unset: 4",
  },
  NATS_MONITOR_URL: {
    ...nats,
    kind: address("http", "https"),
    meaning: "monitoring address, to check health and `sync_interval` too",
  },
  LIVEKIT_URL: {
    ...liveKit,
    kind: { ...address("ws", "wss"), takes: "ws://host:7880 or wss://host" },
    meaning: "LiveKit server; unset: rooms of this process alone",
  },
  LIVEKIT_API_KEY: { ...liveKit, kind: text, meaning: "a key of that server" },
  LIVEKIT_API_SECRET: { ...liveKit, kind: text, secret: true, meaning: "the secret of that key" },
  LIVEKIT_PUBLIC_URL: {
    ...liveKit,
    kind: { ...address("ws", "wss"), takes: "ws://host:7880 or wss://host" },
    meaning: "the server's address for browsers; unset: LIVEKIT_URL",
    waitsFor: "tokens for browsers",
  },
  TURNFOLD_ROOMS: {
    ...liveKit,
    kind: text,
    meaning: "pattern with `*` of the new rooms that get an agent",
  },
  TURNFOLD_AGENT_NAME: {
    ...liveKit,
    kind: name128,
    emptyCounts: true,
    meaning: "instead: the name callers ask for an agent by; empty for every new room",
  },
  TURNFOLD_AGENT_PER: {
    ...liveKit,
    kind: oneOf(["room", "publisher"]),
    fallback: "room",
    meaning: "as soon as there is a room, or only when somebody publishes in it",
  },
  TURNFOLD_WORKER_CAPACITY: {
    ...liveKit,
    kind: whole(1, 10_000),
    fallback: "20",
    aliases: ["MAX_CONCURRENT_ROOMS"],
    meaning: "calls of one worker at a time",
  },
  WORKER_NUM_IDLE_PROCESSES: {
    ...liveKit,
    kind: whole(0, 1_000),
    fallback: "3",
    meaning: "calls that are kept warm ahead of their time",
    waitsFor: "warm slots; one process runs many calls, and its models are warm before the first",
  },
  OPENAI_API_KEY: key("OpenAI"),
  DEEPGRAM_API_KEY: key("Deepgram"),
  GROQ_API_KEY: key("Groq"),
  ANTHROPIC_API_KEY: key("Anthropic"),
  GOOGLE_API_KEY: key("Gemini", "GEMINI_API_KEY"),
  ELEVENLABS_API_KEY: key("ElevenLabs"),
  CARTESIA_API_KEY: key("Cartesia"),
  RIME_API_KEY: key("Rime"),
  VOYAGE_API_KEY: { ...key("Voyage"), waitsFor: "search in knowledge" },
  OPENAI_BASE_URL: base("OpenAI"),
  DEEPGRAM_BASE_URL: base("Deepgram"),
  GROQ_BASE_URL: base("Groq"),
  ANTHROPIC_BASE_URL: base("Anthropic"),
  GOOGLE_BASE_URL: base("Gemini", "GEMINI_BASE_URL"),
  ELEVENLABS_BASE_URL: base("ElevenLabs"),
  CARTESIA_BASE_URL: base("Cartesia"),
  RIME_BASE_URL: base("Rime"),
  VOYAGE_BASE_URL: { ...base("Voyage"), waitsFor: "search in knowledge" },
  AGENT_LLM_PROVIDER: {
    ...models,
    kind: oneOf(["openai", "groq", "anthropic", "gemini", "local"], { google: "gemini" }),
    meaning: "who answers; unset: the first of them that has a key, else the bundled receptionist",
  },
  LLM_MODEL: {
    ...models,
    kind: text,
    aliases: ["AGENT_LLM_MODEL"],
    meaning: "the model that answers; unset: the provider's default of docs/models.md",
  },
  AGENT_STT_PROVIDER: {
    ...models,
    kind: oneOf(["deepgram", "groq", "local"]),
    meaning: "who hears; unset: Deepgram where it has a key, else the local engine",
  },
  STT_MODEL: {
    ...models,
    kind: text,
    meaning: "the model that hears; unset: the provider's default",
  },
  AGENT_TTS_PROVIDER: {
    ...models,
    kind: oneOf(["cartesia", "elevenlabs", "openai", "deepgram", "rime", "local"]),
    meaning: "who speaks; unset: the first of them that has a key, else the local voice",
  },
  TTS_MODEL: {
    ...models,
    kind: text,
    meaning: "the model that speaks; unset: the provider's default",
  },
  TTS_VOICE_ID: {
    ...models,
    kind: text,
    aliases: ["AGENT_TTS_VOICE"],
    meaning: "its voice; unset: the provider's default",
  },
  TURNFOLD_RETIRED_MODELS: {
    ...models,
    kind: oneOf(["map", "keep", "refuse"]),
    fallback: "map",
    meaning:
      "what is done with a model that has left its API: its successor is used, it is asked all " +
      "the same, or the start ends",
  },
  AGENT_STT_LANGUAGE: {
    ...agent,
    kind: text,
    fallback: "en",
    meaning: "language of its callers; an agent's file has its own `language`",
  },
  AGENT_GREETING: { ...agent, kind: text, meaning: "what it says first" },
  AGENT_SYSTEM_PROMPT: {
    ...agent,
    kind: text,
    meaning: "its instructions; with them it is no receptionist, and has no book of tables",
  },
  AGENT_ALLOW_INTERRUPTIONS: {
    ...agent,
    kind: trueOnly,
    fallback: "true",
    meaning: "whether a caller may cut it short: the setting `interruption.enabled`",
  },
  AGENT_VAD_ENABLED: {
    ...agent,
    kind: trueOnly,
    fallback: "true",
    meaning: "whether turns begin by voice activity, or by the words of the speech-to-text",
    waitsFor: "turns without a voice detector",
  },
  API_BASE_URL: {
    ...platform,
    kind: address("http", "https"),
    fallback: "http://localhost:3001",
    meaning: "backend of tenants, usage and knowledge",
    waitsFor: "the backend",
  },
  AGENT_API_KEY: {
    ...platform,
    kind: text,
    secret: true,
    aliases: ["API_KEY"],
    meaning: "key for the backend and the platform",
    waitsFor: "the backend",
  },
  PLATFORM_API_URL: {
    ...platform,
    kind: address("http", "https"),
    fallback: "http://localhost:8000",
    meaning: "platform that agents' definitions may come from",
    waitsFor: "agents' definitions from a platform",
  },
  DATABASE_URL: {
    ...platform,
    kind: {
      ...address("postgres", "postgresql"),
      takes: "postgres://user:password@host:5432/name",
    },
    meaning:
      "PostgreSQL 15 or later that holds what calls cost (docs/read-side.md); unset: in the data " +
      "folder, or nowhere where calls are kept on NATS",
  },
  VISION_FPS: {
    ...platform,
    kind: decimal(0.1, 30),
    fallback: "1.0",
    meaning: "pictures of a shared screen that are looked at in a second",
    waitsFor: "screen capture",
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    ...metrics,
    kind: address("http", "https"),
    meaning:
      "collector of OpenTelemetry that metrics are sent to, by OTLP over HTTP as JSON; " +
      "unset: none are",
  },
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: {
    ...metrics,
    kind: address("http", "https"),
    meaning: "the whole address for metrics; unset: `/v1/metrics` of the one above",
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    ...metrics,
    kind: headers,
    secret: true,
    meaning: "headers of what is sent, as a collector asks for a key",
  },
  OTEL_METRIC_EXPORT_INTERVAL: {
    ...metrics,
    kind: whole(100, 3_600_000),
    fallback: "60000",
    meaning: "ms between two sendings",
  },
  OTEL_SERVICE_NAME: {
    ...metrics,
    kind: name128,
    fallback: "turnfold",
    meaning: "whose metrics they are",
  },
  TURNFOLD_METRICS_BY_TENANT: {
    ...metrics,
    kind: trueOnly,
    fallback: "false",
    meaning: "whether each measurement names its tenant; each is time series of its own then",
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;

type ValueOf<V> = V extends { readonly kind: Kind<infer T>; readonly fallback: string }
  ? T
  : V extends { readonly kind: Kind<infer T> }
    ? T | undefined
    : never;

/** What was read, typed; undefined where nothing was given and there is no default. */
export type Values = { readonly [K in VariableName]: ValueOf<(typeof VARIABLES)[K]> };
