import { sleep, type Clock } from "../../base/clock.ts";

/** What `inTime` gives where the work was not done in its time, or nobody wants it any more. */
export const LATE = Symbol("late");

export interface Patience {
  readonly clock: Clock;
  readonly ms: number;
  /** The effect's: work is over when its effect is. */
  readonly signal: AbortSignal;
}

/**
 * User code with a bound. Its own signal aborts when the effect is stopped, when the time is over
 * and when it is done; what it does after that is nobody's. Rejects with what it throws.
 */
export async function inTime<T>(
  { clock, ms, signal }: Patience,
  work: (signal: AbortSignal) => T | Promise<T>,
): Promise<T | typeof LATE> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const late = sleep(clock, ms, either).then((): typeof LATE => LATE);
  const done = Promise.try(() => work(either));
  done.catch(() => undefined);
  try {
    return await Promise.race([done, late]);
  } finally {
    over.abort();
  }
}
