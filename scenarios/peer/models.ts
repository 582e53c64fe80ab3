import {
  APIConnectionError,
  APITimeoutError,
  createTimedString,
  llm,
  stt,
  tts,
} from "@livekit/agents";
import { AudioFrame } from "@livekit/rtc-node";
import { sleep } from "../../src/base/clock.ts";
import { answerTo } from "../answers.ts";
import type { Stage } from "../fakes.ts";
import { hearingOf, type Hearing } from "../hearing.ts";
import { FIRST_AUDIO_MS, GREETING } from "../scenario.ts";
import { messagesOf } from "./messages.ts";

/** The same fakes through the peer's plugin base classes: they say what ours say, when ours do. */
export class PeerStt extends stt.STT {
  label = "fake-stt";
  readonly hearing: readonly Hearing[];
  readonly positionMs: () => number;

  constructor(stage: Stage, positionMs: () => number) {
    super({ streaming: true, interimResults: true });
    this.hearing = hearingOf(stage.scenario);
    this.positionMs = positionMs;
  }

  protected override _recognize(): Promise<stt.SpeechEvent> {
    throw new APIConnectionError({ message: "this one streams" });
  }

  override stream(options?: Parameters<stt.STT["stream"]>[0]): stt.SpeechStream {
    return new PeerSttStream(this, options?.connOptions);
  }
}

class PeerSttStream extends stt.SpeechStream {
  label = "fake-stt.stream";
  readonly #stt: PeerStt;

  constructor(owner: PeerStt, connOptions?: ConstructorParameters<typeof stt.SpeechStream>[2]) {
    super(owner, undefined, connOptions);
    this.#stt = owner;
  }

  protected async run(): Promise<void> {
    const { hearing, positionMs } = this.#stt;
    const startMs = positionMs();
    let left = hearing.filter(({ atMs }) => atMs > startMs);
    for await (const _ of this.input) {
      const now = positionMs();
      const due = left.filter(({ atMs }) => atMs <= now);
      left = left.slice(due.length);
      for (const { event } of due) this.#tell(event);
    }
  }

  #tell(event: Hearing["event"]): void {
    if (!("fromMs" in event)) return;
    const { INTERIM_TRANSCRIPT, FINAL_TRANSCRIPT } = stt.SpeechEventType;
    const times = { startTime: event.fromMs / 1000, endTime: event.toMs / 1000, confidence: 1 };
    const language = "en" as stt.SpeechData["language"];
    this.queue.put({
      type: event.type === "final" ? FINAL_TRANSCRIPT : INTERIM_TRANSCRIPT,
      alternatives: [{ language, text: event.text, ...times }],
    });
  }
}

export class PeerLlm extends llm.LLM {
  readonly stage: Stage;
  readonly silent: boolean;
  readonly #name: string;

  constructor(stage: Stage, { name = "model-a", silent = false } = {}) {
    super();
    this.stage = stage;
    this.silent = silent;
    this.#name = name;
  }

  label(): string {
    return this.#name;
  }

  chat(options: Parameters<llm.LLM["chat"]>[0]): llm.LLMStream {
    const { stage } = this;
    const messages = messagesOf(options.chatCtx.items);
    stage.asked.push({ at: stage.clock.now(), model: this.#name, messages });
    const { maxRetry = 3, retryIntervalMs = 2_000, timeoutMs = 10_000 } = options.connOptions ?? {};
    const connOptions = { maxRetry, retryIntervalMs, timeoutMs };
    return new PeerLlmStream(this, { ...options, connOptions });
  }
}

class PeerLlmStream extends llm.LLMStream {
  readonly #llm: PeerLlm;

  constructor(owner: PeerLlm, options: ConstructorParameters<typeof llm.LLMStream>[1]) {
    super(owner, options);
    this.#llm = owner;
  }

  protected async run(): Promise<void> {
    const { stage, silent } = this.#llm;
    const { signal } = this.abortController;
    const answer = answerTo(stage.scenario, messagesOf(this.chatCtx.items));
    await sleep(stage.clock, silent ? this._connOptions.timeoutMs : answer.afterMs, signal);
    if (signal.aborted) return;
    if (silent) throw new APITimeoutError({ message: "no first token" });
    const id = "fake";
    if (answer.text) this.queue.put({ id, delta: { role: "assistant", content: answer.text } });
    if (answer.tool) {
      const input = { callId: `call-${stage.asked.length}`, name: answer.tool, args: "{}" };
      const toolCalls = [llm.FunctionCall.create(input)];
      this.queue.put({ id, delta: { role: "assistant", toolCalls } });
    }
  }
}

export class PeerTts extends tts.TTS {
  label: string;
  readonly stage: Stage;
  readonly diesAtMs: number;
  spokenMs = 0;

  constructor(stage: Stage, options: { rateHz: number; name?: string; diesAtMs?: number }) {
    super(options.rateHz, 1, { streaming: true, alignedTranscript: true });
    this.stage = stage;
    this.label = options.name ?? "voice-a";
    this.diesAtMs = options.diesAtMs ?? Infinity;
  }

  override synthesize(): tts.ChunkedStream {
    throw new APIConnectionError({ message: "this one streams" });
  }

  override stream(options?: Parameters<tts.TTS["stream"]>[0]): tts.SynthesizeStream {
    return new PeerTtsStream(this, options?.connOptions);
  }
}

const SENTENCE = /[.?!](?=\s|$)/;
const FRAME_MS = 20;

class PeerTtsStream extends tts.SynthesizeStream {
  label = "fake-tts.stream";
  readonly #tts: PeerTts;
  #saidMs = 0;

  constructor(owner: PeerTts, connOptions?: ConstructorParameters<typeof tts.SynthesizeStream>[1]) {
    super(owner, connOptions);
    this.#tts = owner;
  }

  protected async run(): Promise<void> {
    let text = "";
    for await (const part of this.input) {
      if (typeof part === "string") text += part;
      for (let end = text.search(SENTENCE); end >= 0; end = text.search(SENTENCE)) {
        await this.#say(text.slice(0, end + 1).trim());
        text = text.slice(end + 1);
      }
    }
    if (text.trim() !== "") await this.#say(text.trim());
    if (!this.abortController.signal.aborted)
      this.queue.put(tts.SynthesizeStream.END_OF_STREAM as typeof PeerTtsStream.END_OF_STREAM);
  }

  /** A sentence at once, in frames, as they come from most voices; each word with its time. */
  async #say(text: string): Promise<void> {
    const { stage, sampleRate } = this.#tts;
    const { signal } = this.abortController;
    this.markStarted();
    await sleep(stage.clock, FIRST_AUDIO_MS, signal);
    if (signal.aborted) return;
    const { samples, wordEndsMs } = stage.book.speak(text, sampleRate);
    const words = text.split(/\s+/);
    const length = (FRAME_MS * sampleRate) / 1000;
    for (let at = 0; at < samples.length; at += length) {
      if (text !== GREETING && this.#tts.spokenMs >= this.#tts.diesAtMs)
        throw new APIConnectionError({ message: `${this.#tts.label} broke` });
      const fromMs = (at * 1000) / sampleRate;
      const starting = words.filter((_, i) => startOf(i, wordEndsMs) === fromMs);
      const timed = starting.map((word) =>
        timedWord(word, (this.#saidMs + fromMs) / 1000, wordEndsMs[0]! / 1000),
      );
      const data = samples.slice(at, at + length);
      this.queue.put({
        requestId: "fake",
        segmentId: "fake",
        frame: new AudioFrame(data, sampleRate, 1, data.length),
        final: at + length >= samples.length,
        ...(timed.length > 0 && { timedTranscripts: timed }),
      });
      if (text !== GREETING) this.#tts.spokenMs += FRAME_MS;
    }
    this.#saidMs += (samples.length * 1000) / sampleRate;
  }
}

function startOf(i: number, ends: readonly number[]): number {
  return i === 0 ? 0 : ends[i - 1]!;
}

function timedWord(word: string, startTime: number, seconds: number) {
  return createTimedString({ text: `${word} `, startTime, endTime: startTime + seconds });
}
