import { samplesOf, type AudioFrame } from "../src/base/audio.ts";
import type { Clock } from "../src/base/clock.ts";
import { LIMITS } from "../src/base/limits.ts";
import { PacedSpeaker } from "../src/media/paced-speaker.ts";
import type { JoinOptions, RoomConnection, RoomMedia } from "../src/media/room.port.ts";
import type { Llm, LlmEvent } from "../src/providers/llm.port.ts";
import type { Stt, SttEvent, SttStream } from "../src/providers/stt.port.ts";
import type { Tts, TtsEvent, TtsRequest } from "../src/providers/tts.port.ts";
import type { Vad, VadEvent, VadOptions, VadStream } from "../src/providers/vad.port.ts";

/**
 * Providers and a room without any latency of their own, told by the bench what to say and when.
 * They note the wall time of what reaches them: what is between is ours.
 */
const RATE_HZ = 16_000;
/** Short words, so that whatever is cut, some of it was heard. */
const WORD_MS = 20;
export const SPEECH_MS = 1_000;
export const CALLER = "ann";

export class FakeRoom implements RoomMedia {
  readonly speaker: TimedSpeaker;
  #tell: JoinOptions["on"] = () => undefined;

  constructor(clock: Clock) {
    this.speaker = new TimedSpeaker(clock);
  }

  join({ on }: JoinOptions): Promise<RoomConnection> {
    this.#tell = on;
    return Promise.resolve({
      speaker: this.speaker,
      listen: () => ({ close: () => undefined }),
      sendText: () => undefined,
      setAttribute: () => undefined,
      leave: () => Promise.resolve(),
    });
  }

  enter(): void {
    this.#tell({ type: "participant.joined", identity: CALLER, name: CALLER });
    this.#tell({ type: "track.published", sid: "TR_ann", identity: CALLER, kind: "audio" });
  }
}

export class TimedSpeaker extends PacedSpeaker {
  /** When the first frame since `watch` was handed over, and when the queue was last cleared. */
  firstFrameAt: number | undefined;
  clearedAt = 0;
  #arrived = Promise.withResolvers<void>();
  #cleared = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    super({ rateHz: RATE_HZ, clock, aheadMs: LIMITS.playoutAheadMs, sink: () => undefined });
  }

  /** Resolves with the next frame. */
  watch(): Promise<void> {
    this.firstFrameAt = undefined;
    this.#arrived = Promise.withResolvers();
    return this.#arrived.promise;
  }

  /** Resolves when the queue is cleared next. */
  watchSilence(): Promise<void> {
    this.#cleared = Promise.withResolvers();
    return this.#cleared.promise;
  }

  override write(frame: AudioFrame): Promise<void> {
    this.firstFrameAt ??= performance.now();
    this.#arrived.resolve();
    return super.write(frame);
  }

  override clear(): void {
    super.clear();
    this.clearedAt = performance.now();
    this.#cleared.resolve();
  }
}

export class FakeVad implements Vad {
  readonly name = "fake";
  readonly rateHz = RATE_HZ;
  tell: (event: VadEvent) => void = () => undefined;

  warm(): Promise<void> {
    return Promise.resolve();
  }

  open(_options: VadOptions, on: (event: VadEvent) => void): VadStream {
    this.tell = on;
    return { push: () => undefined, close: () => undefined };
  }
}

export class FakeStt implements Stt {
  readonly provider = "fake";
  readonly model = "fake";
  readonly rateHz = RATE_HZ;
  tell: (event: SttEvent) => void = () => undefined;

  warm(): Promise<void> {
    return Promise.resolve();
  }

  open(on: (event: SttEvent) => void): SttStream {
    this.tell = on;
    const usage = [{ provider: this.provider, model: this.model, audioMs: 0 }];
    return {
      push: () => undefined,
      speechStarted: () => undefined,
      speechEnded: () => undefined,
      finish: () => Promise.resolve(usage),
      abort: () => usage,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Answers when it is let, all words at once. */
export class FakeLlm implements Llm {
  readonly provider = "fake";
  readonly model = "fake";
  askedAt = 0;
  tokenAt = 0;
  readonly #tokens: readonly string[];
  #asked = Promise.withResolvers<void>();
  #mayAnswer = Promise.withResolvers<void>();

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  /** Resolves with the next request; its answer waits for `answer`. */
  watch(): Promise<void> {
    this.#asked = Promise.withResolvers();
    this.#mayAnswer = Promise.withResolvers();
    return this.#asked.promise;
  }

  answer(): void {
    this.#mayAnswer.resolve();
  }

  stream(): AsyncIterable<LlmEvent> {
    this.askedAt = performance.now();
    this.#asked.resolve();
    return this.#answer(this.#mayAnswer.promise);
  }

  async *#answer(may: Promise<void>): AsyncGenerator<LlmEvent> {
    await may;
    this.tokenAt = performance.now();
    for (const text of this.#tokens) yield { type: "text", text };
  }
}

/** All sound of a sentence at once, in frames of whatever length. */
export class FakeTts implements Tts {
  readonly provider = "fake";
  readonly model = "fake";
  readonly rateHz = RATE_HZ;
  readonly voices = ["fake"];
  frameMs: number = LIMITS.frameMs;

  warm(): Promise<void> {
    return Promise.resolve();
  }

  async *speak({ text }: TtsRequest): AsyncIterable<TtsEvent> {
    const wordEndsMs = text.split(" ").map((_, i) => (i + 1) * WORD_MS);
    yield { type: "alignment", wordEndsMs };
    const samples = new Int16Array(samplesOf(this.frameMs, RATE_HZ));
    for (let ms = 0; ms < SPEECH_MS; ms += this.frameMs)
      yield { type: "audio", frame: { samples, rateHz: RATE_HZ } };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
