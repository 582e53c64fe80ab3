import type { RoomEvent } from "../events/room.events.ts";
import type { Open, Send } from "./host-actions.ts";
import { isSttDown, toTurn, type RoomContext } from "./room.rules.ts";

/** What the room does about the tracks of those who are there. */
export function openTrack({ settings }: RoomContext, event: RoomEvent): Open {
  const { sid, identity } = event as Extract<RoomEvent, { type: "track.published" }>;
  return { address: `track.${sid}`, machine: "track", input: { sid, identity, settings } };
}

export function sttState(context: RoomContext): Send {
  return toTurn(context.newer ?? 0, { type: "stt.state", down: isSttDown(context) });
}
