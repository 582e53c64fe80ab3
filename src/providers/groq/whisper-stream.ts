import { formatWav, joinSamples, samplesOf, type AudioFrame } from "../../base/audio.ts";
import type { Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { AudioTail } from "../audio-tail.ts";
import { providerError, type Vendor } from "../provider-error.ts";
import { quietestAt } from "../quietest-at.ts";
import { StreamResampler } from "../stream-resampler.ts";
import type { SttEvent, SttStream, SttUsage } from "../stt.port.ts";
import { addUsage } from "../stt-usage.ts";
import { spreadWords } from "../word-times.ts";

export interface WhisperOptions {
  readonly vendor: Vendor;
  readonly model: string;
  readonly rateHz: number;
  readonly clock: Clock;
  readonly on: (event: SttEvent) => void;
  /** Gives what the vendor answers with. */
  readonly transcribe: (wav: File, signal: AbortSignal) => Promise<unknown>;
}

/** Audio before a detected start that is sent too: detectors miss soft first sounds. */
const PRE_ROLL_MS = 300;
const POST_ROLL_MS = 200;
/** Audio kept while nobody speaks; a start may be told this late. */
const IDLE_KEPT_MS = 2_000;
/** With less than this Whisper makes words up; silence is put behind. */
const REQUEST_MS_MIN = 1_000;
/** A cut is made in the last of a long utterance. */
const CUT_LAST_MS = 5_000;
const CUT_WINDOW_MS = 100;

/** `verbose_json`; the SDK's type knows its text alone. */
interface Answer {
  readonly text: string;
  readonly duration?: number;
  readonly words?: readonly {
    readonly word: string;
    readonly start: number;
    readonly end: number;
  }[];
}

interface Segment {
  /** In samples of the stream. */
  readonly start: number;
  readonly end: number;
  /** Of the speech in it. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Audio of a request that has no answer yet. */
interface Sent {
  readonly audioMs: number;
}

/** One request for each utterance; their finals come in the order they were said. */
export class WhisperStream implements SttStream {
  readonly #options: WhisperOptions;
  readonly #resampler: StreamResampler;
  readonly #tail = new AudioTail();
  readonly #stop = new AbortController();
  readonly #usage: SttUsage[] = [];
  readonly #asked = new Set<Sent>();
  #open: { readonly fromMs: number; readonly start: number } | undefined;
  #usedUntil = 0;
  #finals: Promise<void> = Promise.resolve();

  constructor(options: WhisperOptions) {
    this.#options = options;
    this.#resampler = new StreamResampler(options.rateHz);
    queueMicrotask(() => {
      if (!this.#isOver) options.on({ type: "up" });
    });
  }

  push(frame: AudioFrame): void {
    if (this.#isOver) return;
    this.#tail.push(this.#resampler.push(frame));
    if (this.#open) this.#cutLong(this.#open);
    this.#tail.dropBefore(this.#open?.start ?? this.#tail.to - this.#at(IDLE_KEPT_MS));
  }

  speechStarted(fromMs: number): void {
    if (this.#open || this.#isOver) return;
    const start = Math.max(0, this.#usedUntil, this.#at(fromMs - PRE_ROLL_MS));
    this.#open = { fromMs, start };
  }

  speechEnded(toMs: number): void {
    const open = this.#open;
    if (!open || this.#isOver) return;
    this.#open = undefined;
    const end = Math.min(this.#tail.to, this.#at(toMs + POST_ROLL_MS));
    this.#usedUntil = Math.min(this.#tail.to, this.#at(toMs));
    this.#hear({ ...open, end, toMs });
  }

  async finish(): Promise<readonly SttUsage[]> {
    this.speechEnded(this.#msOf(this.#tail.to));
    await this.#finals;
    return this.abort();
  }

  abort(): readonly SttUsage[] {
    this.#stop.abort();
    // Of what was asked and not answered nobody knows what it costs.
    for (const sent of this.#asked) this.#count({ ...sent, estimated: true, how: "stopped" });
    this.#asked.clear();
    return this.#usage;
  }

  get #isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  #at(ms: number): number {
    return samplesOf(ms, this.#options.rateHz);
  }

  #msOf(samples: number): number {
    return (samples * 1000) / this.#options.rateHz;
  }

  #cutLong({ fromMs, start }: { readonly fromMs: number; readonly start: number }): void {
    const most = this.#at(LIMITS.sttBatchMsMax);
    if (this.#tail.to - start < most) return;
    const from = start + most - this.#at(CUT_LAST_MS);
    const last = this.#tail.slice(from, start + most);
    const end = from + quietestAt(last, this.#at(CUT_WINDOW_MS));
    const toMs = this.#msOf(end);
    this.#open = { fromMs: toMs, start: end };
    this.#hear({ start, end, fromMs, toMs });
  }

  #hear(segment: Segment): void {
    const answer = this.#ask(segment);
    // It is waited for in its turn, and may fail before that.
    answer.catch(() => undefined);
    this.#finals = this.#finals.then(async () => {
      try {
        const final = await answer;
        if (!this.#isOver) this.#options.on(final);
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  async #ask(segment: Segment): Promise<SttEvent> {
    const { rateHz } = this.#options;
    const { start, end, fromMs, toMs } = segment;
    const missing = this.#at(REQUEST_MS_MIN) - (end - start);
    const said = this.#tail.slice(start, end);
    const samples = missing > 0 ? joinSamples([said, new Int16Array(missing)]) : said;
    const answer = await this.#request(formatWav({ samples, rateHz }), {
      audioMs: this.#msOf(samples.length),
    });
    const text = answer.text.trim();
    const base = this.#msOf(start);
    const words = answer.words?.map((word) => ({
      text: word.word.trim(),
      fromMs: Math.round(base + word.start * 1000),
      toMs: Math.round(base + word.end * 1000),
    }));
    return { type: "final", fromMs, toMs, text, words: words ?? spreadWords(text, fromMs, toMs) };
  }

  async #request(bytes: Uint8Array, sent: Sent): Promise<Answer> {
    const { clock, transcribe, vendor } = this.#options;
    const wav = new File([new Uint8Array(bytes)], "speech.wav", { type: "audio/wav" });
    const late = new AbortController();
    const cancel = clock.after(LIMITS.sttFinishMsMax, () => late.abort());
    this.#asked.add(sent);
    try {
      const answer = answerOf(
        await transcribe(wav, AbortSignal.any([this.#stop.signal, late.signal])),
        vendor,
      );
      const told = answer.duration === undefined ? undefined : answer.duration * 1000;
      if (this.#asked.delete(sent))
        this.#count({ audioMs: told ?? sent.audioMs, estimated: told === undefined });
      return answer;
    } catch (error) {
      const known = late.signal.aborted
        ? new AppError("provider.timeout", `${vendor.provider} did not answer in time`)
        : providerError(vendor, error);
      // Whoever is refused is not heard, and pays nothing.
      const isRefused = known.detail["status"] !== undefined;
      if (this.#asked.delete(sent) && !isRefused)
        this.#count({ ...sent, estimated: true, how: "failed" });
      throw known;
    } finally {
      cancel();
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.abort();
    this.#options.on({ type: "failed", error: providerError(this.#options.vendor, error) });
  }

  #count(row: Omit<SttUsage, "provider" | "model">): void {
    const { vendor, model } = this.#options;
    addUsage(this.#usage, { provider: vendor.provider, model, ...row });
  }
}

function answerOf(given: unknown, { provider }: Vendor): Answer {
  const { text, words } = (given ?? {}) as Partial<Answer>;
  if (typeof text === "string" && (words === undefined || Array.isArray(words)))
    return given as Answer;
  throw new AppError("provider.garbled", `${provider}: its answer has no text`);
}
