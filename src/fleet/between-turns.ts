import type { CallHost } from "../actors/call-host.ts";
import { liveTurns } from "../machines/room.rules.ts";
import { roomOf } from "./call-state.ts";

/**
 * A moment at which another can go on with the call and nobody hears it: no turn is live or about
 * to be, no tool and no hook runs. A call that is being closed has none any more.
 */
export function isBetweenTurns(host: CallHost): boolean {
  if (!host.fold.snapshotOf("room")?.matches({ present: "live" })) return false;
  const room = roomOf(host);
  const { queue, tools, afterTurns } = room;
  return liveTurns(room) === 0 && [queue, tools, afterTurns].every((list) => list.length === 0);
}
