/** How long one that failed is left alone before it is asked again: the same for all providers. */
export const BACKOFF = Object.freeze({
  /** Before the second try, at most; doubles with each. */
  baseMs: 200,
  capMs: 2_000,
});

/**
 * Ms until the next try, with full jitter: so that those who failed together do not come back
 * together. `attempt` is the try that failed, from 1; `random` gives numbers in [0, 1).
 */
export function backoffMs(attempt: number, random: () => number): number {
  const most = Math.min(BACKOFF.capMs, BACKOFF.baseMs * 2 ** (attempt - 1));
  return Math.round(random() * most);
}
