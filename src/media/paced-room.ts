import { samplesOf, type AudioFrame } from "../base/audio.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";
import { PacedSpeaker, type SpeakerSink } from "./paced-speaker.ts";
import { RoomSeat } from "./room-seat.ts";
import type { JoinOptions, RoomConnection, RoomEvent, RoomMedia, RoomText } from "./room.port.ts";

/**
 * A room of this process, paced by a clock: callers are given sound to say, the agent's speaker
 * plays by the same clock. On the system clock it carries WAV callers in real time, on a simulated
 * one whole calls in no time. A caller's sound never has gaps: where nobody speaks it is silence.
 */
export interface PacedRoomOptions {
  readonly clock: Clock;
  readonly rateHz: number;
  /** Length of a frame of silence; frames of speech are `LIMITS.frameMs`. */
  readonly silenceFrameMs: number;
  /** Every piece of sound of either side, with the clock time of its first sample. */
  readonly onCaller?: (identity: string, frame: AudioFrame, at: number) => void;
  readonly onAgent?: SpeakerSink;
  /** What the agent shows: captions, chat, attributes. */
  readonly onText?: (text: RoomText) => void;
  readonly onAttribute?: (name: string, value: string) => void;
}

interface Caller {
  readonly identity: string;
  readonly name: string;
  /** Undefined for a caller who only types. */
  readonly sid: string | undefined;
  voice: Voice | undefined;
  /** Until when its sound was delivered. */
  deliveredTo: number;
  next: Cancel;
}

interface Voice {
  readonly samples: Int16Array;
  at: number;
  readonly said: () => void;
}

export class PacedRoom implements RoomMedia {
  readonly #options: PacedRoomOptions;
  readonly #callers = new Map<string, Caller>();
  readonly #connections = new Set<Connection>();

  constructor(options: PacedRoomOptions) {
    this.#options = options;
  }

  join({ on, signal }: JoinOptions): Promise<RoomConnection> {
    const forget = (gone: Connection): void => void this.#connections.delete(gone);
    const connection = new Connection(on, this.#options, forget);
    this.#connections.add(connection);
    signal.addEventListener("abort", () => void connection.leave(), { once: true });
    for (const caller of this.#callers.values()) announce(caller, connection);
    return Promise.resolve(connection);
  }

  enter(identity: string, more: { name?: string; speaks?: boolean } = {}): void {
    const { name = identity, speaks = true } = more;
    const sid = speaks ? `TR_${identity}` : undefined;
    const deliveredTo = this.#options.clock.now();
    const next = (): void => undefined;
    const caller: Caller = { identity, name, sid, voice: undefined, deliveredTo, next };
    this.#callers.set(identity, caller);
    for (const connection of this.#connections) announce(caller, connection);
    if (speaks) this.#schedule(caller);
  }

  leave(identity: string): void {
    const caller = this.#callers.get(identity);
    if (!caller) return;
    caller.next();
    this.#callers.delete(identity);
    if (caller.sid) this.tellAll({ type: "track.unpublished", sid: caller.sid });
    this.tellAll({ type: "participant.left", identity });
  }

  /** Says something now, cutting short what was being said. Resolves when it has been said. */
  speak(identity: string, samples: Int16Array): Promise<void> {
    const caller = this.#callers.get(identity);
    if (!caller) return Promise.resolve();
    this.#deliver(caller);
    caller.voice?.said();
    const { promise, resolve } = Promise.withResolvers<void>();
    caller.voice = { samples, at: 0, said: resolve };
    this.#schedule(caller);
    return promise;
  }

  type(identity: string, text: string): void {
    this.tellAll({ type: "text.received", identity, text });
  }

  /** Something the room says to every agent in it. */
  tellAll(event: RoomEvent): void {
    for (const connection of this.#connections) connection.tell(event);
  }

  /** Arms the next frame: short ones while somebody speaks, so that nothing is late. */
  #schedule(caller: Caller): void {
    caller.next();
    const { clock, rateHz, silenceFrameMs } = this.#options;
    const { voice } = caller;
    const left = voice && ((voice.samples.length - voice.at) * 1000) / rateHz;
    const wait = left === undefined ? silenceFrameMs : Math.min(LIMITS.frameMs, left);
    const due = caller.deliveredTo + wait - clock.now();
    caller.next = clock.after(due, () => {
      this.#deliver(caller);
      this.#schedule(caller);
    });
  }

  /** Hands over the sound since the last frame. */
  #deliver(caller: Caller): void {
    const { clock, rateHz, onCaller } = this.#options;
    const count = samplesOf(clock.now() - caller.deliveredTo, rateHz);
    if (count <= 0) return;
    const startedAt = caller.deliveredTo;
    const samples = new Int16Array(count);
    const { voice } = caller;
    if (voice) {
      samples.set(voice.samples.subarray(voice.at, voice.at + count));
      voice.at += count;
    }
    caller.deliveredTo += (count * 1000) / rateHz;
    const frame = { samples, rateHz };
    for (const connection of this.#connections) connection.hear(caller.sid ?? "", frame);
    onCaller?.(caller.identity, frame, startedAt);
    if (!voice || voice.at < voice.samples.length) return;
    caller.voice = undefined;
    voice.said();
  }
}

function announce({ identity, name, sid }: Caller, connection: Connection): void {
  connection.tell({ type: "participant.joined", identity, name });
  if (sid) connection.tell({ type: "track.published", sid, identity, kind: "audio" });
}

class Connection extends RoomSeat implements RoomConnection {
  readonly speaker: PacedSpeaker;
  readonly #options: PacedRoomOptions;
  readonly #forget: (connection: Connection) => void;

  constructor(
    on: (event: RoomEvent) => void,
    options: PacedRoomOptions,
    forget: (connection: Connection) => void,
  ) {
    super(on);
    this.#options = options;
    this.#forget = forget;
    this.speaker = new PacedSpeaker({
      rateHz: options.rateHz,
      clock: options.clock,
      aheadMs: LIMITS.playoutAheadMs,
      sink: (frame, at) => options.onAgent?.(frame, at),
    });
  }

  sendText(text: RoomText): void {
    if (!this.gone) this.#options.onText?.(text);
  }

  setAttribute(name: string, value: string): void {
    if (!this.gone) this.#options.onAttribute?.(name, value);
  }

  leave(): Promise<void> {
    if (this.close()) this.speaker.clear();
    this.#forget(this);
    return Promise.resolve();
  }
}
