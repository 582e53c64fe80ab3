import { requestIdOf, type UsageEvent } from "../events/usage.events.ts";
import type { Allotment } from "../ledger/allotment.ts";
import type { SliceCosts } from "./slice-costs.ts";

/** What lasts is held for so long beyond what is known of it. */
const LASTING_MS = 60_000;
/** What costs by the time it lasts. */
const LASTING: readonly string[] = ["stt", "room", "compute"];

/** Connections and the like: each is held for a while ahead, from its beginning to its end. */
export class LastingSlices {
  readonly #allotment: Allotment;
  readonly #costs: SliceCosts;
  readonly #open = new Map<string, UsageEvent>();

  constructor(allotment: Allotment, costs: SliceCosts) {
    this.#allotment = allotment;
    this.#costs = costs;
  }

  /** What a log tells of one. */
  tell(event: UsageEvent, nowMs: number): void {
    if (!LASTING.includes(event.service)) return;
    const id = requestIdOf(event);
    if (event.kind !== "closed") {
      this.#open.set(id, event);
      return this.#hold(id, event, nowMs);
    }
    this.#open.delete(id);
    this.#allotment.drop(id);
  }

  /** Time goes by while nothing is told. */
  look(nowMs: number): void {
    for (const [id, event] of this.#open) this.#hold(id, event, nowMs);
  }

  #hold(id: string, event: UsageEvent, nowMs: number): void {
    const ms = Math.max(0, nowMs - event.observedAt) + LASTING_MS;
    this.#allotment.hold(id, this.#costs.lasting(event, ms));
  }
}
