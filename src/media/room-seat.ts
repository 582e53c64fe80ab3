import type { AudioFrame } from "../base/audio.ts";
import type { RoomEvent } from "./room.port.ts";

/** What every connection to a room has: who is told, who listens to which track, and an end. */
export abstract class RoomSeat {
  readonly #on: (event: RoomEvent) => void;
  readonly #listeners = new Map<string, (frame: AudioFrame) => void>();
  #gone = false;

  constructor(on: (event: RoomEvent) => void) {
    this.#on = on;
  }

  get gone(): boolean {
    return this.#gone;
  }

  tell(event: RoomEvent): void {
    if (!this.#gone) this.#on(event);
  }

  hear(sid: string, frame: AudioFrame): void {
    this.#listeners.get(sid)?.(frame);
  }

  listen(sid: string, on: (frame: AudioFrame) => void): { close(): void } {
    this.#listeners.set(sid, on);
    return { close: () => void this.#listeners.delete(sid) };
  }

  /** True the first time: from here on nothing is told and nothing is heard. */
  protected close(): boolean {
    const first = !this.#gone;
    this.#gone = true;
    this.#listeners.clear();
    return first;
  }
}
