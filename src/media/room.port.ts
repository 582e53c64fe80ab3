import type { AudioFrame } from "../base/audio.ts";

/** What a room tells about itself; every one becomes a logged input of the room actor. */
export type RoomEvent =
  | { readonly type: "participant.joined"; readonly identity: string; readonly name: string }
  | { readonly type: "participant.left"; readonly identity: string }
  | {
      readonly type: "track.published";
      readonly sid: string;
      readonly identity: string;
      readonly kind: "audio" | "screen";
    }
  | { readonly type: "track.unpublished"; readonly sid: string }
  | { readonly type: "text.received"; readonly identity: string; readonly text: string }
  | { readonly type: "reconnecting" }
  | { readonly type: "reconnected" }
  /** `lost`: it may be joined again; else the room, or this agent's place in it, is gone. */
  | { readonly type: "disconnected"; readonly reason: string; readonly lost?: boolean };

export interface RoomMedia {
  /** Joins under a stable identity. Events come after this resolves, present participants first. */
  join(options: JoinOptions): Promise<RoomConnection>;
}

export interface JoinOptions {
  readonly tenant: string;
  readonly room: string;
  readonly identity: string;
  readonly on: (event: RoomEvent) => void;
  readonly signal: AbortSignal;
}

export interface RoomConnection {
  /** Who counts the minutes of those in the room; absent where it costs nothing to be there. */
  readonly provider?: string;
  /** Calls `on` for each frame of a track until closed; gaps are filled with silence. */
  listen(sid: string, on: (frame: AudioFrame) => void): { close(): void };
  /** The agent's voice. One speaker at a time per connection. */
  readonly speaker: Speaker;
  /** Sends words to the participants. Waits for nothing; what cannot be sent is dropped. */
  sendText(text: RoomText): void;
  /** What participants may read of the agent. As `sendText`; the last value counts. */
  setAttribute(name: string, value: string): void;
  leave(): Promise<void>;
}

/** Topics and attributes bear the names that clients of LiveKit rooms look for. */
export type RoomText =
  | { readonly topic: "lk.chat"; readonly text: string }
  | {
      readonly topic: "lk.transcription";
      /** All of the segment so far: a later text of it replaces the earlier one. */
      readonly text: string;
      readonly segment: string;
      readonly final: boolean;
      /** Who said it, and in which track; absent: the agent. */
      readonly of?: { readonly identity: string; readonly sid: string };
    };

/**
 * Plays what is written, in order, at the pace of real time. M1: `clear` empties what is queued at
 * once and returns the position; M2: the position is what has left the output.
 */
export interface Speaker {
  readonly rateHz: number;
  /** Queues a frame of 10-20 ms. Resolves when the queue has room for another. */
  write(frame: AudioFrame): Promise<void>;
  /** Milliseconds played since the speaker was opened; grows only while sound leaves. */
  readonly playedMs: number;
  /** Milliseconds queued and not played. */
  readonly queuedMs: number;
  /** Drops what is queued, at once. */
  clear(): void;
  /** Resolves when all that is queued has been played or cleared. */
  drained(): Promise<void>;
}
