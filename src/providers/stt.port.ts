import type { AudioFrame } from "../base/audio.ts";
import type { AppError, ErrorCode } from "../base/errors.ts";

/** A word with its place in audio time (ms since the stream's first sample). */
export interface TimedWord {
  readonly text: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export type SttEvent =
  /** `stableWords`: how many leading words the provider will not take back. */
  | {
      readonly type: "interim";
      readonly fromMs: number;
      readonly toMs: number;
      readonly text: string;
      readonly stableWords: number;
    }
  | {
      readonly type: "final";
      readonly fromMs: number;
      readonly toMs: number;
      readonly text: string;
      readonly words: readonly TimedWord[];
    }
  /**
   * The provider's own word on whether the speaker has finished, and how sure it is (0 to 1):
   * `eager` may be followed by `resumed`, `ended` is its last word on it.
   */
  | {
      readonly type: "endOfTurn";
      readonly toMs: number;
      readonly p: number;
      readonly how: "eager" | "resumed" | "ended";
    }
  /** Told once, by a stream of one connection: it is lost, and nothing more comes of it. */
  | { readonly type: "failed"; readonly error: AppError }
  /** Of a stream that mends itself: the words stand still until `up`; no audio is lost. */
  | { readonly type: "down" }
  /** Its connection is there, for the first time or again; of one without any, at once. */
  | { readonly type: "up" }
  /** It tries again in `waitMs`; `of` is `provider/model`, `attempt` 2 the first new one. */
  | {
      readonly type: "retried";
      readonly of: string;
      readonly attempt: number;
      readonly why: ErrorCode;
      readonly waitMs: number;
      readonly error: AppError;
    }
  /** Another provider goes on; both are `provider/model`. */
  | {
      readonly type: "switched";
      readonly from: string;
      readonly to: string;
      readonly why: ErrorCode;
      readonly error: AppError;
    };

/** What connections or requests of one kind took together; ms. */
export interface SttUsage {
  readonly provider: string;
  readonly model: string;
  /** Audio that was sent: what is sent again is in it again. */
  readonly audioMs: number;
  /** How long connections were open, of those that have one. */
  readonly connectionMs?: number;
  /** The provider has not said how much it was, and the count is ours. */
  readonly estimated?: boolean;
  /** Which try at this model it was for, where it was not the first. */
  readonly attempt?: number;
  /** What became of it, where it was not done. */
  readonly how?: "stopped" | "failed";
}

/** Speech to text: one stream per track. 16-bit PCM of `rateHz`, one channel. */
export interface Stt extends AsyncDisposable {
  readonly provider: string;
  readonly model: string;
  readonly rateHz: number;
  /** Ready before the first frame, so that no call waits for a model to load. */
  warm(): Promise<void>;
  open(on: (event: SttEvent) => void): SttStream;
}

/**
 * What is told comes after `open` has returned. Once it has failed, it takes what it is given and
 * tells nothing more.
 */
export interface SttStream {
  push(frame: AudioFrame): void;
  /** The voice detector's word, for engines without one of their own. Audio time in ms. */
  speechStarted(fromMs: number): void;
  speechEnded(toMs: number): void;
  /** Flushes what was said, gives its last final, and ends. */
  finish(): Promise<readonly SttUsage[]>;
  /** Ends at once; what it took so far. */
  abort(): readonly SttUsage[];
}
