import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 5;
const ATTEMPTS = 3;
const NS_PER_MS = 1e6;

/**
 * Runs again what a stall of the machine may have spoilt, a few times at most: sound in real time
 * cannot be held by a process that is not run. Of all that were spoilt, the least counts; the
 * stalls are told.
 */
export async function onQuietLoop<T>(
  run: () => Promise<T>,
  isGood: (result: T, stalledMs: number) => boolean,
): Promise<T> {
  let best: { readonly result: T; readonly stalledMs: number } | undefined;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delay.enable();
    const result = await run();
    delay.disable();
    const stalledMs = Math.round(delay.max / NS_PER_MS);
    if (!best || isGood(result, stalledMs) || stalledMs < best.stalledMs)
      best = { result, stalledMs };
    if (isGood(result, stalledMs)) break;
    process.stderr.write(`attempt ${attempt}: the process stood still for ${stalledMs} ms\n`);
  }
  return best!.result;
}
