import type { DueMeasure } from "../events/budget.events.ts";
import type { RoomEvent, Saying } from "../events/room.events.ts";
import type { Send } from "./host-actions.ts";
import { textOf, toTurn, type RoomContext } from "./room.rules.ts";

/** What the room does as a budget of its call runs out. */

/** A farewell is never taken back: whoever was told goodbye is told nothing else. */
export function measureAfter(context: RoomContext, event: RoomEvent): DueMeasure {
  if (event.type !== "budget.changed" || context.measure === "farewell") return context.measure;
  return event.measure;
}

/** What is to be said, and last what is said before the room is left, if there are words for it. */
export function withGoodbye(context: RoomContext): readonly Saying[] {
  const ref = textOf(context, "overBudget") || textOf(context, "farewell");
  return ref === "" ? context.queue : [...context.queue, { ref, pausable: false, after: "leave" }];
}

export function tellOlder({ older, measure }: RoomContext): Send {
  return toTurn(older?.n ?? 0, { type: "measure.changed", measure });
}

export function tellNewer({ newer, measure }: RoomContext): Send {
  return toTurn(newer ?? 0, { type: "measure.changed", measure });
}
