import { backoffMs } from "../../base/backoff.ts";
import { AppError, codeOf, ERRORS } from "../../base/errors.ts";
import type { Ended } from "../../providers/breaker.port.ts";

/** Whether one that failed is asked once more, and when: the same for models and voices. */
const TRIES_MAX = 3;

export interface Failed {
  readonly error: unknown;
  /** The try that failed, from 1. */
  readonly attempt: number;
  /** What is left of its time. */
  readonly leftMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** The next try as it stands in the log. */
export interface Retried {
  readonly attempt: number;
  readonly why: string;
  readonly waitMs: number;
}

/**
 * Ms until it is asked again: full jitter, or what the provider asked for; undefined where it is
 * not to be, or would come too late.
 */
export function retryDelay({ error, attempt, leftMs, random }: Failed): number | undefined {
  if (attempt >= TRIES_MAX || ERRORS[failureCode(error)].retry === "never") return undefined;
  const waitMs = askedWaitMs(error) ?? backoffMs(attempt, random);
  return waitMs < leftMs ? waitMs : undefined;
}

export function failureCode(error: unknown): keyof typeof ERRORS {
  return codeOf(error, "provider.failed");
}

/** What it says of the provider; of a request that was refused for what it asks, nothing. */
export function endedBy(error: unknown): Ended {
  const code = failureCode(error);
  return code === "provider.refused" || code === "effect.stopped" ? "void" : "failed";
}

/** Answered with a status and nothing else: no vendor makes or bills anything then. */
export function wasTurnedDown(error: unknown): boolean {
  if (!(error instanceof AppError) || error.code === "provider.timeout") return false;
  return error.detail["status"] !== undefined;
}

/** `Retry-After` of a vendor. */
function askedWaitMs(error: unknown): number | undefined {
  const waitMs = error instanceof AppError ? error.detail["retryAfterMs"] : undefined;
  return typeof waitMs === "number" ? waitMs : undefined;
}
