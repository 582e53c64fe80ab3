import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../src/config.ts";
import {
  namedCandidate,
  planOf,
  type PlanPorts,
  type Service,
  type Wish,
} from "../../src/vendors/plan.ts";

type Env = Readonly<Record<string, string>>;

const AT = Date.parse("2026-11-21");

function ports(env: Env): PlanPorts {
  return { vendors: readConfig({}, env).vendors, at: AT, localVoices: ["slt", "rms"] };
}

/** `provider/model`, of voices `provider/model/voice`; a problem in brackets. */
function plan(service: Service, env: Env): readonly string[] {
  return planOf(service, ports(env)).map(({ provider, model, voice, problem }) => {
    const name = [provider, model, voice].filter((part) => part !== undefined).join("/");
    return problem ? `${name} (${problem.code}: ${problem.message})` : name;
  });
}

const OPENAI = { OPENAI_API_KEY: "k" };
const GROQ = { GROQ_API_KEY: "k" };
const CLAUDE = { ANTHROPIC_API_KEY: "k" };
const GEMINI = { GEMINI_API_KEY: "k" };
const DEEPGRAM = { DEEPGRAM_API_KEY: "k" };
const CARTESIA = { CARTESIA_API_KEY: "k" };
const RIME = { RIME_API_KEY: "k" };
const ELEVEN = { ELEVENLABS_API_KEY: "k" };
const SONIC = "cartesia/sonic-3.5/f786b574-daa5-4673-aa0c-cbe3e8534c02";
const LOCAL_VOICE = "local/flite/slt";
const SPEECH = "openai/gpt-4o-mini-tts/alloy";

const PLANS: readonly (readonly [Service, Env, readonly string[]])[] = [
  ["llm", {}, ["local/receptionist"]],
  ["llm", OPENAI, ["openai/gpt-6-luna"]],
  [
    "llm",
    { ...GEMINI, ...CLAUDE },
    ["anthropic/claude-sonnet-5-5", "gemini/gemini-3.5-flash-lite"],
  ],
  [
    "llm",
    { ...OPENAI, ...GROQ, AGENT_LLM_PROVIDER: "groq" },
    ["groq/openai/gpt-oss-120b", "openai/gpt-6-luna"],
  ],
  ["llm", { ...OPENAI, AGENT_LLM_PROVIDER: "local" }, ["local/receptionist"]],
  ["llm", { ...OPENAI, LLM_MODEL: "gpt-6-sol" }, ["openai/gpt-6-sol"]],
  ["llm", { ...OPENAI, AGENT_LLM_MODEL: "gpt-9-new" }, ["openai/gpt-9-new"]],
  [
    "llm",
    { ...OPENAI, ...GROQ, LLM_MODEL: "openai/gpt-oss-120b" },
    ["groq/openai/gpt-oss-120b", "openai/gpt-6-luna"],
  ],
  ["llm", { ...GROQ, LLM_MODEL: "groq/some/new" }, ["groq/some/new"]],
  ["llm", { ...GROQ, LLM_MODEL: "mixtral-8x7b-32768" }, ["groq/openai/gpt-oss-120b"]],
  ["llm", { ...OPENAI, LLM_MODEL: "gpt-4o-mini" }, ["openai/gpt-4o-mini"]],
  [
    "llm",
    { LLM_MODEL: "gpt-6-luna" },
    ["openai/gpt-6-luna (provider.missing: openai: OPENAI_API_KEY is not set)"],
  ],
  [
    "llm",
    { LLM_MODEL: "gpt-9-new" },
    ["local/receptionist (config.invalid: no provider is there for the model gpt-9-new)"],
  ],
  ["stt", {}, ["local/moonshine-tiny-en"]],
  ["stt", GROQ, ["local/moonshine-tiny-en"]],
  [
    "stt",
    { ...DEEPGRAM, ...GROQ },
    ["deepgram/nova-3", "groq/whisper-large-v3-turbo", "local/moonshine-tiny-en"],
  ],
  [
    "stt",
    { ...DEEPGRAM, STT_MODEL: "flux-general-en" },
    ["deepgram/flux-general-en", "local/moonshine-tiny-en"],
  ],
  ["stt", { ...DEEPGRAM, AGENT_STT_PROVIDER: "local" }, ["local/moonshine-tiny-en"]],
  [
    "stt",
    { AGENT_STT_PROVIDER: "deepgram" },
    [
      "deepgram/nova-3 (provider.missing: deepgram: DEEPGRAM_API_KEY is not set)",
      "local/moonshine-tiny-en",
    ],
  ],
  ["tts", {}, [LOCAL_VOICE]],
  ["tts", { ...OPENAI, ...CARTESIA }, [SONIC, SPEECH, LOCAL_VOICE]],
  [
    "tts",
    { ...ELEVEN, ...DEEPGRAM },
    ["elevenlabs/eleven_flash_v2_5/JBFqnCBsd6RMkjVDRZzb", "deepgram/aura-2/thalia", LOCAL_VOICE],
  ],
  ["tts", { ...RIME, ...CARTESIA }, [SONIC, "rime/coda/luna", LOCAL_VOICE]],
  ["tts", { ...RIME, ...CARTESIA, NODE_ENV: "production" }, ["rime/coda/luna", SONIC, LOCAL_VOICE]],
  ["tts", { ...CARTESIA, TTS_MODEL: "sonic" }, [SONIC, LOCAL_VOICE]],
  ["tts", { ...CARTESIA, TTS_VOICE_ID: "v-1" }, ["cartesia/sonic-3.5/v-1", LOCAL_VOICE]],
  [
    "tts",
    { ...CARTESIA, ...OPENAI, AGENT_TTS_VOICE: "nova" },
    ["openai/gpt-4o-mini-tts/nova", SONIC, LOCAL_VOICE],
  ],
  ["tts", { ...CARTESIA, TTS_VOICE_ID: "rms" }, ["local/flite/rms"]],
  [
    "tts",
    { ...OPENAI, AGENT_TTS_PROVIDER: "openai", TTS_VOICE_ID: "bob" },
    ["openai/gpt-4o-mini-tts/bob (config.invalid: gpt-4o-mini-tts has no voice bob)", LOCAL_VOICE],
  ],
  [
    "tts",
    { TTS_VOICE_ID: "v-1" },
    ["local/flite/v-1 (config.invalid: no provider is there for the voice v-1)"],
  ],
];

const FIXES: readonly (readonly [Service, Env, string, string])[] = [
  [
    "llm",
    { AGENT_LLM_PROVIDER: "openai" },
    "openai: OPENAI_API_KEY is not set",
    "set OPENAI_API_KEY, or choose another with AGENT_LLM_PROVIDER",
  ],
  [
    "llm",
    { ...OPENAI, LLM_MODEL: "claude-sonnet-5-5" },
    "anthropic: ANTHROPIC_API_KEY is not set",
    "set ANTHROPIC_API_KEY, or name another model than claude-sonnet-5-5 in LLM_MODEL",
  ],
  [
    "tts",
    { ...CARTESIA, TTS_VOICE_ID: "alloy" },
    "openai: OPENAI_API_KEY is not set",
    "set OPENAI_API_KEY, or name another voice than alloy in TTS_VOICE_ID",
  ],
  [
    "stt",
    { ...OPENAI, STT_MODEL: "gpt-4o-mini-transcribe" },
    "gpt-4o-mini-transcribe: turnfold has no adapter for it of openai",
    "name a model of deepgram or groq in STT_MODEL",
  ],
  [
    "llm",
    { AGENT_LLM_PROVIDER: "local", LLM_MODEL: "gpt-6-luna" },
    "this machine has no model gpt-6-luna",
    "leave LLM_MODEL out, or choose who has it with AGENT_LLM_PROVIDER",
  ],
  [
    "tts",
    { AGENT_TTS_PROVIDER: "local", TTS_VOICE_ID: "alloy" },
    "this machine has no voice alloy",
    "choose one of slt, rms, or who has it with AGENT_TTS_PROVIDER",
  ],
  [
    "tts",
    { TTS_VOICE_ID: "v-1" },
    "no provider is there for the voice v-1",
    "set the key of the provider that has it, and AGENT_TTS_PROVIDER",
  ],
];

for (const [service, env, message, fix] of FIXES)
  test(`${service} with ${JSON.stringify(env)} says what to do`, () => {
    const problem = planOf(service, ports(env))[0]?.problem;
    assert.deepEqual([problem?.message, problem?.detail["fix"]], [message, fix]);
  });

test("a model of another provider is asked for with a warning, but for a gateway", () => {
  const env = { ...OPENAI, AGENT_LLM_PROVIDER: "openai", LLM_MODEL: "claude-sonnet-5-5" };
  const first = planOf("llm", ports(env))[0];
  const warning = "claude-sonnet-5-5 is a model of anthropic, and openai is asked for it";
  assert.deepEqual([first?.model, first?.warnings], ["claude-sonnet-5-5", [warning]]);
  const gateway = { ...env, OPENAI_BASE_URL: "https://gateway.example/v1" };
  assert.deepEqual(planOf("llm", ports(gateway))[0]?.warnings, []);
});

for (const [service, env, expected] of PLANS)
  test(`${service} with ${JSON.stringify(env)}`, () => {
    assert.deepEqual(plan(service, env), expected);
  });

test("with the default keys, the stages are those of the sources, in current models", () => {
  const env = { ...OPENAI, ...DEEPGRAM, ...CARTESIA };
  const first = (service: Service) => plan(service, env)[0];
  assert.deepEqual(
    ["stt", "llm", "tts"].map((one) => first(one as Service)),
    ["deepgram/nova-3", "openai/gpt-6-luna", SONIC],
  );
});

test("Cartesia is the voice of development, Rime of production", () => {
  const first = (env: Env) => plan("tts", { ...RIME, ...CARTESIA, ...env })[0];
  assert.equal(first({}), SONIC);
  assert.equal(first({ NODE_ENV: "production" }), "rime/coda/luna");
});

test("a provider without a named model takes its own default, not another's", () => {
  const groq = { ...GROQ, ...OPENAI, AGENT_LLM_PROVIDER: "groq" };
  assert.equal(plan("llm", groq)[0], "groq/openai/gpt-oss-120b");
});

test("a missing key is said with the variable, and what to do", () => {
  const [first] = planOf("llm", ports({ AGENT_LLM_PROVIDER: "anthropic" }));
  assert.match(
    String(first?.problem?.detail["fix"]),
    /set ANTHROPIC_API_KEY, or .*AGENT_LLM_PROVIDER/,
  );
  assert.equal(first?.isChosen, true);
});

test("a retiring model is used with a dated warning, a retired one mapped with one", () => {
  const warned = (model: string): string =>
    planOf("llm", ports({ ...OPENAI, LLM_MODEL: model }))[0]?.warnings.join() ?? "";
  assert.match(warned("gpt-4o-mini"), /leaves the API on 2027-01-14: choose gpt-6-luna instead/);
  assert.match(warned("gpt-4-turbo"), /left the API on 2026-10-23: gpt-6-luna is used/);
  assert.equal(warned("gpt-6-luna"), "");
  const refuse = { ...OPENAI, LLM_MODEL: "gpt-4-turbo", TURNFOLD_RETIRED_MODELS: "refuse" };
  assert.equal(planOf("llm", ports(refuse))[0]?.problem?.code, "config.invalid");
});

test("an agent's names: a provider before a slash, a known name, a local one, or nobody's", () => {
  const all = ports({
    ...OPENAI,
    ...GROQ,
    ...CARTESIA,
    TTS_MODEL: "sonic-4",
    AGENT_TTS_PROVIDER: "cartesia",
  });
  const named = (service: "llm" | "tts", name: string): string | undefined => {
    const found = namedCandidate(service, name, all);
    return found && [found.provider, found.model, found.voice].filter(Boolean).join(" ");
  };
  assert.equal(named("llm", "openai/gpt-6-luna"), "openai gpt-6-luna");
  assert.equal(named("llm", "gpt-6-luna"), "openai gpt-6-luna");
  assert.equal(named("llm", "groq/openai/gpt-oss-120b"), "groq openai/gpt-oss-120b");
  assert.equal(named("llm", "receptionist"), "local receptionist");
  assert.equal(named("llm", "gpt-9-new"), undefined);
  assert.equal(named("tts", "slt"), "local flite slt");
  assert.equal(named("tts", "alloy"), "openai gpt-4o-mini-tts alloy");
  assert.equal(named("tts", "cartesia/v-1"), "cartesia sonic-4 v-1");
  assert.equal(named("tts", "rime/luna"), "rime coda luna");
  assert.equal(named("tts", "bob"), undefined);
});

test("what is asked for by its name wins over the provider of the variables", () => {
  const env = { ...OPENAI, ...GROQ, ...CARTESIA, ...RIME, LLM_MODEL: "gpt-6-sol" };
  const chosen = { ...env, AGENT_LLM_PROVIDER: "openai", AGENT_TTS_PROVIDER: "cartesia" };
  const first = (service: Service, wish: Wish): string => {
    const [{ provider, model, voice, isChosen } = assert.fail()] = planOf(
      service,
      ports({ ...chosen, TTS_MODEL: "sonic-3.5" }),
      wish,
    );
    assert.equal(isChosen, true);
    return [provider, model, voice].filter((part) => part !== undefined).join(" ");
  };
  assert.equal(first("llm", { model: "groq/some/new" }), "groq some/new");
  assert.equal(first("llm", { model: "openai/gpt-oss-120b" }), "groq openai/gpt-oss-120b");
  assert.equal(first("llm", { model: "gpt-9-new" }), "openai gpt-9-new");
  assert.equal(first("tts", { voice: "rime/luna" }), "rime coda luna");
  assert.equal(first("tts", { voice: "rms" }), "local flite rms");
  assert.equal(first("tts", { voice: "v-1" }), "cartesia sonic-3.5 v-1");
});
