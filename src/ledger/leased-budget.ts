import { type Hold, Budgets } from "./budgets.ts";

/**
 * A part of a budget that a worker decides over alone, in memory: the ledger holds the whole of it
 * until the lease is settled, so no two workers can spend the same. L1: after its end nothing new
 * is taken; what is open then is still settled and told.
 */
export interface Lease {
  /** Id of the ledger's hold. */
  readonly id: string;
  readonly amountPico: bigint;
  readonly until: number;
}

export interface LeaseReport {
  readonly hold: string;
  readonly spentPico: bigint;
  /** What is in flight: a lease with any is not settled yet. */
  readonly heldPico: bigint;
}

export type LeaseAnswer = "taken" | "short" | "over" | "duplicate";

const ROOT = "lease";

export class LeasedBudget {
  readonly #lease: Lease;
  readonly #budgets = new Budgets();

  constructor(lease: Lease) {
    this.#lease = lease;
    this.#budgets.setLimit(ROOT, lease.amountPico);
  }

  /** What can still be held; nothing once the lease is over. */
  available(nowMs: number): bigint {
    return nowMs < this.#lease.until ? this.#budgets.available(ROOT)! : 0n;
  }

  /** Holds the worst case of a slice before it goes out, whole or not at all. */
  take(id: string, amountPico: bigint, nowMs: number): LeaseAnswer {
    if (this.#budgets.hold(id)) return "duplicate";
    if (nowMs >= this.#lease.until) return "over";
    if (this.#budgets.shortOf([ROOT], amountPico)) return "short";
    const { until } = this.#lease;
    this.#budgets.put({ id, path: [ROOT], amountPico, until, state: "open", spentPico: 0n });
    return "taken";
  }

  /** What the slice has cost, which may be more than was held. False where it is not open. */
  settle(id: string, spentPico: bigint): boolean {
    return this.#resolve(id, { state: "settled", spentPico });
  }

  /** Only where nothing of the slice went out. */
  release(id: string): boolean {
    return this.#resolve(id, { state: "released", spentPico: 0n });
  }

  /** What the ledger is told: to settle the lease, or to correct it once it has expired. */
  report(): LeaseReport {
    const heldPico = this.#budgets.openHolds().reduce((sum, hold) => sum + hold.amountPico, 0n);
    return { hold: this.#lease.id, spentPico: this.#budgets.spent(ROOT), heldPico };
  }

  #resolve(id: string, end: Pick<Hold, "state" | "spentPico">): boolean {
    const hold = this.#budgets.hold(id);
    if (hold?.state !== "open") return false;
    this.#budgets.put({ ...hold, ...end });
    return true;
  }
}
