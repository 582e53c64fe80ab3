import type { CallHost } from "../actors/call-host.ts";
import { liveTurns, type RoomContext } from "../machines/room.rules.ts";

/**
 * A moment at which another can go on with the call and nobody hears it: no turn is live or about
 * to be, no tool and no hook runs. A call that is being closed has none any more.
 */
export function isBetweenTurns({ fold }: CallHost): boolean {
  const room = fold.snapshotOf("room");
  if (!room || !room.matches({ present: "live" })) return false;
  const context = room.context as RoomContext;
  const { queue, tools, afterTurns } = context;
  return liveTurns(context) === 0 && [queue, tools, afterTurns].every((list) => list.length === 0);
}
