import type { Cancel, Clock } from "../../../src/base/clock.ts";

interface Alarm {
  readonly due: number;
  readonly fn: () => void;
}

/** Time that the generator moves. */
export class TestClock implements Clock {
  #now = 1_750_000_000_000;
  #alarms: Alarm[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, fn: () => void): Cancel {
    const alarm = { due: this.#now + Math.max(0, delayMs), fn };
    let at = this.#alarms.length;
    while (at > 0 && this.#alarms[at - 1]!.due > alarm.due) at--;
    this.#alarms.splice(at, 0, alarm);
    return () => {
      const index = this.#alarms.indexOf(alarm);
      if (index >= 0) this.#alarms.splice(index, 1);
    };
  }

  get nextDue(): number | undefined {
    return this.#alarms[0]?.due;
  }

  /** Fires the first alarm if it is due by `until`. */
  fireNext(until: number): boolean {
    const first = this.#alarms[0];
    if (!first || first.due > until) return false;
    this.#alarms.shift();
    this.#now = Math.max(this.#now, first.due);
    first.fn();
    return true;
  }

  set(nowMs: number): void {
    this.#now = Math.max(this.#now, nowMs);
  }

  /** Moves without firing anything, as a blocked loop does. */
  stall(ms: number): void {
    this.#now += ms;
  }

  /** The same time as it is told by a clock that may be set back. */
  behind(lagMs: () => number): Clock {
    return {
      now: () => this.#now - lagMs(),
      after: (delayMs, fn) => this.after(delayMs, fn),
    };
  }
}

/** One turn of the event loop: every promise that can settle has settled. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
