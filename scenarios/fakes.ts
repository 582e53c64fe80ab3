import type { AudioFrame } from "../src/base/audio.ts";
import { frameMs } from "../src/base/audio.ts";
import { sleep, type Clock } from "../src/base/clock.ts";
import type { Llm, LlmEvent, LlmRequest } from "../src/providers/llm.port.ts";
import type { Stt, SttEvent, SttStream } from "../src/providers/stt.port.ts";
import type { Tts, TtsEvent, TtsRequest } from "../src/providers/tts.port.ts";
import { AppError } from "../src/base/errors.ts";
import { answerTo, type Asked } from "./answers.ts";
import { hearingOf, type Hearing } from "./hearing.ts";
import { FIRST_AUDIO_MS, GREETING, type Scenario } from "./scenario.ts";
import type { WordBook } from "./word-book.ts";

/** The providers of a scenario behind our ports; `peer/plugins.ts` has the same for the peer. */
export interface Stage {
  readonly scenario: Scenario;
  readonly clock: Clock;
  readonly book: WordBook;
  /** Every request that went out, in order. */
  readonly asked: Asked[];
}

export class FakeModel implements Llm {
  readonly provider = "fake";
  readonly model: string;
  readonly #stage: Stage;
  readonly #silent: boolean;

  constructor(stage: Stage, { model = "model-a", silent = false } = {}) {
    this.#stage = stage;
    this.model = model;
    this.#silent = silent;
  }

  async *stream({ messages }: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent> {
    const { scenario, clock, asked } = this.#stage;
    const plain = messages.map((message) =>
      message.role === "tool"
        ? { role: "tool", text: JSON.stringify(message.output) }
        : { role: message.role, text: message.text },
    );
    asked.push({ at: clock.now(), model: this.model, messages: plain });
    const answer = answerTo(scenario, plain);
    await sleep(clock, this.#silent ? 600_000 : answer.afterMs, signal);
    if (signal.aborted) return;
    if (answer.text) yield { type: "text", text: answer.text };
    if (answer.tool) {
      const call = { id: `call-${asked.length}`, name: answer.tool, input: { people: 4 } };
      yield { type: "toolCall", call };
    }
    const usage = { provider: this.provider, model: this.model, estimated: false };
    yield { type: "usage", usage: { ...usage, inputTokens: 1, outputTokens: 1 } };
  }
}

export class FakeVoice implements Tts {
  readonly provider = "fake";
  readonly model: string;
  readonly rateHz: number;
  readonly voices = ["fake"];
  readonly #stage: Stage;
  readonly #diesAtMs: number;
  #spokenMs = 0;

  constructor(stage: Stage, options: { rateHz: number; model?: string; diesAtMs?: number }) {
    this.#stage = stage;
    this.rateHz = options.rateHz;
    this.model = options.model ?? "voice-a";
    this.#diesAtMs = options.diesAtMs ?? Infinity;
  }

  warm(): Promise<void> {
    return Promise.resolve();
  }

  async *speak({ text, signal }: TtsRequest): AsyncIterable<TtsEvent> {
    const { clock, book } = this.#stage;
    const { rateHz } = this;
    await sleep(clock, FIRST_AUDIO_MS, signal);
    if (signal.aborted) return;
    const { samples, wordEndsMs } = book.speak(text, rateHz);
    // It lives to say the greeting.
    const leftMs = text === GREETING ? Infinity : Math.max(0, this.#diesAtMs - this.#spokenMs);
    const frame = {
      samples: samples.subarray(0, Math.min(samples.length, (leftMs * rateHz) / 1000)),
      rateHz,
    };
    if (text !== GREETING) this.#spokenMs += frameMs(frame);
    yield { type: "alignment", wordEndsMs };
    if (frame.samples.length > 0) yield { type: "audio", frame };
    if (frame.samples.length < samples.length)
      throw new AppError("provider.failed", `${this.model} broke`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Knows what is said by its place in the sound: real audio is pushed, none of it is understood. */
export class PositionStt implements Stt {
  readonly provider = "fake";
  readonly model = "fake-stt";
  readonly rateHz: number;
  readonly #hearing: readonly Hearing[];
  readonly #positionMs: () => number;

  /** `positionMs`: what of the scenario's sound has been said by now. */
  constructor(scenario: Scenario, rateHz: number, positionMs: () => number) {
    this.#hearing = hearingOf(scenario);
    this.rateHz = rateHz;
    this.#positionMs = positionMs;
  }

  warm(): Promise<void> {
    return Promise.resolve();
  }

  /** A stream opened late, as for a caller who came back, hears what is said from then on. */
  open(on: (event: SttEvent) => void): SttStream {
    let left: readonly Hearing[] = [];
    let startMs: number | undefined;
    let audioMs = 0;
    const usage = () => [{ provider: this.provider, model: this.model, audioMs }];
    return {
      push: (frame: AudioFrame) => {
        const from = (startMs ??= this.#positionMs() - frameMs(frame));
        if (audioMs === 0) left = this.#hearing.filter(({ atMs }) => atMs > from);
        audioMs += frameMs(frame);
        const due = left.filter(({ atMs }) => atMs <= from + audioMs);
        left = left.slice(due.length);
        for (const { event } of due) on(shifted(event, from));
      },
      speechStarted: () => undefined,
      speechEnded: () => undefined,
      finish: () => Promise.resolve(usage()),
      abort: usage,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Audio time counts from the first sample of a stream. */
function shifted(event: SttEvent, startMs: number): SttEvent {
  if (!("fromMs" in event)) return event;
  return { ...event, fromMs: event.fromMs - startMs, toMs: event.toMs - startMs };
}
