import { levelDb, samplesOf } from "../../base/audio.ts";

/**
 * Follows the loudness of a stream to say, within 20 ms, where sound last stood out of the
 * background. Far quicker and far less sure than a voice detector: fit to guess, not to decide.
 */
const WINDOW_MS = 20;
const FLOOR_MIN_DB = -65;
const PEAK_START_DB = -30;
/** How fast the background may seem to rise: quickly while nobody speaks, hardly under speech. */
const IDLE_RISE_DB = 0.4;
const SPEECH_RISE_DB = 0.02;
const PEAK_FALL_DB = 0.05;
/** Sound counts from this share of the way between background and peak, and from 6 dB at least. */
const LOUD_SHARE = 0.35;
const LOUD_DB_MIN = 6;

export class SpeechLevel {
  readonly #window: Int16Array;
  #filled = 0;
  #now = 0;
  #floorDb = FLOOR_MIN_DB;
  #peakDb = PEAK_START_DB;
  #loudRun = 0;
  /** Sample position just after the last sound of at least two windows; 0 before the first. */
  lastLoudAt = 0;

  constructor(rateHz: number) {
    this.#window = new Int16Array(samplesOf(WINDOW_MS, rateHz));
  }

  push(samples: Int16Array, inSpeech: boolean): void {
    for (let at = 0; at < samples.length;) {
      const part = samples.subarray(at, at + this.#window.length - this.#filled);
      this.#window.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled < this.#window.length) return;
      this.#filled = 0;
      this.#judge(levelDb(this.#window), inSpeech);
    }
  }

  #judge(windowDb: number, inSpeech: boolean): void {
    this.#now += this.#window.length;
    const db = Math.max(FLOOR_MIN_DB, windowDb);
    this.#floorDb = Math.min(db, this.#floorDb + (inSpeech ? SPEECH_RISE_DB : IDLE_RISE_DB));
    this.#peakDb = Math.max(db, this.#peakDb - PEAK_FALL_DB);
    const span = LOUD_SHARE * (this.#peakDb - this.#floorDb);
    const loud = db > this.#floorDb + Math.max(LOUD_DB_MIN, span);
    this.#loudRun = loud ? this.#loudRun + 1 : 0;
    if (this.#loudRun >= 2) this.lastLoudAt = this.#now;
  }
}
