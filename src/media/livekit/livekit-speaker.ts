import {
  AudioFrame as RtcFrame,
  LocalAudioTrack,
  TrackPublishOptions,
  TrackSource,
  type AudioSource,
  type LocalTrackPublication,
  type Room,
} from "@livekit/rtc-node";
import { frameMs, type AudioFrame } from "../../base/audio.ts";
import { sleep, type Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";
import { PacedSpeaker } from "../paced-speaker.ts";
import type { Speaker } from "../room.port.ts";
import { giveSource, takeSource } from "./rtc-inside.ts";

export interface SpeakerOptions {
  readonly rateHz: number;
  readonly clock: Clock;
  readonly onDrop: (what: string, ms: number) => void;
}

/** The native queue takes so many times of what we let be ahead: it never makes a writer wait. */
const QUEUE_TIMES = 4;

/**
 * The agent's voice in a room. The native source takes 10 ms of its queue every 10 ms and keeps
 * time by itself, so frames are handed over at once and `write` waits while `roomAheadMs` of
 * them are ahead.
 *
 * M1: `clear` empties the native queue within the call. M2: the position is what has left that
 * queue, by the clock it is emptied by; what encoder and network add is not in it. M4: the first
 * frame waits until somebody has subscribed, for at most `firstListenerMs`; sound before that is
 * lost. The track stays as it is while the agent is quiet. Measured: that costs 1.4 % of a core
 * more than a joined room, and to mute it would save most of that; but sound that begins with the
 * unmute loses its first 50 to 60 ms, and with one 300 ms ahead of it still comes 90 ms later.
 */
export class LiveKitSpeaker implements Speaker {
  readonly rateHz: number;
  readonly #clock: Clock;
  readonly #onDrop: SpeakerOptions["onDrop"];
  readonly #pace: PacedSpeaker;
  readonly #source: AudioSource;
  readonly #track: LocalAudioTrack;
  readonly #listened = new AbortController();
  #publication: LocalTrackPublication | undefined;
  #cleared = new AbortController();
  /** Of a frame that waits for the first listener. */
  #heldMs = 0;
  #closed = false;
  /**
   * Half of a packet may have left the queue; the source would complete it with silence only 100 ms
   * later, and 10 ms of what was cut would be heard then.
   */
  readonly #flush: AudioFrame;

  constructor({ rateHz, clock, onDrop }: SpeakerOptions) {
    this.rateHz = rateHz;
    this.#clock = clock;
    this.#onDrop = onDrop;
    const aheadMs = LIMITS.roomAheadMs;
    this.#pace = new PacedSpeaker({ rateHz, clock, aheadMs, sink: () => undefined });
    this.#source = takeSource(rateHz, QUEUE_TIMES * aheadMs);
    this.#flush = { samples: new Int16Array(rateHz / 100), rateHz };
    this.#track = LocalAudioTrack.createAudioTrack("agent", this.#source);
  }

  /** Of the published track; it changes when the room is joined anew below us. */
  get sid(): string | undefined {
    return this.#publication?.sid;
  }

  get playedMs(): number {
    return this.#pace.playedMs;
  }

  get queuedMs(): number {
    return this.#pace.queuedMs + this.#heldMs;
  }

  async publish(room: Room): Promise<void> {
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    this.#publication = await room.localParticipant!.publishTrack(this.#track, options);
    void this.#publication.waitForSubscription().then(() => this.#listened.abort());
  }

  async write(frame: AudioFrame): Promise<void> {
    const { signal } = this.#cleared;
    if (!this.#listened.signal.aborted) await this.#hold(frameMs(frame), signal);
    if (signal.aborted || this.#closed) return;
    this.#capture(frame);
    await this.#pace.write(frame);
  }

  clear(): void {
    if (!this.#closed) this.#source.clearQueue();
    if (!this.#closed && this.#pace.queuedMs > 0) this.#capture(this.#flush);
    this.#pace.clear();
    this.#cleared.abort();
    this.#cleared = new AbortController();
  }

  async drained(): Promise<void> {
    while (this.queuedMs > 0) {
      if (this.#heldMs > 0) await sleep(this.#clock, LIMITS.frameMs, this.#cleared.signal);
      else await this.#pace.drained();
    }
  }

  /** `thrownOut`: see `giveSource`. */
  async close(thrownOut: boolean): Promise<void> {
    if (this.#closed) return;
    this.clear();
    this.#closed = true;
    this.#listened.abort();
    await this.#track.close(false);
    await giveSource(this.#source, thrownOut);
  }

  async #hold(ms: number, cleared: AbortSignal): Promise<void> {
    this.#heldMs += ms;
    const either = AbortSignal.any([this.#listened.signal, cleared]);
    await sleep(this.#clock, LIMITS.firstListenerMs, either);
    this.#heldMs -= ms;
    // Nobody came to listen: it is said all the same, and the next frame need not wait.
    if (!cleared.aborted) this.#listened.abort();
  }

  #capture({ samples, rateHz }: AudioFrame): void {
    // The library sends the whole buffer that samples lie in.
    const own = samples.byteLength === samples.buffer.byteLength ? samples : samples.slice();
    this.#source
      .captureFrame(new RtcFrame(own, rateHz, 1, own.length))
      .catch(() => this.#onDrop("voice", (own.length * 1000) / rateHz));
  }
}
