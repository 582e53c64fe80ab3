import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SimulateReport } from "../../src/cli/simulate.command.ts";
import { startElevenLabs } from "../emulators/elevenlabs.ts";
import { startOpenAi } from "../emulators/openai.ts";
import { SPEECH_KEY } from "../emulators/tone-speech.ts";

/** Whole calls, in real time, with keys and addresses of vendors alone: nothing else is set up. */
async function dataDir(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "turnfold-vendors-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const CLI = join(import.meta.dirname, "../../src/cli/cli.ts");

/** In a process of its own, so that all it prints is seen. */
async function simulate(t: TestContext, own: Readonly<Record<string, string>>) {
  const data = await dataDir(t);
  const line = ["simulate", "--say", "What is the time?", "--data", data, "--json"];
  const env = { TURNFOLD_MODELS: join(data, "none"), LOG_LEVEL: "DEBUG", ...own };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...line], {
    env,
    cwd: data,
    signal: t.signal,
  });
  const report = SimulateReport.parse(JSON.parse(stdout));
  const log = await readFile(report.log, "utf8");
  assert.ok(!`${stdout}${stderr}${log}`.includes(SPEECH_KEY), "the key is nowhere");
  return { ...report, stderr };
}

test("keys alone make an agent that is answered for by the vendors' model and voice", async (t) => {
  await using openAi = await startOpenAi();
  await using voice = await startElevenLabs();
  openAi.answers.push({ text: "It is noon." });
  const report = await simulate(t, {
    OPENAI_API_KEY: SPEECH_KEY,
    OPENAI_BASE_URL: `${openAi.server.url}/v1`,
    ELEVENLABS_API_KEY: SPEECH_KEY,
    ELEVENLABS_BASE_URL: voice.url,
    LLM_MODEL: "gpt-4-turbo",
    TTS_VOICE_ID: "elevenlabs/tone-1000",
    AGENT_GREETING: "Hello.",
    AGENT_SYSTEM_PROMPT: "You are a clock.",
  });
  const answer = report.turns.at(-1)!;
  assert.equal(answer.userText, "What is the time?");
  assert.deepEqual([answer.status, answer.heardText], ["completed", "It is noon."]);
  const used = report.usage.map(
    ({ service, provider, model }) => `${service} ${provider} ${model}`,
  );
  assert.ok(used.includes("llm openai gpt-6-luna"), used.join());
  assert.ok(used.includes("tts elevenlabs eleven_flash_v2_5"), used.join());
  const { messages } = openAi.server.seen.at(-1)!.body as { messages: { content: unknown }[] };
  assert.match(JSON.stringify(messages[0]), /You are a clock\./);
  assert.match(report.stderr, /no speech models/);
  const mapped = /"level":"warn".*gpt-4-turbo left the API on 2026-10-23: gpt-6-luna is used/;
  assert.match(report.stderr, mapped);
  assert.ok(voice.seen.some(({ body }) => JSON.stringify(body).includes("It is noon.")));
});

test("where the vendor's voice fails, the local one speaks in its place", async (t) => {
  await using voice = await startElevenLabs();
  voice.script.faultOf = () => ({ kind: "status", status: 500 });
  const report = await simulate(t, {
    ELEVENLABS_API_KEY: SPEECH_KEY,
    ELEVENLABS_BASE_URL: voice.url,
    AGENT_GREETING: "Hello.",
  });
  const answer = report.turns.at(-1)!;
  assert.equal(answer.status, "completed");
  assert.ok(voice.seen.length > 0);
  const spoken = report.usage.filter(({ service }) => service === "tts");
  assert.ok(spoken.some(({ provider }) => provider === "local"));
});
