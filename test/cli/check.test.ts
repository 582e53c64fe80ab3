import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { formatWav } from "../../src/base/audio.ts";
import { CheckReport } from "../../src/cli/check.command.ts";
import { AppError } from "../../src/base/errors.ts";
import { ConfigReport } from "../../src/cli/config.command.ts";
import { namesInOrder } from "../../src/cli/doctor-checks.ts";
import { startDeepgramListen } from "../emulators/deepgram-listen.ts";
import { startElevenLabs } from "../emulators/elevenlabs.ts";
import { startOpenAi } from "../emulators/openai.ts";
import { SPEECH_KEY } from "../emulators/tone-speech.ts";
import { run } from "../support/run-cli.ts";
import { sentence, SPEECH_HZ } from "../support/numbered-speech.ts";

type Env = Readonly<Record<string, string>>;

const KEY = "sk-canary-0123456789abcdef";
/** No models lie there. */
const NO_MODELS = { TURNFOLD_MODELS: join(tmpdir(), "turnfold-no-models") };

async function check(line: readonly string[], env: Env) {
  const { code, stdout, stderr } = await run(["check", ...line, "--json"], {
    env: { ...NO_MODELS, ...env },
  });
  assert.doesNotMatch(stdout + stderr, /canary/);
  return { code, stderr, report: CheckReport.parse(JSON.parse(stdout)) };
}

test("without keys the engines of this machine are really run", async () => {
  const llm = await check(["llm"], {});
  assert.deepEqual([llm.code, llm.report.candidates[0]?.state], [0, "local"]);
  assert.ok(llm.report.trial?.text);
  const tts = await check(["tts", "--voice", "rms"], {});
  assert.deepEqual([tts.code, tts.report.candidates[0]?.voice], [0, "rms"]);
  assert.ok(Number(tts.report.trial?.audioMs) > 500);
});

test("speech-to-text without its models: what is missing, and what fetches it", async () => {
  const { code, report } = await check(["stt"], {});
  assert.deepEqual([code, report.ok, report.trial], [1, false, null]);
  const problem = report.candidates[0]?.problem;
  assert.deepEqual([problem?.code, problem?.fix], ["stt.missing", "turnfold models pull"]);
});

test("what is chosen without its key: the variable is named, and nobody is asked", async () => {
  for (const [service, variable, value, key] of [
    ["stt", "AGENT_STT_PROVIDER", "deepgram", "DEEPGRAM_API_KEY"],
    ["llm", "AGENT_LLM_PROVIDER", "anthropic", "ANTHROPIC_API_KEY"],
    ["tts", "AGENT_TTS_PROVIDER", "rime", "RIME_API_KEY"],
  ] as const) {
    const { code, report } = await check([service, "--live"], { [variable]: value });
    assert.deepEqual([code, report.ok, report.trial], [1, false, null]);
    const [first] = report.candidates;
    assert.deepEqual([first?.provider, first?.problem?.code], [value, "provider.missing"]);
    assert.match(first?.problem?.message ?? "", new RegExp(key));
  }
});

test("a retiring model is said with its day, an unknown voice with those there are", async () => {
  const retiring = await check(["llm", "--model", "gpt-4o-mini"], { OPENAI_API_KEY: KEY });
  const [first] = retiring.report.candidates;
  assert.deepEqual([retiring.code, first?.state, retiring.report.trial], [0, "retiring", null]);
  assert.match(first?.warnings.join() ?? "", /2027-01-14/);
  const env = { OPENAI_API_KEY: KEY, AGENT_TTS_PROVIDER: "openai" };
  const voice = await check(["tts", "--voice", "bob"], env);
  assert.equal(voice.code, 1);
  assert.match(voice.report.candidates[0]?.problem?.fix ?? "", /alloy.*shimmer/);
});

test("--live asks the model once, by the SDK, and shows times and what was counted", async () => {
  await using openAi = await startOpenAi();
  openAi.answers.push({ text: "Hello there." });
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${openAi.server.url}/v1` };
  const { code, report } = await check(["llm", "--live"], env);
  assert.deepEqual([code, report.ok, report.failure], [0, true, null]);
  const { trial } = report;
  assert.equal(trial?.text, "Hello there.");
  assert.ok(trial.firstMs >= 0 && trial.totalMs >= trial.firstMs);
  const counted = trial.usage.find(({ meter }) => meter === "outputTokens")?.quantity;
  assert.equal(counted, openAi.server.total("outputTokens"));
  assert.equal(openAi.server.seen.length, 1);
  const body = openAi.server.seen[0]?.body as { model: string; reasoning_effort: string };
  assert.deepEqual([body.model, body.reasoning_effort], ["gpt-6-luna", "none"]);
});

test("a rejected key, a limit and an unknown model are told apart", async () => {
  await using openAi = await startOpenAi();
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${openAi.server.url}/v1` };
  for (const [status, code] of [
    [401, "provider.rejected"],
    [429, "provider.limited"],
    [404, "provider.refused"],
    [500, "provider.failed"],
  ] as const) {
    openAi.server.script.faults.push({ kind: "status", status });
    const checked = await check(["llm", "--live"], env);
    assert.deepEqual([checked.code, checked.report.failure?.code], [1, code]);
    assert.ok(checked.report.failure?.fix);
    if (status === 401) assert.match(checked.report.failure.message, /OPENAI_API_KEY/);
  }
  const words = await run(["check", "llm", "--live"], { env });
  assert.match(words.stdout, /first after \d+ ms/);
});

test("--live has a voice say a sentence; one that is not there is named", async () => {
  await using voice = await startElevenLabs();
  const env = { ELEVENLABS_API_KEY: SPEECH_KEY, ELEVENLABS_BASE_URL: voice.url };
  const spoken = await check(["tts", "--live", "--voice", "elevenlabs/tone-1000"], env);
  assert.deepEqual([spoken.code, spoken.report.candidates[0]?.provider], [0, "elevenlabs"]);
  assert.ok(Number(spoken.report.trial?.audioMs) > 500);
  const unknown = await check(["tts", "--live", "--voice", "elevenlabs/nobody"], env);
  assert.deepEqual([unknown.code, unknown.report.failure?.code], [1, "provider.refused"]);
  assert.match(unknown.report.failure?.message ?? "", /nobody/);
});

test("a process that was told to use a vendor without its key does not start", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-check-"));
  t.after(() => rm(folder, { recursive: true }));
  const env = { ...NO_MODELS, AGENT_LLM_PROVIDER: "openai" };
  const { code, stderr } = await run(["simulate", "--say", "Hello.", "--data", folder], { env });
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^provider\.missing: openai: OPENAI_API_KEY is not set\n {2}fix: set OPENAI/m,
  );
});

test("the file .env of the working folder is read, and the environment wins over it", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-check-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, ".env"), "TURNFOLD_PORT=5000\nLOG_LEVEL=debug\n");
  const line = [join(import.meta.dirname, "../../src/cli/cli.ts"), "config"];
  const options = { cwd: folder, env: { TURNFOLD_LOG_LEVEL: "error" } };
  const { stdout } = await promisify(execFile)(process.execPath, line, options);
  assert.match(stdout, /TURNFOLD_PORT +5000 {2}\(file\)/);
  assert.match(stdout, /TURNFOLD_LOG_LEVEL +error {2}\(environment\)/);
});

test("no network is not a rejected key", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as { port: number };
  closed.close();
  await once(closed, "close");
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` };
  const { code, report } = await check(["llm", "--live"], env);
  assert.deepEqual([code, report.failure?.code], [1, "provider.unavailable"]);
});

test("check stt with a file: heard by the vendor as it is spoken", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-check-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "words.wav");
  await writeFile(file, formatWav({ samples: sentence(1, 2, 3), rateHz: SPEECH_HZ }));
  await using deepgram = await startDeepgramListen();
  const env = {
    DEEPGRAM_API_KEY: KEY,
    DEEPGRAM_BASE_URL: deepgram.wsUrl,
    AGENT_STT_LANGUAGE: "de",
  };
  const { code, report } = await check(["stt", file, "--live"], env);
  assert.deepEqual([code, report.trial?.text], [0, "word1 word2 word3"]);
  assert.equal(report.trial?.audioMs, 900);
  const asked = new URL(deepgram.seen[0]?.path ?? "", deepgram.url).searchParams;
  assert.deepEqual([asked.get("model"), asked.get("language")], ["nova-3", "de"]);
});

test("turnfold config prints values and where they are from, secrets masked", async () => {
  const env = { OPENAI_API_KEY: KEY, GEMINI_API_KEY: "short", LOG_LEVEL: "DEBUG" };
  const { code, stdout } = await run(["config"], { env });
  assert.equal(code, 0);
  assert.match(stdout, /OPENAI_API_KEY +sk-…cdef {2}\(environment\)/);
  assert.match(stdout, /GOOGLE_API_KEY +set {2}\(environment, as GEMINI_API_KEY\)/);
  assert.match(stdout, /TURNFOLD_LOG_LEVEL +DEBUG {2}\(environment, as LOG_LEVEL\)/);
  assert.match(stdout, /VISION_FPS +1\.0 {2}\(default; changes nothing yet/);
  assert.doesNotMatch(stdout, /canary|NATS_URL/);
  assert.match((await run(["config", "--all"], { env })).stdout, /NATS_URL +not set/);
  const json = await run(["config", "--json"], { env });
  const { variables } = ConfigReport.parse(JSON.parse(json.stdout));
  assert.equal(variables.find(({ name }) => name === "OPENAI_API_KEY")?.value, "sk-…cdef");
  const wrong = await run(["config"], { env: { ...env, TURNFOLD_PORT: "x" } });
  assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
  assert.match(wrong.stderr, /config\.invalid: environment: TURNFOLD_PORT: give a whole number/);
});

test("check stt names a sound that is not there", async () => {
  const { code, stderr } = await run(["check", "stt", "no-such.wav"]);
  assert.equal(code, 2);
  assert.match(stderr, /^wav\.invalid: there is no file no-such\.wav\n {2}fix: name a file/);
});

test("doctor names who stands in, and why somebody cannot", () => {
  const problem = new AppError("provider.missing", "groq: the package groq-sdk is not installed");
  const named = namesInOrder([
    { provider: "openai", model: "gpt-x" },
    { provider: "groq", model: "oss", problem },
    { provider: "local", model: "rules" },
  ]);
  const groq = "nobody (groq: the package groq-sdk is not installed)";
  assert.equal(named, `openai gpt-x, then ${groq}, then local rules`);
});

test("config says which names nobody reads, and which are meant", async () => {
  const env = { TURNFOLD_PORTT: "1", OPEN_AI_API_KEY: "canary", TURNFOLD_ELSE: "2", EDITOR: "ed" };
  const { code, stdout, stderr } = await run(["config"], { env });
  assert.equal(code, 0);
  assert.match(stderr, /TURNFOLD_PORTT \(environment\) is no variable .* is TURNFOLD_PORT meant/);
  assert.match(stderr, /OPEN_AI_API_KEY \(environment\) is no variable .* OPENAI_API_KEY meant/);
  assert.match(stderr, /TURNFOLD_ELSE \(environment\) is no variable .* docs\/configuration\.md/);
  assert.doesNotMatch(stdout + stderr, /canary|EDITOR/);
  const { unread } = ConfigReport.parse(
    JSON.parse((await run(["config", "--json"], { env })).stdout),
  );
  assert.deepEqual(
    unread.map(({ name, meant }) => [name, meant]),
    [
      ["TURNFOLD_PORTT", "TURNFOLD_PORT"],
      ["OPEN_AI_API_KEY", "OPENAI_API_KEY"],
      ["TURNFOLD_ELSE", null],
    ],
  );
});
