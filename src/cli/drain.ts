import { systemClock } from "../base/clock.ts";
import type { Worker } from "../fleet/worker.ts";

export interface DrainPorts {
  /** Ends the command as the first signal of the process would. */
  readonly signal?: AbortSignal | undefined;
  readonly limitMs: number;
  readonly onDrain: () => void;
}

/**
 * Works until the first SIGTERM or SIGINT, then hands all calls over, each between two turns; a
 * second one cuts short. Resolves when no call is left here.
 */
export async function workUntilDrained(worker: Worker, ports: DrainPorts): Promise<void> {
  const { signal, limitMs, onDrain } = ports;
  const drained = Promise.withResolvers<void>();
  let since = Infinity;
  const stop = (): void => {
    const now = systemClock.now();
    if (now - since >= SECOND_MS) worker.cutShort();
    if (worker.isDraining) return;
    since = now;
    onDrain();
    worker.drain(limitMs).then(drained.resolve, drained.reject);
  };
  signal?.addEventListener("abort", stop);
  for (const name of SIGNALS) process.on(name, stop);
  try {
    await Promise.all([worker.run(), drained.promise]);
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
    signal?.removeEventListener("abort", stop);
  }
}

/** Ctrl-C reaches the program twice where another stands before it: that is one wish. */
const SECOND_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;
