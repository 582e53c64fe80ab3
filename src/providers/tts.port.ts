import type { AudioFrame } from "../base/audio.ts";

export type TtsEvent =
  | { readonly type: "audio"; readonly frame: AudioFrame }
  /** End of each word of the request's text, in ms of its audio; absent where a voice has none. */
  | { readonly type: "alignment"; readonly wordEndsMs: readonly number[] };

export interface TtsRequest {
  readonly text: string;
  readonly voice: string;
  readonly signal: AbortSignal;
}

/** Text to speech. One request is one sentence; its audio streams out as it is made. */
export interface Tts extends AsyncDisposable {
  readonly provider: string;
  readonly model: string;
  readonly rateHz: number;
  readonly voices: readonly string[];
  warm(): Promise<void>;
  speak(request: TtsRequest): AsyncIterable<TtsEvent>;
}
