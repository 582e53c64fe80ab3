import type { AudioFrame } from "../base/audio.ts";

/**
 * Judges from the sound of what was said, not from its words, whether the speaker has finished.
 * It knows nothing of turns or delays: who asks decides when to ask and what an answer means.
 */
export interface Endpointer extends AsyncDisposable {
  readonly name: string;
  /** The rate it works at; audio of another rate is converted, which costs time. */
  readonly rateHz: number;
  /** How much of the latest audio it wants, in ms; of more, what came first is left out. */
  readonly windowMs: number;
  /**
   * Loads what it needs, so that the first judgement is as quick as the others.
   *
   * Errors: `endpointer.missing` where weights or an optional package are not there (the message
   * names the command that fetches them), `provider.failed` where they cannot be run.
   */
  warm(): Promise<void>;
  /**
   * The probability, 0 to 1, that the speaker has finished, judged from the end of this audio: the
   * turn's audio up to now, with 0.2 to 0.3 s of the silence after the last word. With less, a last
   * word may be unheard; more makes any words sound finished. The samples are copied at once and
   * stay the caller's.
   *
   * Errors: as `warm`; `effect.stopped` as soon as the signal aborts.
   */
  judge(audio: AudioFrame, signal: AbortSignal): Promise<number>;
}
