import type { Clock } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";
import type { FleetView } from "./fleet-view.ts";

/** Whether anybody else could take a call over now. */
export class Peers {
  readonly #view: FleetView;
  readonly #clock: Clock;
  readonly #self: string;
  /** When calls went to somebody whose heartbeat has not counted them yet. */
  #given: readonly number[] = [];

  constructor(view: FleetView, clock: Clock, self: string) {
    this.#view = view;
    this.#clock = clock;
    this.#self = self;
  }

  /** Calls the others have room for, as far as it is known. */
  get free(): number {
    const since = this.#clock.now() - 1.5 * LIMITS.heartbeatEveryMs;
    this.#given = this.#given.filter((at) => at > since);
    const others = this.#view.workers.filter(
      ({ worker, state }) => worker !== this.#self && state === "live",
    );
    const free = others.reduce((sum, { capacity, claims }) => sum + capacity - claims, 0);
    return free - this.#given.length;
  }

  /** One call goes to one of them. */
  take(): void {
    this.#given = [...this.#given, this.#clock.now()];
  }
}
