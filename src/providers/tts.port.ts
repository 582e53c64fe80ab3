import type { AudioFrame } from "../base/audio.ts";

export type TtsEvent =
  | { readonly type: "audio"; readonly frame: AudioFrame }
  /** End of each word of the request's text, in ms of its audio; absent where a voice has none. */
  | { readonly type: "alignment"; readonly wordEndsMs: readonly number[] }
  /** What the vendor counted for this request; several add up. A voice may be silent about it. */
  | { readonly type: "usage"; readonly usage: TtsUsage };

export interface TtsUsage {
  readonly characters?: number;
  readonly inputTokens?: number;
  readonly audioOutTokens?: number;
}

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
  /** All the voices there are; empty of a vendor, whose ids it alone can judge. */
  readonly voices: readonly string[];
  warm(): Promise<void>;
  speak(request: TtsRequest): AsyncIterable<TtsEvent>;
}

/** False where a voice of this name is known not to be there. */
export function takesVoice({ voices }: Pick<Tts, "voices">, name: string): boolean {
  return voices.length === 0 || voices.includes(name);
}

/** False for signs alone: no vendor is asked to say them. */
export function hasWords(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text);
}

/** Characters as vendors count them: code points, not UTF-16 units. */
export function charactersOf(text: string): number {
  return [...text].length;
}
