/**
 * What a call may spend without asking anybody: what was leased to it of its budgets, less what it
 * has cost since, less what is held for slices in flight. L1: a slice is held whole before it goes
 * out, or not at all. L2: what was leased is settled to what the call has cost, all of it once.
 * L3: after its end a lease pays for nothing new; what it has paid for is still settled.
 */
export interface Lease {
  /** Id of the ledger's hold. */
  readonly id: string;
  readonly amountPico: bigint;
  /** Unix ms. */
  readonly until: number;
}

export interface Settlement {
  readonly hold: string;
  readonly spentPico: bigint;
}

interface Slice {
  readonly heldPico: bigint;
  /** What it has cost by now: the rest of what is held may still come. */
  readonly costPico: bigint;
}

const NO_SLICE: Slice = { heldPico: 0n, costPico: 0n };

export class Allotment {
  /** The oldest first. */
  #leases: readonly Lease[] = [];
  readonly #slices = new Map<string, Slice>();
  #costPico = 0n;
  /** The part of the cost that leases were settled for. */
  #settledPico = 0n;

  get leases(): readonly Lease[] {
    return this.#leases;
  }

  /** Of the call, since its beginning. */
  get costPico(): bigint {
    return this.#costPico;
  }

  /** What slices in flight may still cost. */
  get heldPico(): bigint {
    let sum = 0n;
    for (const { heldPico, costPico } of this.#slices.values())
      if (heldPico > costPico) sum += heldPico - costPico;
    return sum;
  }

  /** What no lease was settled for yet. */
  get unsettledPico(): bigint {
    return this.#costPico - this.#settledPico;
  }

  /** What can still be held; below zero where more was spent than is leased. */
  available(nowMs: number): bigint {
    let leased = 0n;
    for (const { amountPico, until } of this.#leases) if (nowMs < until) leased += amountPico;
    return leased - this.unsettledPico - this.heldPico;
  }

  lease(lease: Lease): void {
    if (this.#leases.some(({ id }) => id === lease.id)) return;
    this.#leases = [...this.#leases, lease];
  }

  renew(id: string, until: number): void {
    this.#leases = this.#leases.map((lease) => (lease.id === id ? { ...lease, until } : lease));
  }

  /**
   * What the ledger has leased to the call, by whichever owner, and what it has settled, also by
   * itself as a lease expired.
   */
  follow(leases: readonly Lease[], settledPico: bigint): void {
    this.#leases = leases;
    this.#settledPico = settledPico;
  }

  /** Holds so much more for a slice, before it goes out. False where that is not leased. */
  take(slice: string, amountPico: bigint, nowMs: number): boolean {
    if (amountPico > this.available(nowMs)) return false;
    this.hold(slice, this.heldFor(slice) + amountPico);
    return true;
  }

  /** Holds so much for a slice that goes on anyway, as a connection that lasts. */
  hold(slice: string, heldPico: bigint): void {
    this.#slices.set(slice, { ...(this.#slices.get(slice) ?? NO_SLICE), heldPico });
  }

  heldFor(slice: string): bigint {
    return this.#slices.get(slice)?.heldPico ?? 0n;
  }

  /** The call has cost so much more, of that slice. */
  spend(slice: string, amountPico: bigint): void {
    this.#costPico += amountPico;
    const known = this.#slices.get(slice);
    if (known) this.#slices.set(slice, { ...known, costPico: known.costPico + amountPico });
  }

  /** It is over: what it has cost is known. */
  drop(slice: string): void {
    this.#slices.delete(slice);
  }

  /** Gives the oldest lease back, for the part of the cost that it covers; the last for all. */
  settleOldest(): Settlement | undefined {
    const [lease, ...rest] = this.#leases;
    if (!lease) return undefined;
    this.#leases = rest;
    const isLast = rest.length === 0;
    const { unsettledPico: owed } = this;
    const covered = isLast || owed < lease.amountPico ? owed : lease.amountPico;
    const spentPico = covered < 0n ? 0n : covered;
    this.#settledPico += spentPico;
    return { hold: lease.id, spentPico };
  }
}
