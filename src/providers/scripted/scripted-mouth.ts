import { samplesOf } from "../../base/audio.ts";
import { sleep, type Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Llm, LlmEvent, LlmRequest, ToolCall } from "../llm.port.ts";
import type { Tts, TtsEvent, TtsRequest } from "../tts.port.ts";

/** What a scripted model answers to a request. */
export interface ScriptedAnswer {
  readonly text?: string;
  readonly toolCalls?: readonly ToolCall[];
  /** Request to first words. */
  readonly afterMs?: number;
  /** Breaks instead, after `afterMs`. */
  readonly fails?: boolean;
}

const FIRST_WORDS_MS = 300;
const FIRST_AUDIO_MS = 100;
const WORD_MS = 400;

export class ScriptedLlm implements Llm {
  readonly provider = "scripted";
  readonly model: string;
  /** Every request made, in order: what tests look at. */
  readonly requests: LlmRequest[] = [];
  readonly #clock: Clock;
  readonly #answer: (request: LlmRequest, index: number) => ScriptedAnswer;

  constructor(
    clock: Clock,
    answer: (request: LlmRequest, index: number) => ScriptedAnswer,
    model = "scripted-llm",
  ) {
    this.model = model;
    this.#clock = clock;
    this.#answer = answer;
  }

  async *stream(request: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent> {
    this.requests.push(request);
    const answer = this.#answer(request, this.requests.length - 1);
    await sleep(this.#clock, answer.afterMs ?? FIRST_WORDS_MS, signal);
    if (signal.aborted) return;
    if (answer.fails) throw new AppError("provider.failed", "the scripted model failed");
    const text = answer.text ?? "";
    if (text) yield { type: "text", text };
    for (const call of answer.toolCalls ?? []) yield { type: "toolCall", call };
    const inputTokens = request.messages.reduce(
      (sum, m) => sum + ("text" in m ? m.text.length : 0),
      0,
    );
    const usage = { provider: this.provider, model: this.model, estimated: false };
    yield { type: "usage", usage: { ...usage, inputTokens, outputTokens: text.length } };
  }
}

/** How a scripted voice differs from one that does all it is told to. */
export interface VoiceScript {
  /** How long it takes for a word; default 400. */
  readonly wordMs?: number;
  readonly model?: string;
  /** Breaks before its first sound. */
  readonly fails?: (text: string) => boolean;
  /** Sentence to first sound; default 100. */
  readonly firstAudioMs?: number;
  /** Breaks once it has given this much sound, over all its sentences. */
  readonly breaksAfterMs?: number;
}

/** Speaks at an even pace, aligned; the sound itself is a constant. */
export class ScriptedTts implements Tts {
  readonly provider = "scripted";
  readonly model: string;
  readonly rateHz = 8_000;
  readonly voices = ["scripted"];
  /** What it was asked to say, in order. */
  readonly texts: string[] = [];
  readonly #clock: Clock;
  readonly #script: VoiceScript;
  #givenMs = 0;

  constructor(clock: Clock, script: VoiceScript = {}) {
    this.model = script.model ?? "scripted-tts";
    this.#clock = clock;
    this.#script = script;
  }

  warm(): Promise<void> {
    return Promise.resolve();
  }

  async *speak({ text, signal }: TtsRequest): AsyncIterable<TtsEvent> {
    this.texts.push(text);
    const { fails, firstAudioMs = FIRST_AUDIO_MS, breaksAfterMs = Infinity } = this.#script;
    const { wordMs = WORD_MS } = this.#script;
    await sleep(this.#clock, firstAudioMs, signal);
    if (signal.aborted) return;
    const broken = new AppError("provider.failed", "the scripted voice failed");
    if (fails?.(text)) throw broken;
    const words = text.split(/\s+/).filter(Boolean).length;
    yield {
      type: "alignment",
      wordEndsMs: Array.from({ length: words }, (_, i) => (i + 1) * wordMs),
    };
    const ms = Math.min(words * wordMs, breaksAfterMs - this.#givenMs);
    const samples = new Int16Array(samplesOf(ms, this.rateHz)).fill(1);
    this.#givenMs += ms;
    if (ms > 0) yield { type: "audio", frame: { samples, rateHz: this.rateHz } };
    if (ms < words * wordMs) throw broken;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
