import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { replay } from "../../src/actors/replay.ts";
import { formatWav, levelDb, parseWav, samplesOf, type AudioFrame } from "../../src/base/audio.ts";
import { simulate, simulateOn } from "../../src/cli/simulate/run.ts";
import type { Act } from "../../src/cli/simulate/script.ts";
import { readConfig, type Config } from "../../src/config.ts";
import { CALLER_VOICE, MACHINES, openProviders, openStore, readLogFile } from "../../src/main.ts";
import { openFlite } from "../../src/providers/local/flite.tts.ts";
import { openMoonshine } from "../../src/providers/local/moonshine.stt.ts";
import type { Stt } from "../../src/providers/stt.port.ts";
import { needModels } from "../support/models.ts";
import { wordErrorRate, wordErrors } from "../support/wer.ts";

/**
 * Whole spoken calls in real time: a WAV goes in, speech is understood, an answer is spoken.
 * Nothing here asserts how fast the machine is; where times are compared, both stand in the
 * recording.
 */
const QUESTION = "What are your opening hours on Saturday?";
const INTERRUPTION = "And what about Sunday?";
const BOOKING = "Can I park my car at the restaurant?";

const tts = openFlite();
let ears: Stt | undefined;
const folders: string[] = [];
after(async () => {
  await tts[Symbol.asyncDispose]();
  await ears?.[Symbol.asyncDispose]();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "turnfold-speech-"));
  folders.push(made);
  return made;
}

async function wav(dir: string, text: string): Promise<Act> {
  const { signal } = new AbortController();
  const file = join(dir, `${text.length}.wav`);
  for await (const event of tts.speak({ text, voice: CALLER_VOICE, signal }))
    if (event.type === "audio") await writeFile(file, formatWav(event.frame));
  return { kind: "wav", file };
}

/** What speech-to-text makes of a piece of a recording. */
async function recognise(t: TestContext, sound: AudioFrame): Promise<string> {
  const models = await needModels(t);
  assert.ok(models);
  ears ??= openMoonshine(models);
  const finals: string[] = [];
  const stream = ears.open((event) => void (event.type === "final" && finals.push(event.text)));
  stream.push({ samples: new Int16Array(8_000), rateHz: 16_000 });
  stream.speechStarted(500);
  for (let at = 0; at < sound.samples.length; at += 320)
    stream.push({ samples: sound.samples.subarray(at, at + 320), rateHz: 16_000 });
  stream.speechEnded(500 + (sound.samples.length * 1000) / 16_000);
  await stream.finish();
  return finals.join(" ");
}

function piece({ samples, rateHz }: AudioFrame, fromMs: number, toMs: number): AudioFrame {
  return {
    samples: samples.subarray(samplesOf(fromMs, rateHz), samplesOf(toMs, rateHz)),
    rateHz,
  };
}

/** Stretches of sound, bridged over pauses shorter than `gapMs`. */
function stretches(sound: AudioFrame, gapMs: number): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  const end = (sound.samples.length * 1000) / sound.rateHz;
  for (let ms = 0; ms + 20 <= end; ms += 20) {
    if (levelDb(piece(sound, ms, ms + 20).samples) < -45) continue;
    const last = found.at(-1);
    if (last && ms - last.to <= gapMs) last.to = ms + 20;
    else found.push({ from: ms, to: ms + 20 });
  }
  return found;
}

function configOf(dataDir: string): Config {
  // Whoever runs the tests may have keys.
  const local = { AGENT_STT_PROVIDER: "local", AGENT_LLM_PROVIDER: "local" };
  const env = { ...process.env, ...local, AGENT_TTS_PROVIDER: "local" };
  return readConfig({ data: dataDir }, env);
}

test("a spoken call with a barge-in is understood, answered aloud and replays", async (t) => {
  if (!(await needModels(t))) return;
  const dir = await folder();
  const acts: Act[] = [
    await wav(dir, QUESTION),
    { kind: "pause", ms: 2_400 },
    await wav(dir, INTERRUPTION),
    await wav(dir, BOOKING),
  ];
  const record = join(dir, "rec");
  const report = await simulate(configOf(join(dir, "data")), {
    acts,
    tenant: "acme",
    room: "desk",
    record,
  });

  const said = [QUESTION, INTERRUPTION, BOOKING];
  const heard = report.turns.filter(({ userText }) => userText).map(({ userText }) => userText);
  assert.equal(heard.length, said.length, JSON.stringify(report.turns));
  const rate = wordErrorRate(said.map((text, i) => [text, heard[i]!] as const));
  assert.ok(rate <= 0.3, `word error rate ${rate}: ${heard.join(" | ")}`);
  for (const [i, word] of ["saturday", "sunday", "car"].entries())
    assert.match(heard[i]!.toLowerCase(), new RegExp(word));

  const caller = parseWav(await readFile(join(record, "caller.wav")));
  const agent = parseWav(await readFile(join(record, "agent.wav")));
  assert.equal(caller.samples.length, agent.samples.length, "both sides begin and end together");
  await checkRecording(t, { caller, agent, turns: report.turns });

  const replayed = await replay(readLogFile(report.log), { machines: MACHINES, deep: true });
  assert.equal(replayed.verdict, "reproduced");
  assert.equal(replayed.stateHash, report.stateHash);
  assert.ok(report.usage.some(({ service, quantity }) => service === "stt" && quantity > 0));
});

interface Recording {
  readonly caller: AudioFrame;
  readonly agent: AudioFrame;
  readonly turns: readonly { status: string; agentText: string; heardText: string }[];
}

/** The agent's side: audible, silent soon after the caller begins, and cut where the log says. */
async function checkRecording(t: TestContext, { caller, agent, turns }: Recording): Promise<void> {
  const cut = turns.find(({ status }) => status === "cutOff");
  assert.ok(cut, "the answer was interrupted");
  const onset = stretches(caller, 600)[1]!.from;
  const agentSounds = stretches(agent, 400);
  const interrupted = agentSounds.findLast(({ from }) => from < onset)!;
  assert.ok(interrupted.to > onset - 40, "the agent was speaking when the caller began");
  assert.ok(
    interrupted.to <= onset + 300,
    `silent ${interrupted.to - onset} ms after the caller's onset`,
  );
  // The words in the recording are those the log calls heard; the cut word may go either way.
  const rest = await recognise(t, piece(agent, interrupted.from - 100, interrupted.to));
  const { errors } = wordErrors(cut.heardText, rest);
  assert.ok(errors <= 2, `heard "${cut.heardText}", in the recording "${rest}"`);
  const words = cut.agentText.split(" ").length;
  assert.ok(cut.heardText.split(" ").length < words, "something was left unheard");

  const answer = turns.at(-1)!;
  const last = agentSounds.at(-1)!;
  assert.ok(levelDb(piece(agent, last.from, last.to).samples) > -35, "the answer is audible");
  const spoken = await recognise(t, piece(agent, last.from - 100, last.to + 100));
  const { rate } = wordErrors(answer.agentText, spoken);
  assert.ok(rate <= 0.35, `said "${answer.agentText}", in the recording "${spoken}"`);
}

test("several calls run in one process, each with its own words", async (t) => {
  if (!(await needModels(t))) return;
  const dir = await folder();
  const config = configOf(join(dir, "data"));
  await using broker = await openStore(config, false);
  await using providers = await openProviders(config);
  const questions = ["Where are you?", "Do you have a vegetarian menu?", QUESTION];
  const reports = await Promise.all(
    questions.map((text, i) =>
      simulateOn(
        config,
        { broker, providers },
        { acts: [{ kind: "say", text }], tenant: "acme", room: `room ${i}` },
      ),
    ),
  );
  for (const [i, { turns, log }] of reports.entries()) {
    const user = turns.find(({ userText }) => userText)!;
    assert.ok(wordErrors(questions[i]!, user.userText).rate <= 0.35, user.userText);
    assert.equal((await replay(readLogFile(log), { machines: MACHINES })).verdict, "reproduced");
  }
});

test("without models the caller types, the agent speaks, and a WAV is refused", async () => {
  const dir = await folder();
  const config = { ...configOf(join(dir, "data")), modelsDir: join(dir, "none") };
  const notices: string[] = [];
  const record = join(dir, "rec");
  const report = await simulate(config, {
    acts: [{ kind: "say", text: QUESTION }],
    tenant: "acme",
    room: "desk",
    record,
    onNotice: (notice) => notices.push(notice),
  });
  const answer = report.turns.at(-1)!;
  assert.equal(answer.userText, QUESTION);
  assert.equal(answer.status, "completed");
  assert.match(answer.heardText, /Saturday/);
  assert.match(notices.join(), /models pull/);
  const agent = parseWav(await readFile(join(record, "agent.wav")));
  assert.ok(stretches(agent, 400).length >= 2, "greeting and answer are audible");

  const refused = simulate(config, {
    acts: [await wav(dir, QUESTION)],
    tenant: "acme",
    room: "desk",
  });
  await assert.rejects(refused, { code: "stt.missing", message: /turnfold models pull/ });
});
