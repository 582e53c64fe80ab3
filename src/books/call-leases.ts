import { type Clock, sleep } from "../base/clock.ts";
import type { Ids } from "../base/id.ts";
import type { Logger } from "../base/logger.ts";
import type { CallRef } from "../events/record.ts";
import type { Allotment } from "../ledger/allotment.ts";
import { callNode } from "../ledger/budgets.ts";
import type { Leases, Standing } from "./ledger-budgets.ts";

/** How long a lease lasts from its last renewal; it is renewed at half of that. */
const LEASE_MS = 300_000;
/** The most that a turn waits for its ledger. */
export const PATIENCE_MS = 1_000;
/** So many times what is wanted is leased, so that the next turns find it in memory. */
const AHEAD = 4n;
/** But no more than such a part of what is left for all. */
const SHARE = 16n;
const TRIES_MAX = 5;
export const UNBOUNDED = 1n << 120n;

interface CallLeasesPorts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly leases: Leases;
  /** Budgets that the call counts against, the widest first. */
  readonly path: readonly string[];
  readonly signal: AbortSignal;
}

/** What a call has leased of its budgets: more as it needs it, renewed, and settled at its end. */
export class CallLeases {
  readonly #ref: CallRef;
  readonly #ports: CallLeasesPorts;
  readonly #allotment: Allotment;
  #asking: Promise<unknown> = Promise.resolve();
  /** What was asked last has no answer yet, and somebody has waited for it already. */
  #isLate = false;
  /** What the ledger may have granted already, and has not said. */
  #askedPico = 0n;

  /** Goes on with what owners before have leased and spent. */
  constructor(ref: CallRef, allotment: Allotment, ports: CallLeasesPorts) {
    this.#ref = ref;
    this.#allotment = allotment;
    this.#ports = ports;
    this.#follow();
  }

  /** Budgets of the call that have limits. */
  get standing(): readonly Standing[] {
    return this.#ports.leases.standing(this.#ports.path);
  }

  /** Of the budgets, what this call has leased and not spent. */
  get ownPico(): bigint {
    const { heldPico } = this.#allotment;
    return this.#allotment.available(this.#now()) + heldPico + this.#askedPico;
  }

  /**
   * Leases more, until so much may be held or no budget has more. False where the ledger could not
   * be asked in time.
   */
  async reach(wantedPico: bigint, ahead = AHEAD): Promise<boolean> {
    if (this.#isLate) return false;
    const late = new AbortController();
    let isAnswered = false;
    const reached = this.#asking
      .then(() => this.#leaseMore(wantedPico, ahead))
      .then(() => true)
      .catch((error: unknown) => this.#warn("a call's ledger cannot be asked", error))
      .finally(() => {
        isAnswered = true;
        this.#isLate = false;
      });
    this.#asking = reached;
    const over = sleep(this.#ports.clock, PATIENCE_MS, late.signal).then(() => false);
    const isReached = await Promise.race([reached, over]);
    late.abort();
    this.#isLate = !isAnswered;
    return isReached;
  }

  /** Whether there is so much that a call may keep what it needs later. */
  isAmple(wantedPico: bigint): boolean {
    return this.standing.every(({ availablePico }) => availablePico >= wantedPico * SHARE);
  }

  async renew(): Promise<void> {
    this.#follow();
    const now = Math.floor(this.#now());
    for (const { id, until } of this.#allotment.leases) {
      if (until - now > LEASE_MS / 2) continue;
      try {
        if (await this.#ports.leases.renew(id, now + LEASE_MS))
          this.#allotment.renew(id, now + LEASE_MS);
      } catch (error) {
        this.#warn("a lease was not renewed", error);
      }
    }
  }

  /** The call is over: what it has cost, it has. */
  async settle(): Promise<void> {
    await this.#asking;
    try {
      this.#follow();
      if (this.standing.length === 0 && this.#allotment.leases.length === 0) return;
      // Last words that nothing was left for are charged all the same.
      if (this.#allotment.leases.length === 0 && this.#allotment.unsettledPico > 0n) {
        await this.#leaseOne(0n);
        // While one is open the ledger counts nothing by itself.
        this.#follow();
      }
      for (let one = this.#allotment.settleOldest(); one; one = this.#allotment.settleOldest())
        await this.#ports.leases.settle(one);
    } catch (error) {
      // Unsettled it expires, and its ledger has the cost by then.
      this.#warn("a call's budget was not settled", error);
    }
  }

  #follow(): void {
    const { call } = this.#ref;
    const { leases } = this.#ports;
    this.#allotment.follow(leases.open(call), leases.spent(callNode(call)));
  }

  async #leaseMore(wantedPico: bigint, ahead: bigint): Promise<void> {
    this.#follow();
    for (let tries = 0; tries < TRIES_MAX && !this.#ports.signal.aborted; tries++) {
      const short = wantedPico - this.#allotment.available(this.#now());
      if (short <= 0n) return;
      const left = this.standing.map(({ availablePico }) => availablePico);
      const least = left.reduce(smaller, UNBOUNDED);
      if (left.length === 0 || least <= 0n) return;
      const later = smaller(least / SHARE, short * ahead);
      await this.#leaseOne(smaller(later > short ? later : short, least));
    }
  }

  /** Not where others were faster. */
  async #leaseOne(amountPico: bigint): Promise<void> {
    const { call } = this.#ref;
    const { ids, leases, path } = this.#ports;
    const until = Math.floor(this.#now()) + LEASE_MS;
    const lease = { id: `${call}/${ids.call()}`, amountPico, until };
    this.#askedPico += amountPico;
    try {
      const refusedBy = await leases.take(lease, { path, call });
      if (refusedBy === undefined) this.#allotment.lease(lease);
    } finally {
      this.#askedPico -= amountPico;
    }
  }

  #now(): number {
    return this.#ports.clock.now();
  }

  #warn(what: string, error: unknown): false {
    this.#ports.logger.log("warn", what, { ...this.#ref, error: String(error) });
    return false;
  }
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
