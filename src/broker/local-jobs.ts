import type { Cancel, Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import type { Json } from "../events/record.ts";
import type { Job, JobClaim, Jobs, PendingJobs } from "./jobs.port.ts";
import type { Table } from "./table.ts";

export const ACK_WAIT_MS = 5_000;

/** What the table keeps of a job. */
interface StoredJob extends Job {
  readonly id: string;
  readonly deliveries: number;
  /** Missing in a journal of before it was kept. */
  readonly offeredAt?: number;
  readonly [key: string]: Json;
}

/** Why a job is not open, in memory only: a claim dies with the process that gave it out. */
interface Hold {
  /** From here on the job may be claimed again, and the claim is worth nothing. */
  openAt: number;
}

interface Waiter {
  readonly resolve: (claim: JobClaim | undefined) => void;
  readonly cancel: Cancel;
}

/**
 * Jobs of one process over a table. An unfinished job outlives the process and is open again at
 * once, for there is one owner process and its claims died with it. A job keeps its place in the
 * queue when it comes back.
 */
export class LocalJobs implements Jobs {
  readonly claimMs: number;
  readonly #clock: Clock;
  readonly #table: Table;
  readonly #holds = new Map<string, Hold>();
  readonly #waiters = new Set<Waiter>();
  #wake: Cancel | undefined;

  constructor(clock: Clock, table: Table, claimMs = ACK_WAIT_MS) {
    this.#clock = clock;
    this.#table = table;
    this.claimMs = claimMs;
  }

  async offer({ tenant, room, payload }: Job): Promise<"queued" | "exists"> {
    const key = JSON.stringify([tenant, room]);
    if (this.#table.get(key)) return "exists";
    const id = String(this.#table.revision + 1);
    const offeredAt = this.#clock.now();
    this.#table.put(key, { id, tenant, room, payload, deliveries: 0, offeredAt });
    this.#serve();
    return "queued";
  }

  async claim(_worker: string, waitMs: number): Promise<JobClaim | undefined> {
    const claim = this.#take();
    if (claim || waitMs <= 0) return claim;
    const { promise, resolve } = Promise.withResolvers<JobClaim | undefined>();
    const waiter = {
      resolve,
      cancel: this.#clock.after(waitMs, () => {
        this.#waiters.delete(waiter);
        resolve(undefined);
      }),
    };
    this.#waiters.add(waiter);
    this.#serve();
    return promise;
  }

  async pending(): Promise<PendingJobs> {
    const rows = [...this.#table.keys()].map((key) => this.#table.get(key)!.value as StoredJob);
    const waiting = rows.filter(({ deliveries }) => deliveries === 0);
    const now = this.#clock.now();
    return {
      count: waiting.length,
      oldestMs: now - Math.min(now, ...waiting.map(({ offeredAt = now }) => offeredAt)),
      claimed: rows.length - waiting.length,
    };
  }

  /** Those who wait get nothing; open jobs stay in the table. */
  close(): void {
    this.#wake?.();
    for (const waiter of this.#waiters) {
      waiter.cancel();
      waiter.resolve(undefined);
    }
    this.#waiters.clear();
  }

  /** Hands open jobs to those who wait, first come first served, then sleeps to the next return. */
  #serve(): void {
    this.#wake?.();
    this.#wake = undefined;
    for (const waiter of this.#waiters) {
      const claim = this.#take();
      if (!claim) break;
      waiter.cancel();
      this.#waiters.delete(waiter);
      waiter.resolve(claim);
    }
    if (this.#waiters.size === 0 || this.#holds.size === 0) return;
    const next = Math.min(...[...this.#holds.values()].map(({ openAt }) => openAt));
    this.#wake = this.#clock.after(next - this.#clock.now(), () => this.#serve());
  }

  /** The oldest job that is open now. It counts as delivered before anybody has it (J2). */
  #take(): JobClaim | undefined {
    const now = this.#clock.now();
    for (const key of this.#table.keys()) {
      if ((this.#holds.get(key)?.openAt ?? 0) > now) continue;
      const stored = this.#table.get(key)!.value as StoredJob;
      this.#table.put(key, { ...stored, deliveries: stored.deliveries + 1 });
      const hold = { openAt: now + this.claimMs };
      this.#holds.set(key, hold);
      return this.#toClaim(key, stored, hold);
    }
    return undefined;
  }

  #toClaim(key: string, stored: StoredJob, hold: Hold): JobClaim {
    const { id, tenant, room, payload, deliveries } = stored;
    return {
      job: { tenant, room, payload },
      id,
      redeliveries: deliveries,
      keepAlive: async () => {
        this.#check(key, hold);
        hold.openAt = this.#clock.now() + this.claimMs;
      },
      finish: async () => {
        this.#check(key, hold);
        this.#holds.delete(key);
        this.#table.delete(key);
      },
      release: async (delayMs = 0) => {
        this.#check(key, hold);
        this.#holds.set(key, { openAt: this.#clock.now() + delayMs });
        this.#serve();
      },
    };
  }

  /** J4: only the claim that holds the job now, and in time, may act on it. */
  #check(key: string, hold: Hold): void {
    if (this.#holds.get(key) === hold && this.#clock.now() < hold.openAt) return;
    const [tenant, room] = JSON.parse(key) as [string, string];
    throw new AppError("job.lost", "the claim came back or went to another worker", {
      detail: { tenant, room },
    });
  }
}
