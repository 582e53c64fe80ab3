import { frameMs, samplesOf } from "../../base/audio.ts";
import type { Clock } from "../../base/clock.ts";
import { PacedRoom } from "../paced-room.ts";
import type { SpeakerSink } from "../paced-speaker.ts";
import type { RoomText } from "../room.port.ts";

/** What speech-to-text says on the way; `stable`: words it will not take back, default all. */
export interface ScriptedInterim {
  readonly afterMs: number;
  readonly text: string;
  readonly stable?: number;
}

/**
 * A room on virtual time. Its "sound" carries meaning instead of waves: every sample of an
 * utterance is the utterance's number, which the scripted voice detector and speech-to-text read
 * back. So a simulated call runs through the same pipelines as a real one, at the speed of the
 * machine.
 */
export interface Utterance {
  readonly text: string;
  readonly ms: number;
  /** What speech-to-text says on the way, ms after the onset. Default: the first words at 300. */
  readonly interims?: readonly ScriptedInterim[];
  /** From the end of speech to the final words; null: they never come. Default 300. */
  readonly finalAfterMs?: number | null;
  /** When, after the onset, the stream of speech-to-text breaks, and when it is back. */
  readonly drop?: { readonly downAfterMs: number; readonly upAfterMs: number };
}

export const RATE_HZ = 8_000;
const SILENCE_FRAME_MS = 100;

export class SimulatedRoom extends PacedRoom {
  readonly #utterances: Utterance[] = [];
  /** Sound of the agent that has left its speaker. */
  readonly agentSound: { readonly at: number; readonly ms: number }[];
  /** What the agent has shown, with its time. */
  readonly texts: (RoomText & { readonly at: number })[];
  readonly attributes: { readonly at: number; readonly name: string; readonly value: string }[];

  constructor(clock: Clock, onAgent: SpeakerSink = () => undefined) {
    const agentSound: { at: number; ms: number }[] = [];
    const texts: SimulatedRoom["texts"] = [];
    const attributes: SimulatedRoom["attributes"] = [];
    super({
      clock,
      rateHz: RATE_HZ,
      silenceFrameMs: SILENCE_FRAME_MS,
      onAgent: (frame, at) => {
        agentSound.push({ at, ms: frameMs(frame) });
        onAgent(frame, at);
      },
      onText: (text) => texts.push({ at: clock.now(), ...text }),
      onAttribute: (name, value) => attributes.push({ at: clock.now(), name, value }),
    });
    this.agentSound = agentSound;
    this.texts = texts;
    this.attributes = attributes;
  }

  say(identity: string, utterance: Utterance): Promise<void> {
    const id = this.#utterances.push(utterance);
    return this.speak(identity, new Int16Array(samplesOf(utterance.ms, RATE_HZ)).fill(id));
  }

  /** The utterance a sample stands for; undefined for silence. */
  utteranceOf(sample: number): Utterance | undefined {
    return this.#utterances[sample - 1];
  }
}
