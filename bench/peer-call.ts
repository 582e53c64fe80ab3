import { initializeLogger, stt, VADEventType, voice } from "@livekit/agents";
import { dispose, TrackPublishOptions, type AudioFrame, type Room } from "@livekit/rtc-node";
import { PeerEar } from "../scenarios/peer/sound.ts";
import type { TalkingCall } from "./exchange.ts";
import { TOKENS } from "./fake-call.ts";
import { PEER_RATE_HZ, PeerLlm, PeerStt, PeerTts, PeerVad } from "./peer-fakes.ts";

// Nothing of the peer can be made before.
initializeLogger({ pretty: false, level: "silent" });

const LONG_SPEECH_MS = 600;
const QUEUE_MS = 200;

/**
 * One live session of the peer over the same fakes. Nothing is waited for that is not work, as on
 * our side: no end-of-turn delay, no warm-up against echo, no guessing ahead. Its output is its own
 * room output, with a room that only pretends to publish.
 */
export class PeerCall implements TalkingCall {
  readonly llm = new PeerLlm(TOKENS);
  readonly tts = new PeerTts();
  readonly output = new TimedOutput();
  readonly #vad = new PeerVad();
  readonly #stt = new PeerStt();
  #session: voice.AgentSession | undefined;
  #questions = 0;

  async open(): Promise<void> {
    const session = new voice.AgentSession({
      vad: this.#vad,
      stt: this.#stt,
      llm: this.llm,
      tts: this.tts,
      aecWarmupDuration: null,
      userAwayTimeout: null,
      turnHandling: {
        turnDetection: "vad",
        endpointing: { minDelay: 0, maxDelay: 0 },
        // 0 would let a single silent window interrupt.
        interruption: { mode: "vad", minDuration: 1 },
        preemptiveGeneration: { enabled: false },
      },
    });
    this.#session = session;
    await this.output.start(new AbortController().signal);
    session.input.audio = new PeerEar();
    session.output.audio = this.output;
    const agent = new voice.Agent({ instructions: "You are kind and brief." });
    await session.start({ agent });
  }

  async close(): Promise<void> {
    await this.#session?.close();
    await this.output.close();
    // Its native part would keep the process alive.
    await dispose();
  }

  startSpeech(): void {
    this.#questions++;
    this.#vad.tell(VADEventType.START_OF_SPEECH, { speechMs: LONG_SPEECH_MS });
    this.#vad.tell(VADEventType.INFERENCE_DONE, { speechMs: LONG_SPEECH_MS });
  }

  interim(): void {
    this.#stt.tell(stt.SpeechEventType.INTERIM_TRANSCRIPT, "no wait I meant");
  }

  endSpeech(): void {
    this.#vad.tell(VADEventType.END_OF_SPEECH, { speechMs: LONG_SPEECH_MS, silenceMs: 1 });
  }

  final(): void {
    const text = `no wait I meant day ${this.#questions} please`;
    this.#stt.tell(stt.SpeechEventType.FINAL_TRANSCRIPT, text);
  }

  watchSilence(): Promise<void> {
    return this.output.watchSilence();
  }

  watchSound(): Promise<void> {
    return this.output.watchSound();
  }

  get silencedAt(): number {
    return this.output.silencedAt;
  }

  get firstFrameAt(): number {
    return this.output.firstFrameAt;
  }
}

/** The peer's room output, with the times of its first frame and of its queue being cleared. */
class TimedOutput extends voice.ParticipantAudioOutput {
  firstFrameAt = 0;
  silencedAt = 0;
  #heard: PromiseWithResolvers<void> | undefined;
  #silenced: PromiseWithResolvers<void> | undefined;

  constructor() {
    const publishTrack = () => Promise.resolve({ waitForSubscription: () => Promise.resolve() });
    const room = { localParticipant: { publishTrack } } as unknown as Room;
    const trackPublishOptions = new TrackPublishOptions();
    const sound = { sampleRate: PEER_RATE_HZ, numChannels: 1, queueSizeMs: QUEUE_MS };
    super(room, { ...sound, trackPublishOptions });
    const { audioSource } = this as unknown as { audioSource: { clearQueue(): void } };
    const clearQueue = audioSource.clearQueue.bind(audioSource);
    audioSource.clearQueue = () => {
      clearQueue();
      this.silencedAt = performance.now();
      this.#silenced?.resolve();
    };
  }

  watchSound(): Promise<void> {
    this.#heard = Promise.withResolvers();
    return this.#heard.promise;
  }

  watchSilence(): Promise<void> {
    this.#silenced = Promise.withResolvers();
    return this.#silenced.promise;
  }

  override captureFrame(frame: AudioFrame): Promise<void> {
    if (this.#heard) {
      this.firstFrameAt = performance.now();
      this.#heard.resolve();
      this.#heard = undefined;
    }
    return super.captureFrame(frame);
  }
}
