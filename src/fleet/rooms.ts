import { codeOf } from "../base/errors.ts";
import type { Job } from "../broker/jobs.port.ts";
import type { Kv } from "../broker/kv.port.ts";
import { RoomEntry } from "../events/room-entry.events.ts";
import { toToken } from "../events/subjects.ts";

export type Room = Pick<Job, "tenant" | "room">;

/** An entry and the revision it was read at; 0 where there is none. */
export interface Place {
  readonly entry: RoomEntry | undefined;
  readonly revision: number;
}

/** Which call is in which room, and whose it is. Every change is compare-and-set. */
export class Rooms {
  readonly #kv: Kv;

  constructor(kv: Kv) {
    this.#kv = kv;
  }

  async get(room: Room): Promise<Place> {
    const found = await this.#kv.get(keyOf(room));
    // What is no entry is written over, as if it were not there.
    return {
      entry: found && RoomEntry.safeParse(found.value).data,
      revision: found?.revision ?? 0,
    };
  }

  /** Returns the new place. Throws `kv.conflict` where another was first. */
  async put(room: Room, entry: RoomEntry, expect: number): Promise<Place> {
    return { entry, revision: await this.#kv.put(keyOf(room), entry, expect) };
  }

  /** Says who owns the call; false where the room has another, or this one a newer owner. */
  update(room: Room, entry: RoomEntry): Promise<boolean> {
    return this.#change(room, entry, ({ revision }) => this.put(room, entry, revision));
  }

  /** The call has ended; false where the room has another call by now. */
  remove(room: Room, entry: Pick<RoomEntry, "call" | "epoch">): Promise<boolean> {
    return this.#change(room, entry, ({ revision }) => this.#kv.delete(keyOf(room), revision));
  }

  async #change(
    room: Room,
    { call, epoch }: Pick<RoomEntry, "call" | "epoch">,
    change: (place: Place) => Promise<unknown>,
  ): Promise<boolean> {
    for (;;) {
      const place = await this.get(room);
      if (place.entry?.call !== call || place.entry.epoch > epoch) return false;
      try {
        await change(place);
        return true;
      } catch (error) {
        if (codeOf(error) !== "kv.conflict") throw error;
      }
    }
  }
}

function keyOf({ tenant, room }: Room): string {
  return `room.${toToken(tenant)}.${toToken(room)}`;
}
