import assert from "node:assert/strict";
import { test } from "node:test";
import { partsOf } from "../../src/agent/shelf.ts";
import { voiceAgent } from "../../src/agent/voice-agent.ts";
import { readConfig } from "../../src/config.ts";
import type { Llm } from "../../src/providers/llm.port.ts";
import type { Tts } from "../../src/providers/tts.port.ts";
import type { Adapters, Makers } from "../../src/vendors/adapters.ts";
import { openShelf } from "../../src/vendors/open-shelf.ts";

type Made = Readonly<Record<string, unknown>>;

function voiceOf(provider: string, model: string): Tts {
  const speak = async function* () {};
  const close = async () => undefined;
  const warm = close;
  const voices: readonly string[] = [];
  return { provider, model, rateHz: 24_000, voices, warm, speak, [Symbol.asyncDispose]: close };
}

/** Adapters that note what they are made with. */
function noting(made: Made[]): Adapters {
  const llm =
    (provider: string): Makers["llm"] =>
    (options) => {
      made.push({ provider, ...options });
      return { provider, model: options.model, stream: async function* () {} } satisfies Llm;
    };
  const tts =
    (provider: string): Makers["tts"] =>
    (options) => {
      made.push({ provider, ...options });
      return voiceOf(provider, options.model);
    };
  const notInstalled = async (): Promise<Makers["llm"]> => {
    throw Object.assign(new Error("Cannot find package 'groq-sdk' imported from x.ts"), {
      code: "ERR_MODULE_NOT_FOUND",
    });
  };
  return {
    llm: {
      openai: { load: async () => llm("openai") },
      anthropic: { load: async () => llm("anthropic") },
      groq: { packageName: "groq-sdk", load: notInstalled },
    },
    tts: {
      openai: { load: async () => tts("openai") },
      cartesia: { load: async () => tts("cartesia") },
    },
    stt: {},
  };
}

async function open(env: Readonly<Record<string, string>>) {
  const made: Made[] = [];
  const warnings: string[] = [];
  const receptionist: Llm = { provider: "local", model: "r", stream: async function* () {} };
  const shelf = await openShelf({
    vendors: readConfig({}, env).vendors,
    adapters: noting(made),
    at: Date.parse("2026-11-21"),
    local: { models: { receptionist }, tts: voiceOf("local", "flite"), voices: ["slt", "rms"] },
    warn: (message) => warnings.push(message),
  });
  return { shelf, made, warnings };
}

const names = (all: readonly { provider: string; model: string }[]) =>
  all.map(({ provider, model }) => `${provider}/${model}`);

const agent = (options: object) => voiceAgent({ name: "a", instructions: "Be brief.", ...options });

test("an agent that names nothing has all that is keyed, the local voice last", async () => {
  const env = { OPENAI_API_KEY: "k1", ANTHROPIC_API_KEY: "k2", CARTESIA_API_KEY: "k3" };
  const { shelf, made, warnings } = await open(env);
  const { models, voices } = partsOf(agent({}), shelf);
  assert.deepEqual(names(models), ["openai/gpt-6-luna", "anthropic/claude-sonnet-5-5"]);
  assert.deepEqual(
    voices.map(({ tts, name }) => `${tts.provider} ${name}`),
    ["cartesia f786b574-daa5-4673-aa0c-cbe3e8534c02", "openai alloy", "local slt"],
  );
  assert.deepEqual(made[0], { provider: "openai", key: "k1", model: "gpt-6-luna", effort: "none" });
  assert.equal(warnings.filter((warning) => /gpt-4o-mini-tts leaves/.test(warning)).length, 1);
});

test("without any key it is the receptionist and the local voice", async () => {
  const { shelf } = await open({});
  const { models, voices } = partsOf(agent({}), shelf);
  assert.deepEqual([models[0]?.provider, voices.length, voices[0]?.name], ["local", 1, "slt"]);
});

test("names of an agent: made once, with key and address; warned of once", async () => {
  const env = {
    OPENAI_API_KEY: "k1",
    OPENAI_BASE_URL: "http://h:1/v1",
    AGENT_TTS_PROVIDER: "local",
  };
  const { shelf, made, warnings } = await open(env);
  const parts = () => partsOf(agent({ model: ["openai/gpt-4o-mini", "receptionist"] }), shelf);
  assert.equal(parts().models[0], parts().models[0]);
  assert.deepEqual(names(parts().models), ["openai/gpt-4o-mini", "local/r"]);
  const asked = made.filter(({ model }) => model === "gpt-4o-mini");
  const access = { provider: "openai", key: "k1", baseUrl: "http://h:1/v1" };
  assert.deepEqual(asked, [{ ...access, model: "gpt-4o-mini" }]);
  assert.equal(warnings.filter((warning) => /gpt-4o-mini leaves/.test(warning)).length, 1);
  assert.deepEqual(
    partsOf(agent({ voice: ["echo", "rms"] }), shelf).voices.map(({ name }) => name),
    ["echo", "rms"],
  );
});

test("the model is chosen by configuration alone", async () => {
  const { made } = await open({ OPENAI_API_KEY: "k1", LLM_MODEL: "gpt-9-new" });
  assert.equal(
    made.find(({ provider, effort }) => provider === "openai" && !effort)?.["model"],
    "gpt-9-new",
  );
});

test("what was chosen and has no key, or no package, is refused at the start", async () => {
  await assert.rejects(open({ AGENT_LLM_PROVIDER: "openai" }), {
    code: "provider.missing",
    message: /OPENAI_API_KEY/,
  });
  const groq = { GROQ_API_KEY: "k", AGENT_LLM_PROVIDER: "groq" };
  const error = await open(groq).catch((thrown: unknown) => thrown);
  assert.deepEqual((error as { code: string }).code, "provider.missing");
  assert.deepEqual((error as { detail: object }).detail, { fix: "npm install groq-sdk" });
});

test("who only stands in, and has no package, is left out with a warning", async () => {
  const { shelf, warnings } = await open({ GROQ_API_KEY: "k", OPENAI_API_KEY: "k1" });
  assert.deepEqual(names(shelf.defaults.models), ["openai/gpt-6-luna"]);
  assert.ok(warnings.some((warning) => /groq is left out: .*groq-sdk/.test(warning)));
  assert.throws(() => shelf.model("groq/some"), { code: "provider.missing", message: /groq-sdk/ });
});

test("a name without its key names the variable; an unknown one what there is", async () => {
  const { shelf } = await open({ OPENAI_API_KEY: "k1" });
  assert.throws(() => partsOf(agent({ voice: "cartesia/v-1" }), shelf), {
    code: "provider.missing",
    message: "a: voice 'cartesia/v-1': cartesia: CARTESIA_API_KEY is not set",
    detail: { fix: "set CARTESIA_API_KEY, or name another in the agent's file" },
  });
  assert.throws(() => partsOf(agent({ model: "gpt-9-new" }), shelf), {
    code: "config.invalid",
    message: /model 'gpt-9-new' is not known here; there are: receptionist, .*openai\/gpt-6-luna/,
  });
  const { models } = shelf.names;
  assert.ok(!models.includes("openai/gpt-4-turbo"), "it has left its API");
  assert.equal(models.at(-1), "openai/…");
});
