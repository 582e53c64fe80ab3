import { samplesOf, type AudioFrame } from "../../base/audio.ts";
import type { Clock } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";
import { PacedSpeaker } from "../paced-speaker.ts";
import type { JoinOptions, RoomConnection, RoomEvent, RoomMedia } from "../room.port.ts";

/**
 * A room on virtual time. Its "sound" carries meaning instead of waves: every sample of an utterance
 * is the utterance's number, which the scripted voice detector and speech-to-text read back. So a
 * simulated call runs through the same pipelines as a real one, at the speed of the machine.
 */
export interface Utterance {
  readonly text: string;
  readonly ms: number;
  /** What speech-to-text says on the way, ms after the onset. Default: the first words at 300. */
  readonly interims?: readonly { readonly afterMs: number; readonly text: string }[];
  /** From the end of speech to the final words; null: they never come. Default 300. */
  readonly finalAfterMs?: number | null;
}

const RATE_HZ = 8_000;
const SPEECH_FRAME_MS = 20;
const SILENCE_FRAME_MS = 100;

interface Caller {
  readonly identity: string;
  readonly name: string;
  readonly sid: string;
  /** The utterance that is being spoken, and when it ends. */
  speaking: { id: number; endsAt: number } | undefined;
  /** Until when its sound was delivered. */
  deliveredTo: number;
}

export class SimulatedRoom implements RoomMedia {
  readonly rateHz = RATE_HZ;
  readonly #clock: Clock;
  readonly #callers = new Map<string, Caller>();
  readonly #utterances: Utterance[] = [];
  readonly #connections = new Set<SimulatedConnection>();
  /** Sound of the agent that has left its speaker. */
  readonly agentSound: { readonly at: number; readonly ms: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join({ on, signal }: JoinOptions): Promise<RoomConnection> {
    const connection = new SimulatedConnection(this, this.#clock, on);
    this.#connections.add(connection);
    signal.addEventListener("abort", () => this.forget(connection), { once: true });
    for (const caller of this.#callers.values()) this.#announce(caller, connection);
    return Promise.resolve(connection);
  }

  enter(identity: string, name = identity): void {
    const caller = { identity, name, sid: `TR_${identity}`, speaking: undefined, deliveredTo: 0 };
    this.#callers.set(identity, caller);
    for (const connection of this.#connections) this.#announce(caller, connection);
  }

  leave(identity: string): void {
    const caller = this.#callers.get(identity);
    if (!caller) return;
    this.#callers.delete(identity);
    this.tellAll({ type: "track.unpublished", sid: caller.sid });
    this.tellAll({ type: "participant.left", identity });
  }

  /** Says something now; while it lasts, another call cuts it short. */
  speak(identity: string, utterance: Utterance): void {
    const caller = this.#callers.get(identity);
    if (!caller) return;
    const id = this.#utterances.push(utterance);
    for (const connection of this.#connections) connection.deliver(caller);
    caller.speaking = { id, endsAt: this.#clock.now() + utterance.ms };
    for (const connection of this.#connections) connection.schedule(caller);
  }

  type(identity: string, text: string): void {
    this.tellAll({ type: "text.received", identity, text });
  }

  /** The utterance a sample stands for; undefined for silence. */
  utteranceOf(sample: number): Utterance | undefined {
    return this.#utterances[sample - 1];
  }

  callerOf(sid: string): Caller | undefined {
    return [...this.#callers.values()].find((caller) => caller.sid === sid);
  }

  /** Something the server says to every connection. */
  tellAll(event: RoomEvent): void {
    for (const connection of [...this.#connections]) connection.tell(event);
  }

  forget(connection: SimulatedConnection): void {
    this.#connections.delete(connection);
  }

  #announce({ identity, name, sid }: Caller, connection: SimulatedConnection): void {
    connection.tell({ type: "participant.joined", identity, name });
    connection.tell({ type: "track.published", sid, identity, kind: "audio" });
  }
}

class SimulatedConnection implements RoomConnection {
  readonly speaker: PacedSpeaker;
  readonly tell: (event: RoomEvent) => void;
  readonly #room: SimulatedRoom;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, { on: (frame: AudioFrame) => void; cancel: () => void }>();
  #gone = false;

  constructor(room: SimulatedRoom, clock: Clock, tell: (event: RoomEvent) => void) {
    this.#room = room;
    this.#clock = clock;
    this.tell = (event) => void (this.#gone || tell(event));
    this.speaker = new PacedSpeaker({
      rateHz: RATE_HZ,
      clock,
      aheadMs: LIMITS.playoutAheadMs,
      sink: ({ samples }, at) =>
        room.agentSound.push({ at, ms: (samples.length * 1000) / RATE_HZ }),
    });
  }

  listen(sid: string, on: (frame: AudioFrame) => void): { close(): void } {
    const caller = this.#room.callerOf(sid);
    this.#listeners.set(sid, { on, cancel: () => undefined });
    if (caller) {
      caller.deliveredTo = this.#clock.now();
      this.schedule(caller);
    }
    return {
      close: () => {
        this.#listeners.get(sid)?.cancel();
        this.#listeners.delete(sid);
      },
    };
  }

  /** Arms the next frame: short ones while somebody speaks, so that nothing is late. */
  schedule(caller: Caller): void {
    const listener = this.#listeners.get(caller.sid);
    if (!listener) return;
    listener.cancel();
    const now = this.#clock.now();
    const speech = caller.speaking && Math.min(SPEECH_FRAME_MS, caller.speaking.endsAt - now);
    listener.cancel = this.#clock.after(speech ?? SILENCE_FRAME_MS, () => {
      this.deliver(caller);
      if (caller.speaking && caller.speaking.endsAt <= this.#clock.now())
        caller.speaking = undefined;
      this.schedule(caller);
    });
  }

  /** Hands over the sound since the last frame. */
  deliver(caller: Caller): void {
    const now = this.#clock.now();
    const count = samplesOf(now - caller.deliveredTo, RATE_HZ);
    caller.deliveredTo = now;
    if (count <= 0 || this.#gone) return;
    const samples = new Int16Array(count).fill(caller.speaking?.id ?? 0);
    this.#listeners.get(caller.sid)?.on({ samples, rateHz: RATE_HZ });
  }

  sendText(): void {}
  setAttribute(): void {}

  leave(): Promise<void> {
    this.#gone = true;
    this.speaker.clear();
    for (const { cancel } of this.#listeners.values()) cancel();
    this.#listeners.clear();
    this.#room.forget(this);
    return Promise.resolve();
  }
}
