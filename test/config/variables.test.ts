import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readConfig, type Config, type ShownVariable } from "../../src/config.ts";
import { VARIABLES, type Variable } from "../../src/config/variables.ts";
import { madePages } from "../../scripts/reference.ts";

const ROOT = join(import.meta.dirname, "../..");
const ACCESS = { LIVEKIT_URL: "ws://h:1", LIVEKIT_API_KEY: "k", LIVEKIT_API_SECRET: "s" };
const NATS = { NATS_URL: "nats://h:4222" };

type Env = Readonly<Record<string, string>>;
interface Case {
  /** What must be given too for it to have effect. */
  readonly beside?: Env;
  /** A value of it, and what it comes to. */
  readonly good: readonly [text: string, value: unknown];
  /** What it refuses. */
  readonly bad?: readonly string[];
  /** Where its value is found; for those that change nothing yet nowhere but in `shown`. */
  readonly of?: (config: Config) => unknown;
  /** What `of` gives where nothing was set. */
  readonly unset?: unknown;
}

const vendor = (name: keyof Config["vendors"]["access"]) => ({
  key: {
    good: ["key-1", "key-1"],
    of: ({ vendors }: Config) => vendors.access[name].key,
  } satisfies Case,
  base: {
    good: ["http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1"],
    bad: ["ftp://h", "somewhere"],
    of: ({ vendors }: Config) => vendors.access[name].baseUrl,
  } satisfies Case,
});

const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c" };

/** Every documented variable; one that is missing here fails the test. */
const CASES: Readonly<Record<keyof typeof VARIABLES, Case>> = {
  TURNFOLD_DATA: { good: ["/data", "/data"], of: (c) => c.dataDir, unset: join(ROOT, ".turnfold") },
  TURNFOLD_MODELS: { good: ["/m", "/m"], of: (c) => c.modelsDir, unset: "/home/x/turnfold" },
  TURNFOLD_PRICES: { good: ["/p.json", "/p.json"], of: (c) => c.prices },
  TURNFOLD_PORT: { good: ["0", 0], bad: ["-1", "65536", "x"], of: (c) => c.port, unset: 4600 },
  TURNFOLD_HEALTH_PORT: { good: ["8081", 8081], bad: ["-1", "1.5"], of: (c) => c.healthPort },
  TURNFOLD_TENANT: { good: ["acme", "acme"], bad: ["a b"], of: (c) => c.tenant, unset: "local" },
  TURNFOLD_LOG_LEVEL: {
    good: ["WARNING", "warn"],
    bad: ["loud"],
    of: (c) => c.logLevel,
    unset: "info",
  },
  TURNFOLD_ENV_FILE: { good: [join(ROOT, ".env.example"), undefined], bad: ["/no/such/file"] },
  NO_COLOR: { good: ["1", false], of: (c) => c.colors, unset: true },
  NODE_ENV: { good: ["production", true], of: (c) => c.vendors.isProduction, unset: false },
  NATS_URL: { good: ["nats://h:4222", "nats://h:4222"], of: (c) => c.nats?.url },
  NATS_PREFIX: { beside: NATS, good: ["a", "a"], of: (c) => c.nats?.prefix, unset: "turnfold" },
  NATS_REPLICAS: {
    beside: NATS,
    good: ["3", 3],
    bad: ["0", "6", "many"],
    of: (c) => c.nats?.replicas,
    unset: 1,
  },
  NATS_SHARDS: { beside: NATS, good: ["8", 8], bad: ["0", "65"], of: (c) => c.nats?.shards },
  NATS_MONITOR_URL: {
    beside: NATS,
    good: ["http://h:8222", "http://h:8222"],
    bad: ["x"],
    of: (c) => c.nats?.monitorUrl,
  },
  LIVEKIT_URL: {
    beside: { LIVEKIT_API_KEY: "k", LIVEKIT_API_SECRET: "s" },
    good: ["wss://h", "wss://h"],
    bad: ["http://h", "h:7880"],
    of: (c) => c.liveKit?.url,
  },
  LIVEKIT_API_KEY: {
    beside: { LIVEKIT_URL: "ws://h:1", LIVEKIT_API_SECRET: "s" },
    good: ["k", "k"],
    of: (c) => c.liveKit?.apiKey,
  },
  LIVEKIT_API_SECRET: {
    beside: { LIVEKIT_URL: "ws://h:1", LIVEKIT_API_KEY: "k" },
    good: ["s", "s"],
    of: (c) => c.liveKit?.apiSecret,
  },
  LIVEKIT_PUBLIC_URL: { good: ["wss://p", undefined], bad: ["http://p"] },
  TURNFOLD_ROOMS: {
    beside: ACCESS,
    good: ["desk-*", "desk-*"],
    of: (c) => c.liveKit?.dispatch?.rooms,
  },
  TURNFOLD_AGENT_NAME: {
    beside: ACCESS,
    good: ["desk", "desk"],
    bad: ["x".repeat(129)],
    of: (c) => c.liveKit?.dispatch?.agentName,
  },
  TURNFOLD_AGENT_PER: {
    beside: { ...ACCESS, TURNFOLD_AGENT_NAME: "desk" },
    good: ["publisher", "publisher"],
    bad: ["person"],
    of: (c) => c.liveKit?.dispatch?.per,
    unset: "room",
  },
  TURNFOLD_WORKER_CAPACITY: {
    good: ["10", 10],
    bad: ["0", "ten"],
    of: (c) => c.workerCapacity,
    unset: 20,
  },
  WORKER_NUM_IDLE_PROCESSES: { good: ["0", undefined], bad: ["-1", "x"] },
  OPENAI_API_KEY: vendor("openai").key,
  DEEPGRAM_API_KEY: vendor("deepgram").key,
  GROQ_API_KEY: vendor("groq").key,
  ANTHROPIC_API_KEY: vendor("anthropic").key,
  GOOGLE_API_KEY: vendor("gemini").key,
  ELEVENLABS_API_KEY: vendor("elevenlabs").key,
  CARTESIA_API_KEY: vendor("cartesia").key,
  RIME_API_KEY: vendor("rime").key,
  VOYAGE_API_KEY: vendor("voyage").key,
  OPENAI_BASE_URL: vendor("openai").base,
  DEEPGRAM_BASE_URL: vendor("deepgram").base,
  GROQ_BASE_URL: vendor("groq").base,
  ANTHROPIC_BASE_URL: vendor("anthropic").base,
  GOOGLE_BASE_URL: vendor("gemini").base,
  ELEVENLABS_BASE_URL: vendor("elevenlabs").base,
  CARTESIA_BASE_URL: vendor("cartesia").base,
  RIME_BASE_URL: vendor("rime").base,
  VOYAGE_BASE_URL: vendor("voyage").base,
  AGENT_LLM_PROVIDER: {
    good: ["Groq", "groq"],
    bad: ["acme"],
    of: (c) => c.vendors.llm.provider,
  },
  LLM_MODEL: { good: ["m-1", "m-1"], of: (c) => c.vendors.llm.model },
  AGENT_STT_PROVIDER: {
    good: ["deepgram", "deepgram"],
    bad: ["acme"],
    of: (c) => c.vendors.stt.provider,
  },
  STT_MODEL: { good: ["nova-9", "nova-9"], of: (c) => c.vendors.stt.model },
  AGENT_TTS_PROVIDER: { good: ["rime", "rime"], bad: ["acme"], of: (c) => c.vendors.tts.provider },
  TTS_MODEL: { good: ["sonic-9", "sonic-9"], of: (c) => c.vendors.tts.model },
  TTS_VOICE_ID: { good: ["v-1", "v-1"], of: (c) => c.vendors.tts.voice },
  TURNFOLD_RETIRED_MODELS: {
    good: ["refuse", "refuse"],
    bad: ["forget"],
    of: (c) => c.vendors.retired,
    unset: "map",
  },
  AGENT_STT_LANGUAGE: { good: ["de", "de"], of: (c) => c.agent.language, unset: "en" },
  AGENT_GREETING: { good: ["Hello.", "Hello."], of: (c) => c.agent.greeting },
  AGENT_SYSTEM_PROMPT: { good: ["Be kind.", "Be kind."], of: (c) => c.agent.systemPrompt },
  AGENT_ALLOW_INTERRUPTIONS: {
    good: ["no", false],
    of: (c) => c.agent.allowInterruptions,
    unset: true,
  },
  AGENT_VAD_ENABLED: { good: ["False", undefined] },
  API_BASE_URL: { good: ["http://b:1", undefined], bad: ["b:1", "ws://b"] },
  AGENT_API_KEY: { good: ["key-1", undefined] },
  PLATFORM_API_URL: { good: ["http://p:1", undefined], bad: ["p"] },
  DATABASE_URL: {
    good: ["postgres://u:p@db:5432/t", "postgres://u:p@db:5432/t"],
    of: (c) => c.databaseUrl,
    bad: ["db:5432", "http://db"],
  },
  VISION_FPS: { good: ["0.5", undefined], bad: ["0", "31", "x"] },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    good: ["http://h:4318/", "http://h:4318/v1/metrics"],
    bad: ["h:4318"],
    of: (c) => c.metrics?.url,
  },
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: {
    beside: COLLECTOR,
    good: ["http://h:4318/own", "http://h:4318/own"],
    bad: ["h:4318"],
    of: (c) => c.metrics?.url,
    unset: "http://c/v1/metrics",
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    beside: COLLECTOR,
    good: ["api-key=a%20b", "a b"],
    bad: ["key", "a=%"],
    of: (c) => c.metrics?.headers["api-key"],
  },
  OTEL_METRIC_EXPORT_INTERVAL: {
    beside: COLLECTOR,
    good: ["500", 500],
    bad: ["1", "soon"],
    of: (c) => c.metrics?.everyMs,
    unset: 60_000,
  },
  OTEL_SERVICE_NAME: {
    beside: COLLECTOR,
    good: ["desk", "desk"],
    bad: ["x".repeat(129)],
    of: (c) => c.metrics?.serviceName,
    unset: "turnfold",
  },
  TURNFOLD_METRICS_BY_TENANT: {
    beside: COLLECTOR,
    good: ["True", true],
    of: (c) => c.metrics?.byTenant,
    unset: false,
  },
};

/** A home that is nobody's. */
const HOME = { XDG_CACHE_HOME: "/home/x" };

function read(env: Env): Config {
  return readConfig({}, { ...HOME, ...env });
}

function shown(config: Config, name: string): ShownVariable {
  const found = config.shown.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

for (const [name, variable] of Object.entries<Variable>(VARIABLES)) {
  const { beside = {}, good, bad = [], of, unset } = CASES[name as keyof typeof VARIABLES];
  const [text, value] = good;
  test(`${name}: value, default, other names and errors`, () => {
    const config = read({ ...beside, [name]: text });
    if (of) assert.deepEqual(of(config), value);
    else assert.ok(name === "TURNFOLD_ENV_FILE" || variable.waitsFor !== undefined, name);
    assert.equal(shown(config, name).from, "environment");
    const without = shown(readConfig({}, HOME), name);
    assert.equal(without.from, variable.fallback === undefined ? "unset" : "default");
    assert.equal(without.value, variable.fallback ?? null);
    if (of && !name.startsWith("LIVEKIT_")) assert.deepEqual(of(read(beside)), unset);
    for (const wrong of bad)
      assert.throws(() => read({ ...beside, [name]: wrong }), {
        code: "config.invalid",
        message: new RegExp(`\\b${name}: .`),
      });
    for (const alias of variable.aliases ?? []) {
      const byAlias = read({ ...beside, [alias]: text });
      if (of) assert.deepEqual(of(byAlias), value);
      assert.equal(shown(byAlias, name).as, alias);
      assert.equal(shown(read({ ...beside, [name]: text, [alias]: text }), name).as, name);
      assert.throws(() => read({ ...beside, [name]: text, [alias]: otherThan(name, text) }), {
        code: "config.invalid",
        message: new RegExp(`${name} and ${alias} mean the same and differ`),
      });
    }
    if (variable.secret) {
      const long = `sk-=${"x".repeat(30)}abcd`;
      assert.equal(shown(read({ ...beside, [name]: long }), name).value, "sk-…abcd");
      assert.equal(shown(read({ ...beside, [name]: text }), name).value, "set");
    }
  });
}

/** Another value that it takes too. */
function otherThan(name: string, text: string): string {
  const other: Env = {
    TURNFOLD_LOG_LEVEL: "debug",
    TURNFOLD_WORKER_CAPACITY: "11",
    GOOGLE_BASE_URL: "http://other",
  };
  return other[name] ?? `${text}-other`;
}

test("an empty value counts as none, and booleans are the word true or false", () => {
  assert.equal(read({ TURNFOLD_PORT: "", LIVEKIT_URL: "" }).port, 4600);
  for (const [text, value] of [
    ["TRUE", true],
    ["true", true],
    ["1", false],
    ["yes", false],
  ] as const)
    assert.equal(read({ AGENT_ALLOW_INTERRUPTIONS: text }).agent.allowInterruptions, value);
});

test("all wrong variables are named in one message, and no value stands in it", () => {
  const env = { TURNFOLD_PORT: "secret-1", NATS_REPLICAS: "secret-2", LOG_LEVEL: "secret-3" };
  assert.throws(
    () => read(env),
    (error: Error) => {
      assert.match(error.message, /TURNFOLD_PORT: .*LOG_LEVEL: .*NATS_REPLICAS: /);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    },
  );
});

test("all that LiveKit misses is named in one message", () => {
  const message = /LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not/;
  assert.throws(() => read({ LIVEKIT_URL: "ws://h:1" }), { code: "config.invalid", message });
});

async function envFile(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-env-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "own.env");
  await writeFile(path, text);
  return path;
}

test("a file is read, and the environment wins over it under whichever name", async (t) => {
  const path = await envFile(t, "# a comment\nTURNFOLD_PORT=5000\nTURNFOLD_LOG_LEVEL='debug'\n");
  const config = read({ TURNFOLD_ENV_FILE: path, LOG_LEVEL: "error" });
  assert.deepEqual([config.port, config.logLevel], [5000, "error"]);
  assert.deepEqual(shown(config, "TURNFOLD_PORT").from, "file");
  const wrong = await envFile(t, "LOG_LEVEL=INFO\nTURNFOLD_LOG_LEVEL=debug\n");
  assert.throws(() => read({ TURNFOLD_ENV_FILE: wrong }), /mean the same and differ/);
});

test("the configuration is frozen to its depth, and a password in an address is not shown", () => {
  const config = read({ ...ACCESS, NATS_URL: "nats://me:hush@h:4222" });
  assert.equal(shown(config, "NATS_URL").value, "nats://me:***@h:4222");
  for (const [given, value] of [
    ["nats://me:hu@sh@h:4222", "nats://me:***@h:4222"],
    ["me:hush@h:4222", "me:***@h:4222"],
    ["nats://me:hush@h:4222, me:hush@i", "nats://me:***@h:4222, me:***@i"],
  ] as const)
    assert.equal(shown(read({ NATS_URL: given }), "NATS_URL").value, value);
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.vendors.access.openai));
  assert.ok(Object.isFrozen(config.liveKit) && Object.isFrozen(config.shown[0]));
});

test(".env.example and the tables of the docs are those of the program", async () => {
  for (const [path, page] of Object.entries(madePages()))
    assert.equal(
      await readFile(join(ROOT, path), "utf8"),
      page,
      `run scripts/reference.ts: ${path}`,
    );
});

test(".env.example names every variable once, and copied as it is sets nothing", async () => {
  const template = await readFile(join(ROOT, ".env.example"), "utf8");
  const names = [...template.matchAll(/^# ([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name);
  assert.deepEqual(names, Object.keys(VARIABLES));
  const copied = read({ TURNFOLD_ENV_FILE: join(ROOT, ".env.example") });
  const set = copied.shown.filter(({ from }) => from === "file");
  assert.deepEqual(set, []);
});
