/**
 * Time as a port. Everything that waits or reads the time is given a `Clock`; the system form reads
 * the wall clock, the simulated one stands still until told to move.
 */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Calls `fn` once, `delayMs` from now. A delay of 0 or less fires on a later turn of the loop.
   */
  after(delayMs: number, fn: () => void): Cancel;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, fn) => {
    const timer = setTimeout(fn, Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs` of the clock's time, or at once when the signal aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

interface Alarm {
  due: number;
  order: number;
  fn: () => void;
}

/** A tool of a test that hangs must not hang the test. */
const HELD_MAX_MS = 10_000;

/**
 * Virtual time. Alarms fire in order of (due, order of arming); between two alarms all promise work
 * is let finish, so a ten-minute call takes as long as its work and no longer.
 */
export class SimulatedClock implements Clock {
  #now: number;
  readonly #held = new Set<Promise<unknown>>();
  #order = 0;
  #alarms: Alarm[] = [];

  constructor(startMs = 1_750_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, fn: () => void): Cancel {
    const alarm = { due: this.#now + Math.max(0, delayMs), order: this.#order++, fn };
    let at = this.#alarms.length;
    while (at > 0 && this.#alarms[at - 1]!.due > alarm.due) at--;
    this.#alarms.splice(at, 0, alarm);
    return () => {
      const index = this.#alarms.indexOf(alarm);
      if (index >= 0) this.#alarms.splice(index, 1);
    };
  }

  /** Stands still while `work`, which waits for the real world, goes on; at most `HELD_MAX_MS`. */
  async hold<T>(work: Promise<T>): Promise<T> {
    const over = new AbortController();
    const patience = sleep(systemClock, HELD_MAX_MS, over.signal);
    const held = Promise.race([work.catch(() => undefined), patience]);
    this.#held.add(held);
    try {
      return await work;
    } finally {
      over.abort();
      this.#held.delete(held);
    }
  }

  /** Time of the next alarm, or undefined where nothing waits. */
  get nextDue(): number | undefined {
    return this.#alarms[0]?.due;
  }

  /** Moves the time without firing anything: for pure tests. */
  set(nowMs: number): void {
    this.#now = Math.max(this.#now, nowMs);
  }

  /** Fires what is due up to and including `untilMs`, letting promise work finish in between. */
  async run(untilMs: number, stop: () => boolean = () => false): Promise<void> {
    await this.#idle();
    for (;;) {
      const next = this.#alarms[0];
      if (stop() || !next || next.due > untilMs) break;
      this.#alarms.shift();
      this.#now = Math.max(this.#now, next.due);
      next.fn();
      await this.#idle();
    }
    if (!stop()) this.#now = Math.max(this.#now, untilMs);
  }

  async #idle(): Promise<void> {
    await settle();
    while (this.#held.size > 0) {
      const [first] = this.#held;
      await first;
      this.#held.delete(first!);
      await settle();
    }
  }

  /** Runs `ms` of virtual time. */
  advance(ms: number): Promise<void> {
    return this.run(this.#now + ms);
  }
}

/** One full turn of the event loop: every promise that can settle has settled. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
