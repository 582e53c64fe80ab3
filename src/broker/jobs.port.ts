import type { Json } from "../events/record.ts";

/** A room that wants an agent. */
export interface Job {
  readonly tenant: string;
  readonly room: string;
  readonly payload: Json;
}

/**
 * Work that exactly one worker should do at a time. J1: one open job per tenant and room. J2: a
 * claim that is not kept alive comes back and may be claimed by another. J3: claims are hints, the
 * log is the fence. J4: a finished or released job's old claim can do nothing any more.
 */
export interface Jobs {
  /** How long a claim holds that is not kept alive. */
  readonly claimMs: number;
  /** Offers once: `queued` for a new job, `exists` where the room has an open one. */
  offer(job: Job): Promise<"queued" | "exists">;
  /** The oldest open job, waiting up to `waitMs` (0: no wait); undefined where none came. */
  claim(worker: string, waitMs: number): Promise<JobClaim | undefined>;
  /** How much work there is; as it was a moment ago. */
  pending(): Promise<PendingJobs>;
}

export interface PendingJobs {
  /** Jobs that nobody has claimed yet. */
  readonly count: number;
  /** How long the oldest of these has waited; 0 where there is none. */
  readonly oldestMs: number;
  /** Jobs that were claimed and are not done: someone works on them, or they have come back. */
  readonly claimed: number;
}

export interface JobClaim {
  readonly job: Job;
  /** The same over all claims of this job, and of no other job. */
  readonly id: string;
  /** How often it was claimed before: 0 at first. */
  readonly redeliveries: number;
  /** Keeps the claim for another period. Throws `job.lost` once it went to another or came back. */
  keepAlive(): Promise<void>;
  /** The work is done: the job is gone. Throws `job.lost`. */
  finish(): Promise<void>;
  /** Gives the job back at once, or after `delayMs`. Throws `job.lost`. */
  release(delayMs?: number): Promise<void>;
}
