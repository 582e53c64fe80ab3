import { AppError } from "../../base/errors.ts";
import type { Job, JobClaim, Jobs, PendingJobs } from "../jobs.port.ts";
import type { FaultSource } from "./faults.ts";

/** Jobs whose claims may come back before their time; the old claim is then really worthless. */
export class FaultyJobs implements Jobs {
  readonly #inner: Jobs;
  readonly #faults: FaultSource;

  constructor(inner: Jobs, faults: FaultSource) {
    this.#inner = inner;
    this.#faults = faults;
  }

  get claimMs(): number {
    return this.#inner.claimMs;
  }

  offer(job: Job): Promise<"queued" | "exists"> {
    return this.#inner.offer(job);
  }

  async claim(worker: string, waitMs: number): Promise<JobClaim | undefined> {
    const claim = await this.#inner.claim(worker, waitMs);
    return (
      claim && {
        job: claim.job,
        id: claim.id,
        redeliveries: claim.redeliveries,
        keepAlive: () => this.#keepAlive(claim),
        finish: () => claim.finish(),
        release: (delayMs) => claim.release(delayMs),
      }
    );
  }

  pending(): Promise<PendingJobs> {
    return this.#inner.pending();
  }

  async #keepAlive(claim: JobClaim): Promise<void> {
    if (!this.#faults.draw("keepAlive")) return claim.keepAlive();
    await claim.release();
    const { tenant, room } = claim.job;
    throw new AppError("job.lost", "the claim came back early", { detail: { tenant, room } });
  }
}
