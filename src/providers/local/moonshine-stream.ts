import { samplesOf } from "../../base/audio.ts";
import type { AudioFrame } from "../../base/audio.ts";
import { LIMITS } from "../../base/limits.ts";
import type { SttEvent, SttStream, SttUsage } from "../stt.port.ts";
import { AudioTail } from "../audio-tail.ts";
import { SpeechLevel } from "./speech-level.ts";
import { StreamResampler } from "../stream-resampler.ts";
import { spreadWords } from "../word-times.ts";
import { joinTranscripts } from "./transcript-text.ts";

/**
 * Turns a recognizer of whole utterances into a stream: the voice detector gives the ranges, and
 * the open range is decoded again and again. All times count samples; nothing reads a clock.
 *
 * I1 finals come in the order of their ranges, one for each, with text "" where nothing was heard.
 * I2 no interim of a range comes after its final.
 * I3 no decode is longer than the model can take: a long range is cut where it is quietest.
 */
export const PAD_BEFORE_MS = 200;
export const PAD_AFTER_MS = 300;
const RATE_HZ = 16_000;
/** Audio before the detected start that is decoded too: detectors miss soft first sounds. */
const PRE_ROLL = at(300);
/** Audio kept while nobody speaks; a start may be reported this late. */
const IDLE_KEPT = at(2_000);
const FIRST_INTERIM = at(350);
const INTERIM_EVERY = at(400);
/** A pause after which the range is decoded in the hope that it was its end. */
const EAGER_PAUSE = at(200);
/** Audio after the detected end that is decoded too. */
const POST_ROLL = at(200);
/** Sound this old means a pause has begun, and an interim would only delay the final. */
const FRESH_SOUND = at(100);
const RANGE_MAX = at(LIMITS.decodeAudioMsMax - PAD_BEFORE_MS - PAD_AFTER_MS);
const CUT_FROM = at(4_500);
const CUT_WINDOW = at(100);
const STABLE_BUT_LAST = 2;

/** Decodes one run of 16 kHz samples; an interim gives way to finals and to newer interims. */
export type Decode = (samples: Int16Array, options: DecodeOptions) => Promise<string>;

export interface DecodeOptions {
  readonly signal: AbortSignal;
  /** Set for an interim: names the stream, of which only the newest one waits. */
  readonly interimOf?: string;
}

interface Range {
  readonly fromMs: number;
  /** First sample not yet in `parts`. */
  start: number;
  nextInterimAt: number;
  /** Parts already cut off, in order. */
  readonly parts: Promise<string>[];
  /** Text of the parts that are decoded, for the interims. */
  partsText: string;
  eager: Eager | undefined;
}

interface Eager {
  readonly until: number;
  /** Where the sound before the pause ended: any later sound makes this decode stale. */
  readonly lastLoudAt: number;
  readonly text: Promise<string>;
  readonly stop: AbortController;
}

export interface MoonshineStreamOptions {
  readonly name: string;
  readonly decode: Decode;
  readonly on: (event: SttEvent) => void;
}

export class MoonshineStream implements SttStream {
  readonly #options: MoonshineStreamOptions;
  readonly #resampler = new StreamResampler(RATE_HZ);
  readonly #tail = new AudioTail();
  readonly #level = new SpeechLevel(RATE_HZ);
  readonly #stop = new AbortController();
  #range: Range | undefined;
  /** End of the last range: the next one's pre-roll stays clear of it. */
  #usedUntil = 0;
  #finals: Promise<void> = Promise.resolve();

  constructor(options: MoonshineStreamOptions) {
    this.#options = options;
  }

  push(frame: AudioFrame): void {
    if (this.#stop.signal.aborted) return;
    const samples = this.#resampler.push(frame);
    this.#tail.push(samples);
    this.#level.push(samples, this.#range !== undefined);
    const range = this.#range;
    if (!range) return this.#tail.dropBefore(this.#tail.to - IDLE_KEPT);
    this.#cutLong(range);
    this.#tail.dropBefore(range.start);
    this.#decodeEarly(range);
    this.#decodeInterim(range);
  }

  speechStarted(fromMs: number): void {
    if (this.#range) return;
    const from = at(fromMs);
    this.#range = {
      fromMs,
      start: Math.max(0, this.#usedUntil, from - PRE_ROLL),
      nextInterimAt: from + FIRST_INTERIM,
      parts: [],
      partsText: "",
      eager: undefined,
    };
  }

  speechEnded(toMs: number): void {
    const range = this.#range;
    if (!range) return;
    this.#range = undefined;
    const to = at(toMs);
    this.#usedUntil = Math.min(to, this.#tail.to);
    const last = this.#isUsable(range.eager, to)
      ? range.eager.text
      : this.#decodeFinal(range.start, Math.min(this.#tail.to, to + POST_ROLL), this.#stop.signal);
    const parts = Promise.all([...range.parts, last]);
    this.#finals = this.#finals.then(async () => this.#emitFinal(range.fromMs, toMs, await parts));
  }

  async finish(): Promise<readonly SttUsage[]> {
    if (this.#range) this.speechEnded((this.#tail.to * 1000) / RATE_HZ);
    await this.#finals;
    return this.abort();
  }

  abort(): readonly SttUsage[] {
    this.#range?.eager?.stop.abort();
    this.#range = undefined;
    this.#stop.abort();
    const audioMs = Math.round((this.#tail.to * 1000) / RATE_HZ);
    return [{ provider: "local", model: "moonshine-tiny-en", audioMs }];
  }

  #emitFinal(fromMs: number, toMs: number, parts: readonly string[]): void {
    if (this.#stop.signal.aborted) return;
    const text = joinTranscripts(parts);
    this.#options.on({ type: "final", fromMs, toMs, text, words: spreadWords(text, fromMs, toMs) });
  }

  /** An early decode holds only if nothing was heard after it. */
  #isUsable(eager: Eager | undefined, to: number): eager is Eager {
    if (eager && to <= eager.until && this.#level.lastLoudAt <= eager.lastLoudAt) return true;
    eager?.stop.abort();
    return false;
  }

  /** Starts the final before the detector has made up its mind: it saves the decode time. */
  #decodeEarly(range: Range): void {
    const { lastLoudAt } = this.#level;
    const { eager } = range;
    const until = this.#tail.to;
    if (eager && lastLoudAt > eager.lastLoudAt) {
      eager.stop.abort();
      range.eager = undefined;
    }
    if (range.eager || until - lastLoudAt < EAGER_PAUSE || lastLoudAt <= range.start) return;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
    range.eager = { until, lastLoudAt, stop, text: this.#decodeFinal(range.start, until, signal) };
  }

  #decodeInterim(range: Range): void {
    const to = this.#tail.to;
    if (to < range.nextInterimAt || to - this.#level.lastLoudAt > FRESH_SOUND) return;
    range.nextInterimAt = to + INTERIM_EVERY;
    const samples = this.#tail.slice(range.start, to);
    const toMs = Math.round((to * 1000) / RATE_HZ);
    void this.#options
      .decode(samples, { signal: this.#stop.signal, interimOf: this.#options.name })
      // An interim that is dropped or fails is no loss: the next one holds its words too.
      .catch(() => "")
      .then((last) => {
        if (this.#range !== range || last === "") return;
        const text = joinTranscripts([range.partsText, last]);
        const stableWords = Math.max(0, text.split(/\s+/).length - STABLE_BUT_LAST);
        this.#options.on({ type: "interim", fromMs: range.fromMs, toMs, text, stableWords });
      });
  }

  /** The recognizer makes itself anew after a failure, so one more try is worth it. */
  async #decodeFinal(from: number, to: number, signal: AbortSignal): Promise<string> {
    const samples = this.#tail.slice(from, to);
    const once = (): Promise<string> => this.#options.decode(samples, { signal });
    return once()
      .catch(() => (signal.aborted ? "" : once()))
      .catch(() => "");
  }

  /** Cuts off what one decode can take, and decodes it while the speech goes on. */
  #cutLong(range: Range): void {
    while (this.#tail.to - range.start > RANGE_MAX) {
      const cut = range.start + this.#quietestIn(range.start + CUT_FROM, range.start + RANGE_MAX);
      range.parts.push(this.#decodeFinal(range.start, cut, this.#stop.signal));
      void Promise.all(range.parts).then((texts) => {
        if (texts.length === range.parts.length) range.partsText = joinTranscripts(texts);
      });
      range.start = cut;
      range.eager?.stop.abort();
      range.eager = undefined;
    }
  }

  /** Middle of the quietest tenth of a second, counted from the range's start. */
  #quietestIn(from: number, to: number): number {
    const samples = this.#tail.slice(from, to);
    const hop = CUT_WINDOW / 2;
    let best = { at: 0, energy: Number.POSITIVE_INFINITY };
    for (let start = 0; start + CUT_WINDOW <= samples.length; start += hop) {
      let energy = 0;
      for (const sample of samples.subarray(start, start + CUT_WINDOW)) energy += sample * sample;
      if (energy < best.energy) best = { at: start, energy };
    }
    return CUT_FROM + best.at + hop;
  }
}

function at(ms: number): number {
  return samplesOf(ms, RATE_HZ);
}
