import type { AudioFrame } from "../base/audio.ts";

/**
 * A participant who sits in a browser: what the wire (a WebSocket) says to the room, and what the
 * room says to the page. Neither side knows the other's format.
 */
export interface BrowserRooms {
  /** Takes the one seat of a call's room; who sat there is sent away as `replaced`. */
  enter(call: string, guest: Guest, page: Page): Seat;
  /** The call is over: its room is forgotten and its page told. */
  close(call: string): void;
}

export interface Guest {
  readonly identity: string;
  readonly name: string;
  /** False for one who only types: no microphone, or nobody to understand it. */
  readonly speaks: boolean;
}

/** What the room asks of the page. Nothing here waits, and nothing throws. */
export interface Page {
  /** The agent's next sound. */
  play(frame: AudioFrame): void;
  /** M1: drop at once what has not been played; what comes after this is stream `stream`. */
  clear(stream: number): void;
  /** This page has no part in the call any more. */
  dismiss(why: "replaced" | "ended"): void;
}

/** What the page tells the room. After `leave`, `hangUp` or `dismiss` all of it is ignored. */
export interface Seat {
  /** Number of the stream that is played now. */
  readonly stream: number;
  /** Sound of the microphone, of the room's rate. */
  hear(samples: Int16Array): void;
  type(text: string): void;
  /** Of this stream so much has left the page's output. */
  played(stream: number, ms: number): void;
  /** The page is gone; who comes back under the same identity goes on. */
  leave(): void;
  /** The call is over for good. */
  hangUp(): void;
}
