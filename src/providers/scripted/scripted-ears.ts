import { frameMs, type AudioFrame } from "../../base/audio.ts";
import type { Cancel, Clock } from "../../base/clock.ts";
import type { Stt, SttEvent, SttStream } from "../stt.port.ts";
import type { Vad, VadEvent, VadOptions, VadStream } from "../vad.port.ts";

/** What an utterance's samples stand for; see the simulated room. */
export interface ScriptedUtterance {
  readonly text: string;
  readonly interims?: readonly {
    readonly afterMs: number;
    readonly text: string;
    readonly stable?: number;
  }[];
  readonly finalAfterMs?: number | null;
  readonly drop?: { readonly downAfterMs: number; readonly upAfterMs: number };
}

export type ReadUtterance = (sample: number) => ScriptedUtterance | undefined;

/** Follows a stream of numbered samples: tells when an utterance begins and ends, in audio ms. */
class SpeechReader {
  audioMs = 0;
  #id = 0;
  readonly #started: (id: number, fromMs: number) => void;
  readonly #ended: (id: number, toMs: number) => void;

  constructor(
    started: (id: number, fromMs: number) => void,
    ended: (id: number, toMs: number) => void,
  ) {
    this.#started = started;
    this.#ended = ended;
  }

  push(frame: AudioFrame): void {
    const id = frame.samples[0] ?? 0;
    if (id !== this.#id) {
      if (this.#id !== 0) this.#ended(this.#id, this.audioMs);
      this.#id = id;
      if (id !== 0) this.#started(id, this.audioMs);
    }
    this.audioMs += frameMs(frame);
  }
}

/** Says what the script says, at the instant a real detector would. */
export class ScriptedVad implements Vad {
  readonly name = "scripted";
  readonly rateHz = 8_000;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  warm(): Promise<void> {
    return Promise.resolve();
  }

  open(options: VadOptions, on: (event: VadEvent) => void): VadStream {
    return new ScriptedVadStream(this.#clock, options, on);
  }
}

class ScriptedVadStream implements VadStream {
  readonly #clock: Clock;
  readonly #options: VadOptions;
  readonly #on: (event: VadEvent) => void;
  readonly #reader = new SpeechReader(
    (_, fromMs) => this.#start(fromMs),
    (_, toMs) => this.#stop(toMs),
  );
  #fromMs = 0;
  #speaking = false;
  #pending: Cancel = () => undefined;
  #frameMs = 0;

  constructor(clock: Clock, options: VadOptions, on: (event: VadEvent) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#on = on;
  }

  push(frame: AudioFrame): void {
    this.#frameMs = frameMs(frame);
    this.#reader.push(frame);
  }

  close(): void {
    this.#pending();
  }

  /** The frame that tells of a change has come in whole, so part of the wait is over. */
  #after(ms: number, fn: () => void): void {
    this.#pending();
    this.#pending = this.#clock.after(ms - this.#frameMs, fn);
  }

  #start(fromMs: number): void {
    if (this.#speaking) return this.#pending();
    this.#fromMs = fromMs;
    this.#after(this.#options.minSpeechMs, () => {
      this.#speaking = true;
      this.#on({ type: "started", fromMs });
    });
  }

  #stop(toMs: number): void {
    if (!this.#speaking) return this.#pending();
    const silenceMs = this.#options.minSilenceMs;
    this.#after(silenceMs, () => {
      this.#speaking = false;
      this.#on({ type: "ended", fromMs: this.#fromMs, toMs, silenceMs });
    });
  }
}

/** Writes what the script says, with its delays; understands nothing. */
export class ScriptedStt implements Stt {
  readonly provider = "scripted";
  readonly model = "scripted-stt";
  readonly rateHz = 8_000;
  readonly #clock: Clock;
  readonly #read: ReadUtterance;

  constructor(clock: Clock, read: ReadUtterance) {
    this.#clock = clock;
    this.#read = read;
  }

  warm(): Promise<void> {
    return Promise.resolve();
  }

  open(on: (event: SttEvent) => void): SttStream {
    return new ScriptedSttStream(this.#clock, this.#read, on);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const INTERIM_AFTER_MS = 300;
const FINAL_AFTER_MS = 300;

class ScriptedSttStream implements SttStream {
  readonly #clock: Clock;
  readonly #read: ReadUtterance;
  readonly #on: (event: SttEvent) => void;
  readonly #cancels = new Set<Cancel>();
  readonly #reader = new SpeechReader(
    (id, fromMs) => this.#started(id, fromMs),
    (id, toMs) => this.#ended(id, toMs),
  );
  #fromMs = 0;
  #frameMs = 0;

  constructor(clock: Clock, read: ReadUtterance, on: (event: SttEvent) => void) {
    this.#clock = clock;
    this.#read = read;
    this.#on = on;
  }

  push(frame: AudioFrame): void {
    this.#frameMs = frameMs(frame);
    this.#reader.push(frame);
  }

  speechStarted(): void {}
  speechEnded(): void {}

  finish() {
    return Promise.resolve(this.abort());
  }

  abort() {
    for (const cancel of this.#cancels) cancel();
    return [{ provider: "scripted", model: "scripted-stt", audioMs: this.#reader.audioMs }];
  }

  #started(id: number, fromMs: number): void {
    this.#fromMs = fromMs;
    const utterance = this.#read(id);
    if (!utterance || utterance.text === "") return;
    const { drop } = utterance;
    if (drop) this.#after(drop.downAfterMs, () => this.#on({ type: "down" }));
    if (drop) this.#after(drop.upAfterMs, () => this.#on({ type: "up" }));
    const words = utterance.text.split(" ");
    const half = words.slice(0, Math.ceil(words.length / 2)).join(" ");
    const interims = utterance.interims ?? [{ afterMs: INTERIM_AFTER_MS, text: half }];
    for (const { afterMs, text, stable } of interims)
      this.#after(afterMs, () => {
        const stableWords = stable ?? text.split(" ").length;
        this.#on({ type: "interim", fromMs, toMs: fromMs + afterMs, text, stableWords });
      });
  }

  #ended(id: number, toMs: number): void {
    const { text = "", finalAfterMs = FINAL_AFTER_MS } = this.#read(id) ?? {};
    if (text === "" || finalAfterMs === null) return;
    const fromMs = this.#fromMs;
    this.#after(finalAfterMs, () => this.#on({ type: "final", fromMs, toMs, text, words: [] }));
  }

  #after(ms: number, fn: () => void): void {
    const cancel = this.#clock.after(ms - this.#frameMs, () => {
      this.#cancels.delete(cancel);
      fn();
    });
    this.#cancels.add(cancel);
  }
}
