import { frameMs, samplesOf, type AudioFrame } from "../base/audio.ts";
import { LIMITS } from "../base/limits.ts";
import type { SttStream } from "./stt.port.ts";

/**
 * The audio whose words are still owed, with the voice detector's hints about it: what a new
 * connection is sent. A final settles all before its end. While nobody speaks only the newest
 * audio is kept, as a detector tells of speech a little late. All times are the track's audio time.
 */
const IDLE_MS = 2_000;
/** A detected start is late by up to this. */
const PRE_ROLL_MS = 300;
/** A final that ends this much before the speech has all its words. */
const END_SLACK_MS = 400;
/**
 * Audio after the end of speech at which nobody waits for its words any more: it had none. By then
 * a provider that owes them has failed.
 */
const SETTLE_MS = LIMITS.sttFinishMsMax + 2_000;

interface Piece {
  readonly frame: AudioFrame;
  readonly fromMs: number;
}

interface Hint {
  readonly isStart: boolean;
  readonly at: number;
  /** Audio that had come when it was given. */
  readonly given: number;
}

export class KeptAudio {
  #pieces: Piece[] = [];
  #hints: Hint[] = [];
  #fromMs = 0;
  #toMs = 0;
  /** Start of the speech that was going on where the kept audio begins. */
  #openAtFrom: number | undefined;
  #speech: { readonly fromMs: number; readonly toMs: number | undefined } | undefined;
  #owedFrom: number | undefined;
  #settlesAt: number | undefined;
  /** Nobody hears it now, so nothing settles by itself. */
  #isHeld = false;

  get fromMs(): number {
    return this.#fromMs;
  }

  get toMs(): number {
    return this.#toMs;
  }

  /** Words are owed, as far as anybody knows. */
  get isOwed(): boolean {
    return this.#owedFrom !== undefined;
  }

  push(frame: AudioFrame): void {
    // A copy: the caller may use its buffer again.
    const copy = { samples: frame.samples.slice(), rateHz: frame.rateHz };
    this.#pieces.push({ frame: copy, fromMs: this.#toMs });
    this.#toMs += frameMs(frame);
    if (!this.#isHeld && this.#settlesAt !== undefined && this.#toMs > this.#settlesAt)
      this.#settle();
    // Without any hint nobody knows where there is speech.
    const isIdle = this.#owedFrom === undefined && this.#speech !== undefined;
    this.#drop(this.#toMs - (isIdle ? IDLE_MS : LIMITS.resendAudioMsMax));
  }

  speechStarted(at: number): void {
    this.#hints.push({ isStart: true, at, given: this.#toMs });
    this.#speech = { fromMs: at, toMs: undefined };
    this.#owedFrom ??= at - PRE_ROLL_MS;
    this.#settlesAt = undefined;
  }

  speechEnded(at: number): void {
    this.#hints.push({ isStart: false, at, given: this.#toMs });
    this.#speech = { fromMs: this.#speech?.fromMs ?? at, toMs: at };
    this.#settlesAt = this.#toMs + SETTLE_MS;
    this.#dropHints();
  }

  interim(fromMs: number): void {
    this.#owedFrom = Math.min(this.#owedFrom ?? fromMs, fromMs);
    if (!this.#isSpeech) this.#settlesAt = this.#toMs + SETTLE_MS;
  }

  final(toMs: number): void {
    this.#drop(toMs);
    const end = this.#speech?.toMs;
    const hasMore = this.#isSpeech || (end !== undefined && toMs < end - END_SLACK_MS);
    if (hasMore) this.#owedFrom = toMs;
    else this.#settle();
  }

  hold(): void {
    this.#isHeld = true;
  }

  /** Gives all of it to a stream that is new; its time begins with what is kept. */
  replay(stream: SttStream): void {
    this.#isHeld = false;
    if (this.#settlesAt !== undefined) this.#settlesAt = this.#toMs + SETTLE_MS;
    const hints = this.#hints.slice();
    if (this.#openAtFrom !== undefined) stream.speechStarted(0);
    const giveUntil = (toMs: number): void => {
      while (hints[0] && hints[0].given <= toMs) this.#give(hints.shift()!, stream);
    };
    for (const { frame, fromMs } of this.#pieces) {
      giveUntil(fromMs);
      stream.push(frame);
    }
    giveUntil(this.#toMs);
  }

  #give({ isStart, at }: Hint, stream: SttStream): void {
    const ms = Math.max(0, at - this.#fromMs);
    if (isStart) stream.speechStarted(ms);
    else stream.speechEnded(ms);
  }

  get #isSpeech(): boolean {
    return this.#speech !== undefined && this.#speech.toMs === undefined;
  }

  #settle(): void {
    this.#owedFrom = undefined;
    this.#settlesAt = undefined;
  }

  /** Forgets all before `ms`, to the sample. */
  #drop(ms: number): void {
    const from = Math.min(ms, this.#toMs);
    if (from <= this.#fromMs) return;
    const whole = this.#pieces.findIndex((piece) => piece.fromMs + frameMs(piece.frame) > from);
    this.#pieces.splice(0, whole < 0 ? this.#pieces.length : whole);
    const first = this.#pieces[0];
    if (first && first.fromMs < from) this.#pieces[0] = tailOf(first, from);
    this.#fromMs = this.#pieces[0]?.fromMs ?? this.#toMs;
    this.#dropHints();
  }

  /** Of those about what is forgotten nothing stays but whether there is speech since. */
  #dropHints(): void {
    while (this.#hints[0] && this.#hints[0].at < this.#fromMs) {
      const { isStart, at } = this.#hints.shift()!;
      this.#openAtFrom = isStart ? at : undefined;
    }
  }
}

function tailOf({ frame, fromMs }: Piece, from: number): Piece {
  const cut = samplesOf(from - fromMs, frame.rateHz);
  const samples = frame.samples.subarray(cut);
  return {
    frame: { samples, rateHz: frame.rateHz },
    fromMs: fromMs + (cut * 1000) / frame.rateHz,
  };
}
