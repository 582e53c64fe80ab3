import type { AudioFrame } from "../base/audio.ts";

export type VadEvent =
  /** Speech since audio `fromMs`: at least `minSpeechMs` ago. */
  | { readonly type: "started"; readonly fromMs: number }
  /** The last speech sample stood at audio `toMs`; `silenceMs` of silence followed it. */
  | {
      readonly type: "ended";
      readonly fromMs: number;
      readonly toMs: number;
      readonly silenceMs: number;
    };

export interface VadOptions {
  readonly minSpeechMs: number;
  readonly minSilenceMs: number;
}

/** Voice activity detection: one stream per track. Times are audio ms since the first sample. */
export interface Vad {
  readonly name: string;
  readonly rateHz: number;
  warm(): Promise<void>;
  open(options: VadOptions, on: (event: VadEvent) => void): VadStream;
}

export interface VadStream {
  push(frame: AudioFrame): void;
  close(): void;
}
