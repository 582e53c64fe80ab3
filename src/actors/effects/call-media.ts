import type { AudioFrame } from "../../base/audio.ts";
import { frameMs } from "../../base/audio.ts";
import type { Clock } from "../../base/clock.ts";
import type { RoomConnection, Speaker } from "../../media/room.port.ts";
import { SpeakerQueue } from "./playout.ts";
import { LivingVoices } from "./sentence-voice.ts";

/**
 * What the effects of one call share of its room: the connection while there is one, and a tap on
 * each track. Audio stays in here; it never passes through charts or the log.
 */
export class CallMedia {
  /** Who may speak. */
  readonly speakers = new SpeakerQueue();
  /** Which voices it was left with. */
  readonly living = new LivingVoices();
  readonly #taps = new Map<string, TrackTap>();
  /** Tracks on which somebody speaks now. */
  readonly #heard = new Set<string>();
  #speech = new AbortController();
  #connection = Promise.withResolvers<RoomConnection>();
  #speaker: Speaker | undefined;

  /** The connection, once the room was joined. */
  connected(): Promise<RoomConnection> {
    return this.#connection.promise;
  }

  joined(connection: RoomConnection): void {
    this.#connection.resolve(connection);
    this.#speaker = connection.speaker;
  }

  /** The connection is gone; who asks next waits for another. */
  left(): void {
    this.#connection = Promise.withResolvers<RoomConnection>();
    this.#speaker = undefined;
    this.#taps.clear();
  }

  /** The agent's voice in the room it is in. */
  get speaker(): Speaker | undefined {
    return this.#speaker;
  }

  /** Whether somebody speaks now, as the voice detectors hear it. */
  get isHeard(): boolean {
    return this.#heard.size > 0;
  }

  /** Aborts the moment somebody begins to speak. */
  get nextSpeech(): AbortSignal {
    return this.#speech.signal;
  }

  speechStarted(sid: string): void {
    this.#heard.add(sid);
    this.#speech.abort();
    this.#speech = new AbortController();
  }

  speechEnded(sid: string): void {
    this.#heard.delete(sid);
  }

  /** `clock` is the call's: audio time is told on it. */
  async tap(sid: string, clock: Clock): Promise<TrackTap> {
    const connection = await this.connected();
    let tap = this.#taps.get(sid);
    if (!tap) this.#taps.set(sid, (tap = new TrackTap(connection, sid, clock)));
    return tap;
  }
}

/** Frames of one track for several listeners, with the times they have on the call's clock. */
export class TrackTap {
  readonly #listeners = new Set<TapListener>();
  readonly #connection: RoomConnection;
  readonly #sid: string;
  readonly #clock: Clock;
  #subscription: { close(): void } | undefined;
  #nextAt = 0;

  constructor(connection: RoomConnection, sid: string, clock: Clock) {
    this.#connection = connection;
    this.#sid = sid;
    this.#clock = clock;
  }

  listen(listener: TapListener): { close(): void } {
    this.#listeners.add(listener);
    this.#subscription ??= this.#connection.listen(this.#sid, (frame) => this.#push(frame));
    return {
      close: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size > 0) return;
        this.#subscription?.close();
        this.#subscription = undefined;
        this.#nextAt = 0;
      },
    };
  }

  /** The voice detector's word to the other listeners, in clock ms. */
  speechStarted(at: number): void {
    for (const listener of this.#listeners) listener.speechStarted?.(at);
  }
  speechEnded(at: number): void {
    for (const listener of this.#listeners) listener.speechEnded?.(at);
  }

  /**
   * Audio time is the clock's at the first sample and then counted in samples, so it has no jitter.
   */
  #push(frame: AudioFrame): void {
    const ms = frameMs(frame);
    if (this.#nextAt === 0) this.#nextAt = this.#clock.now() - ms;
    const at = this.#nextAt;
    this.#nextAt += ms;
    for (const listener of this.#listeners) listener.frame(frame, at);
  }
}

export interface TapListener {
  /** `at`: clock ms of the frame's first sample. */
  frame(frame: AudioFrame, at: number): void;
  speechStarted?(at: number): void;
  speechEnded?(at: number): void;
}

/** A progress nobody waits for: its effect was stopped, or the call is lost, and both are known. */
export function quietly(progress: Promise<void>): void {
  progress.catch(() => undefined);
}
