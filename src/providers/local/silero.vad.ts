import { createRequire } from "node:module";
import type * as LocalInference from "@livekit/local-inference";
import { AppError } from "../../base/errors.ts";
import type { Vad, VadEvent, VadOptions, VadStream } from "../vad.port.ts";
import type { AudioFrame } from "../../base/audio.ts";
import { StreamResampler } from "../stream-resampler.ts";

/**
 * Silero's voice detector, run on libuv's pool in windows of 32 ms.
 *
 * I1 the windows of one stream are judged in order, one after the other: the model keeps a state.
 * I2 `started` and `ended` alternate, and their times never go back.
 */
const RATE_HZ = 16_000;
const WINDOW = 512;
const WINDOW_MS = (WINDOW * 1000) / RATE_HZ;
/** Silero's own example: speech begins at 0.5 and is over only below 0.35. */
const START_PROBABILITY = 0.5;
const END_PROBABILITY = 0.35;

type Inference = typeof LocalInference;

export function createSilero(): Vad {
  let loaded: Inference | undefined;
  const load = (): Inference => (loaded ??= loadInference());
  return {
    name: "silero",
    rateHz: RATE_HZ,
    warm: async () => {
      load().initVad();
      await load().createVad().predict(new Int16Array(WINDOW));
    },
    open: (options, on) => new SileroStream(load().createVad(), options, on),
  };
}

/** Loaded when first asked for: the package throws at once on a platform it has no binary for. */
function loadInference(): Inference {
  try {
    return createRequire(import.meta.url)("@livekit/local-inference") as Inference;
  } catch (cause) {
    throw new AppError("provider.failed", "no voice detector for this platform", { cause });
  }
}

class SileroStream implements VadStream {
  readonly #model: LocalInference.Vad;
  readonly #gate: SpeechGate;
  readonly #resampler = new StreamResampler(RATE_HZ);
  #window = new Int16Array(WINDOW);
  #filled = 0;
  #queue: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(model: LocalInference.Vad, options: VadOptions, on: (event: VadEvent) => void) {
    this.#model = model;
    this.#gate = new SpeechGate(options, on);
  }

  push(frame: AudioFrame): void {
    if (this.#closed) return;
    const samples = this.#resampler.push(frame);
    for (let at = 0; at < samples.length;) {
      const part = samples.subarray(at, at + WINDOW - this.#filled);
      this.#window.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < WINDOW) break;
      const full = this.#window;
      this.#window = new Int16Array(WINDOW);
      this.#filled = 0;
      this.#queue = this.#queue.then(() => this.#judge(full));
    }
  }

  close(): void {
    this.#closed = true;
  }

  async #judge(window: Int16Array): Promise<void> {
    if (this.#closed) return;
    // A window that fails counts as silence: audio time must go on, and the next may succeed.
    const probability = await this.#model.predict(window).catch(() => 0);
    if (!this.#closed) this.#gate.push(probability);
  }
}

/** From a row of probabilities to speech ranges; pure, so that its edges can be tested alone. */
export class SpeechGate {
  readonly #options: VadOptions;
  readonly #on: (event: VadEvent) => void;
  #nowMs = 0;
  /** Start of the run of speech windows, heard enough of or not. */
  #fromMs: number | undefined;
  #started = false;
  /** Start of the silence that may end the range. */
  #silentFromMs: number | undefined;

  constructor(options: VadOptions, on: (event: VadEvent) => void) {
    this.#options = options;
    this.#on = on;
  }

  push(probability: number): void {
    const windowFromMs = this.#nowMs;
    this.#nowMs += WINDOW_MS;
    if (probability >= START_PROBABILITY) {
      this.#fromMs ??= windowFromMs;
      this.#silentFromMs = undefined;
    } else if (probability < END_PROBABILITY && this.#fromMs !== undefined) {
      this.#silentFromMs ??= windowFromMs;
    }
    if (this.#fromMs === undefined) return;
    if (this.#started) this.#maybeEnd(this.#fromMs);
    else this.#maybeStart(this.#fromMs);
  }

  #maybeStart(fromMs: number): void {
    // Before it counts as speech, one silent window is enough to forget it: clicks and thumps.
    if (this.#silentFromMs !== undefined) {
      this.#fromMs = this.#silentFromMs = undefined;
    } else if (this.#nowMs - fromMs >= this.#options.minSpeechMs) {
      this.#started = true;
      this.#on({ type: "started", fromMs });
    }
  }

  #maybeEnd(fromMs: number): void {
    const toMs = this.#silentFromMs;
    if (toMs === undefined || this.#nowMs - toMs < this.#options.minSilenceMs) return;
    this.#started = false;
    this.#fromMs = this.#silentFromMs = undefined;
    this.#on({ type: "ended", fromMs, toMs, silenceMs: this.#nowMs - toMs });
  }
}
