import { initializeLogger, llm, tts, voice } from "@livekit/agents";
import { samplesOf } from "../../src/base/audio.ts";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { PacedRoom } from "../../src/media/paced-room.ts";
import type { RoomConnection } from "../../src/media/room.port.ts";
import { CALLER_RATE_HZ } from "../caller-sound.ts";
import type { Stage } from "../fakes.ts";
import type { Outcome } from "../outcome.ts";
import { GREETING, INSTRUCTIONS, ZERO_MS, type Scenario } from "../scenario.ts";
import { SoundTrack, WordBook } from "../word-book.ts";
import { messagesOf } from "./messages.ts";
import { PeerLlm, PeerStt, PeerTts } from "./models.ts";
import type { PeerSettings } from "./settings.ts";
import { PeerEar, PeerSpeaker } from "./sound.ts";

const CALLER = "ann";
const SID = `TR_${CALLER}`;
const QUIET_MAX_MS = 12_000;

/** The peer's session through a scenario, in real time and on the same sound. */
export async function runPeer(
  scenario: Scenario,
  sound: Int16Array,
  settings: PeerSettings,
): Promise<Outcome> {
  initializeLogger({ pretty: false, level: "silent" });
  const clock = systemClock;
  const stage: Stage = { scenario, clock, book: new WordBook(), asked: [] };
  const track = new SoundTrack();
  const room = new PacedRoom({ clock, rateHz: CALLER_RATE_HZ, silenceFrameMs: LIMITS.frameMs });
  const openedAt = clock.now();
  const ear = new PeerEar();
  const speaker = new PeerSpeaker({
    rateHz: CALLER_RATE_HZ,
    clock,
    sink: (frame, at) => track.add(frame, at),
  });
  const model = modelsOf(stage, settings);
  const voices = voicesOf(stage, settings);
  const session = new voice.AgentSession({
    ...settings.session,
    stt: new PeerStt(stage, () => clock.now() - openedAt),
    llm: model,
    tts: voices,
  });
  session.on(voice.AgentSessionEventTypes.Error, () => undefined);
  await attach(session, ear, speaker);
  const tools = toolsOf(stage, settings);
  await session.start({ agent: new voice.Agent({ instructions: INSTRUCTIONS, tools }) });
  session.say(GREETING);
  const caller = await enter(room, { ear, sound, openedAt });
  const until = (ms: number) => sleep(clock, openedAt + ZERO_MS + ms - clock.now());
  const { leaves, endMs } = scenario;
  if (leaves) {
    await until(leaves.at);
    room.leave(CALLER);
    if (settings.closesWhenLeft) await session.close();
  }
  if (leaves?.backAt !== undefined) {
    await until(leaves.backAt);
    speak(room, sound, openedAt);
  }
  await until(endMs);
  await quiet(session);
  const faults = isBusy(session) ? [`it is ${session.agentState} at the end`] : [];
  const history = messagesOf(session.history.items).filter(({ text }) => text !== GREETING);
  await session.close();
  await Promise.all([model.aclose(), voices.close(), caller.leave()]);
  room.leave(CALLER);
  ear.end();
  const zero = openedAt + ZERO_MS;
  return {
    moments: [],
    book: stage.book,
    sound: track.pieces.map((piece) => ({ ...piece, at: piece.at - zero })),
    asked: stage.asked.map((request) => ({ ...request, at: request.at - zero })),
    history,
    faults,
  };
}

/** An answer nobody expected may go on for longer than the scenario. */
async function quiet(session: voice.AgentSession): Promise<void> {
  const until = systemClock.now() + QUIET_MAX_MS;
  while (isBusy(session) && systemClock.now() < until) await sleep(systemClock, 50);
}

function isBusy({ agentState }: voice.AgentSession): boolean {
  return agentState === "thinking" || agentState === "speaking";
}

/** The transcript of its room output, by which an interrupted answer is cut to what was heard. */
async function attach(
  session: voice.AgentSession,
  ear: PeerEar,
  speaker: PeerSpeaker,
): Promise<void> {
  const url = new URL(
    "voice/transcription/synchronizer.js",
    import.meta.resolve("@livekit/agents"),
  );
  const { TranscriptionSynchronizer } = (await import(url.href)) as {
    TranscriptionSynchronizer: new (
      audio: PeerSpeaker,
      text: object,
    ) => {
      readonly audioOutput: voice.AudioOutput;
      readonly textOutput: never;
    };
  };
  const nothing = (): void => undefined;
  const text = {
    captureText: () => Promise.resolve(),
    flush: nothing,
    onAttached: nothing,
    onDetached: nothing,
  };
  const synchronizer = new TranscriptionSynchronizer(speaker, text);
  session.input.audio = ear;
  session.output.audio = synchronizer.audioOutput;
  session.output.transcription = synchronizer.textOutput;
}

interface Entrance {
  readonly ear: PeerEar;
  readonly sound: Int16Array;
  readonly openedAt: number;
}

async function enter(room: PacedRoom, { ear, sound, openedAt }: Entrance): Promise<RoomConnection> {
  const { signal } = new AbortController();
  const who = { tenant: "scenarios", room: "peer", identity: "agent" };
  const connection = await room.join({ ...who, signal, on: () => undefined });
  connection.listen(SID, (frame) => ear.hear(frame));
  speak(room, sound, openedAt);
  return connection;
}

function speak(room: PacedRoom, sound: Int16Array, openedAt: number): void {
  room.enter(CALLER);
  const saidMs = systemClock.now() - openedAt;
  void room.speak(CALLER, sound.subarray(samplesOf(saidMs, CALLER_RATE_HZ)));
}

function modelsOf(stage: Stage, { llmAttemptTimeout }: PeerSettings): llm.LLM {
  if (!stage.scenario.providers.firstModelSilent) return new PeerLlm(stage);
  const llms = [new PeerLlm(stage, { silent: true }), new PeerLlm(stage, { name: "model-b" })];
  for (const one of llms) one.on("error", () => undefined);
  return new llm.FallbackAdapter({ llms, attemptTimeout: llmAttemptTimeout });
}

function voicesOf(stage: Stage, { maxRetryPerTts }: PeerSettings): tts.TTS {
  const { firstVoiceDiesAtMs } = stage.scenario.providers;
  const rateHz = CALLER_RATE_HZ;
  if (firstVoiceDiesAtMs === undefined) return new PeerTts(stage, { rateHz });
  const first = new PeerTts(stage, { rateHz, diesAtMs: firstVoiceDiesAtMs });
  const ttsInstances = [first, new PeerTts(stage, { rateHz, name: "voice-b" })];
  for (const one of ttsInstances) one.on("error", () => undefined);
  return new tts.FallbackAdapter({ ttsInstances, maxRetryPerTTS: maxRetryPerTts });
}

function toolsOf({ scenario, clock }: Stage, { toolFillerMs }: PeerSettings) {
  const { tool } = scenario.providers;
  if (!tool) return [];
  return [
    llm.tool({
      name: tool.name,
      description: "looks it up",
      execute: async (_, { ctx, abortSignal }) => {
        const work = async () => {
          await sleep(clock, tool.ms, abortSignal);
          return { done: true };
        };
        if (toolFillerMs === undefined) return work();
        return ctx.filler(tool.sayWhile, { delay: toolFillerMs }, work);
      },
    }),
  ];
}
