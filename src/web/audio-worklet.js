import { Resampler } from "./resampler.js";

/**
 * The page's sound, on the browser's audio thread. The server speaks 16-bit PCM of one rate; what
 * rate the sound card has is this file's matter alone.
 */
const FRAME_MS = 20;

/** Root mean square of samples from -1 to 1. */
function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / Math.max(1, samples.length));
}

/** Microphone in, frames of 20 ms out; silence while muted, so that the track has no gaps. */
class Capture extends AudioWorkletProcessor {
  #resampler;
  #frame;
  #filled = 0;
  #muted = false;

  constructor({ processorOptions: { rateHz } }) {
    super();
    this.#resampler = new Resampler(sampleRate, rateHz);
    this.#frame = new Float32Array((rateHz * FRAME_MS) / 1000);
    this.port.onmessage = ({ data }) => (this.#muted = data.muted);
  }

  process([input]) {
    const heard = this.#muted ? undefined : input[0];
    for (const sample of this.#resampler.push(heard ?? new Float32Array(128))) {
      this.#frame[this.#filled++] = sample;
      if (this.#filled === this.#frame.length) this.#send();
    }
    return true;
  }

  #send() {
    this.#filled = 0;
    const samples = Int16Array.from(this.#frame, (sample) =>
      Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767))),
    );
    const level = levelOf(this.#frame);
    this.port.postMessage({ sound: samples.buffer, level }, [samples.buffer]);
  }
}

/** Before it plays it waits for this much, so that a late frame makes no gap. */
const WAIT_MS = 60;
/** The server sends little ahead; more than this is a fault and dropped. */
const QUEUE_MS_MAX = 2_000;
const REPORT_MS = 50;

/**
 * The agent's frames in, sound out. `clear` drops what is queued before the next block of 128
 * samples. What was played is reported by stream, in ms of the server's sound.
 */
class Playback extends AudioWorkletProcessor {
  #resampler;
  #queue = [];
  #queued = 0;
  #offset = 0;
  #waited = 0;
  #playing = false;
  #stream = 1;
  #played = 0;
  #told = 0;
  #sinceReport = 0;
  #last = 0;
  #energy = 0;

  constructor({ processorOptions: { rateHz } }) {
    super();
    this.#resampler = new Resampler(rateHz, sampleRate);
    this.port.onmessage = ({ data }) => (data.sound ? this.#take(data.sound) : this.#clear(data));
  }

  #take(sound) {
    const samples = Float32Array.from(new Int16Array(sound), (sample) => sample / 32_768);
    const ready = this.#resampler.push(samples);
    if (this.#queued + ready.length > (sampleRate * QUEUE_MS_MAX) / 1000) return;
    this.#queue.push(ready);
    this.#queued += ready.length;
  }

  #clear({ stream }) {
    this.#queue = [];
    this.#queued = 0;
    this.#offset = 0;
    this.#playing = false;
    this.#resampler.reset();
    this.#stream = stream;
    this.#played = 0;
    this.#told = 0;
  }

  process(_, [[out]]) {
    if (!this.#playing && this.#queued > 0) {
      this.#waited += out.length;
      this.#playing = this.#waited >= (sampleRate * WAIT_MS) / 1000;
    }
    const count = this.#playing ? Math.min(out.length, this.#queued) : 0;
    for (let i = 0; i < count; i++) out[i] = this.#last = this.#next();
    // What ends in the middle of a wave fades out within a millisecond: a click is no silence.
    for (let i = count; i < out.length; i++) out[i] = this.#last *= 0.9;
    if (this.#queued === 0) {
      this.#playing = false;
      this.#waited = 0;
    }
    this.#played += count;
    this.#report(out);
    return true;
  }

  #next() {
    const piece = this.#queue[0];
    const sample = piece[this.#offset++];
    this.#queued--;
    if (this.#offset === piece.length) {
      this.#queue.shift();
      this.#offset = 0;
    }
    return sample;
  }

  #report(out) {
    this.#energy = Math.max(this.#energy, levelOf(out));
    this.#sinceReport += out.length;
    if (this.#sinceReport < (sampleRate * REPORT_MS) / 1000) return;
    this.#sinceReport = 0;
    const ms = (this.#played * 1000) / sampleRate;
    const isNew = this.#played !== this.#told;
    this.port.postMessage({ stream: this.#stream, ms, isNew, level: this.#energy });
    this.#told = this.#played;
    this.#energy = 0;
  }
}

registerProcessor("capture", Capture);
registerProcessor("playback", Playback);
