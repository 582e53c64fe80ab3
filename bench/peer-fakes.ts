import { llm, stt, tts, VAD, type VADEvent, VADEventType, VADStream } from "@livekit/agents";
import { AudioFrame } from "@livekit/rtc-node";
import { SPEECH_MS } from "./fakes.ts";

/** The fakes of the peer: without any latency, told by the bench what to say and when, as ours. */
export const PEER_RATE_HZ = 16_000;

export class PeerVad extends VAD {
  label = "fake";
  #stream: FakeVadStream | undefined;

  constructor() {
    super({ updateInterval: 32 });
  }

  override stream(): VADStream {
    return (this.#stream = new FakeVadStream(this));
  }

  /** Speech long enough for any setting; then silence. */
  tell(type: VADEventType, { speechMs = 0, silenceMs = 0 } = {}): void {
    this.#stream?.tell({
      type,
      samplesIndex: 0,
      timestamp: Date.now(),
      speechDuration: speechMs,
      silenceDuration: silenceMs,
      frames: [],
      probability: speechMs > 0 ? 1 : 0,
      inferenceDuration: 0,
      speaking: type !== VADEventType.END_OF_SPEECH,
      rawAccumulatedSilence: silenceMs,
      rawAccumulatedSpeech: speechMs,
    });
  }
}

class FakeVadStream extends VADStream {
  tell(event: VADEvent): void {
    this.sendVADEvent(event);
  }
}

export class PeerStt extends stt.STT {
  label = "fake";
  #stream: FakeSpeechStream | undefined;

  constructor() {
    super({ streaming: true, interimResults: true });
  }

  protected override _recognize(): Promise<stt.SpeechEvent> {
    return Promise.reject(new TypeError("this one streams"));
  }

  override stream(): stt.SpeechStream {
    return (this.#stream = new FakeSpeechStream(this));
  }

  tell(type: stt.SpeechEventType, text: string): void {
    const language = "en" as stt.SpeechData["language"];
    const times = { startTime: 0, endTime: 0, confidence: 1 };
    this.#stream?.tell({ type, alternatives: [{ language, text, ...times }] });
  }
}

class FakeSpeechStream extends stt.SpeechStream {
  label = "fake";

  tell(event: stt.SpeechEvent): void {
    this.queue.put(event);
  }

  protected async run(): Promise<void> {
    for await (const _ of this.input);
  }
}

/** Answers when it is let, all words at once. */
export class PeerLlm extends llm.LLM {
  askedAt = 0;
  tokenAt = 0;
  readonly tokens: readonly string[];
  #asked = Promise.withResolvers<void>();
  #mayAnswer = Promise.withResolvers<void>();

  constructor(tokens: readonly string[]) {
    super();
    this.tokens = tokens;
  }

  label(): string {
    return "fake";
  }

  watch(): Promise<void> {
    this.#asked = Promise.withResolvers();
    this.#mayAnswer = Promise.withResolvers();
    return this.#asked.promise;
  }

  answer(): void {
    this.#mayAnswer.resolve();
  }

  chat(options: Parameters<llm.LLM["chat"]>[0]): llm.LLMStream {
    this.askedAt = performance.now();
    this.#asked.resolve();
    const connOptions = { maxRetry: 0, retryIntervalMs: 0, timeoutMs: 60_000 };
    const stream = new FakeLlmStream(this, { ...options, connOptions });
    stream.may = this.#mayAnswer.promise;
    return stream;
  }
}

class FakeLlmStream extends llm.LLMStream {
  may = Promise.resolve();
  readonly #llm: PeerLlm;

  constructor(owner: PeerLlm, options: ConstructorParameters<typeof llm.LLMStream>[1]) {
    super(owner, options);
    this.#llm = owner;
  }

  protected async run(): Promise<void> {
    await this.may;
    this.#llm.tokenAt = performance.now();
    for (const content of this.#llm.tokens)
      this.queue.put({ id: "fake", delta: { role: "assistant", content } });
  }
}

/** All sound of a sentence at once, in frames of whatever length. */
export class PeerTts extends tts.TTS {
  label = "fake";
  frameMs = 20;

  constructor() {
    super(PEER_RATE_HZ, 1, { streaming: true });
  }

  override synthesize(): tts.ChunkedStream {
    throw new TypeError("this one streams");
  }

  override stream(): tts.SynthesizeStream {
    return new FakeSynthesizeStream(this);
  }
}

class FakeSynthesizeStream extends tts.SynthesizeStream {
  label = "fake";
  readonly #tts: PeerTts;

  constructor(owner: PeerTts) {
    super(owner);
    this.#tts = owner;
  }

  protected async run(): Promise<void> {
    let text = "";
    for await (const part of this.input) {
      if (typeof part === "string") text += part;
      const ended = typeof part !== "string" || /[.?!]\s*$/.test(text);
      if (!ended || text.trim() === "") continue;
      text = "";
      this.#say();
    }
    if (!this.abortController.signal.aborted) this.queue.put(tts.SynthesizeStream.END_OF_STREAM);
  }

  #say(): void {
    const { frameMs } = this.#tts;
    const samples = (frameMs * PEER_RATE_HZ) / 1000;
    for (let ms = 0; ms < SPEECH_MS; ms += frameMs) {
      const frame = new AudioFrame(new Int16Array(samples), PEER_RATE_HZ, 1, samples);
      const final = ms + frameMs >= SPEECH_MS;
      this.queue.put({ requestId: "fake", segmentId: "fake", frame, final });
    }
  }
}
