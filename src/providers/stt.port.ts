import type { AudioFrame } from "../base/audio.ts";

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
  /** The provider's own word that the speaker has finished, and how sure it is (0 to 1). */
  | { readonly type: "endOfTurn"; readonly toMs: number; readonly p: number }
  /** The connection was lost or came back; audio is kept by the caller meanwhile. */
  | { readonly type: "down" }
  | { readonly type: "up" };

export interface SttUsage {
  readonly provider: string;
  readonly model: string;
  /** Audio that was sent, and how long the stream was open. */
  readonly audioMs: number;
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

export interface SttStream {
  push(frame: AudioFrame): void;
  /** The voice detector's word, for engines without one of their own. Audio time in ms. */
  speechStarted(fromMs: number): void;
  speechEnded(toMs: number): void;
  /** Flushes what was said, gives its last final, and ends. */
  finish(): Promise<SttUsage>;
  /** Ends at once. */
  abort(): SttUsage;
}
