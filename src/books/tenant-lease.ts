import type { Clock } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";
import type { Kv } from "../broker/kv.port.ts";

export interface LeasePorts {
  readonly kv: Kv;
  readonly clock: Clock;
  /** Of this process, unlike all others. */
  readonly owner: string;
}

/** Whoever does not renew for so long is gone. */
const LEASE_MS = 10_000;
const RENEW_MS = 3_000;
const PREFIX = "books.";
const NOBODY = "";

/**
 * Which of several processes takes a tenant's usage: a saving of work, not a lock. Two that believe
 * they have it do no harm (A1 of the ledger's actor). Clocks of machines differ, so that a lease is
 * over once it was seen unchanged for its time by the clock of who sees it.
 */
export class TenantLease {
  readonly #ports: LeasePorts;
  readonly #key: string;
  #isMine = false;
  #askAt = -Infinity;
  #asking: Promise<boolean> | undefined;
  #seen = { revision: -1, at: -Infinity };

  constructor(ports: LeasePorts, tenant: string) {
    this.#ports = ports;
    this.#key = `${PREFIX}${tenant}`;
  }

  /** Tenants that some process has had a lease of. */
  static async tenants(kv: Kv): Promise<readonly string[]> {
    return (await kv.keys(PREFIX)).map((key) => key.slice(PREFIX.length));
  }

  /** Takes or renews it where it may. Asked often, it looks only so often. */
  async isMine(): Promise<boolean> {
    if (this.#ports.clock.now() < this.#askAt) return this.#isMine;
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** The next one need not wait for its end. */
  async release(): Promise<void> {
    if (!this.#isMine) return;
    this.#isMine = false;
    await this.#write(NOBODY, this.#seen.revision);
  }

  async #ask(): Promise<boolean> {
    const now = this.#ports.clock.now();
    this.#isMine = await this.#take(now);
    this.#askAt = now + RENEW_MS;
    return this.#isMine;
  }

  async #take(now: number): Promise<boolean> {
    const { kv, owner } = this.#ports;
    const entry = await kv.get(this.#key);
    const revision = entry?.revision ?? 0;
    if (revision !== this.#seen.revision) this.#seen = { revision, at: now };
    const isOver = now - this.#seen.at >= LEASE_MS;
    const free = !entry || isOver || entry.value === NOBODY || entry.value === owner;
    return free && this.#write(owner, revision);
  }

  async #write(owner: string, expect: number): Promise<boolean> {
    const { kv, clock } = this.#ports;
    try {
      const revision = await kv.put(this.#key, owner, expect);
      this.#seen = { revision, at: clock.now() };
      return true;
    } catch (error) {
      if (codeOf(error) === "kv.conflict") return false;
      throw error;
    }
  }
}
