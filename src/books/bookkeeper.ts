import { type Clock, sleep } from "../base/clock.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import type { Prices } from "../ledger/rating.ts";
import { CallBudget, type CallBudgetPorts } from "./call-budget.ts";
import type { LedgerActor } from "./ledger-actor.ts";
import { ledgerLeases } from "./ledger-budgets.ts";
import { TenantBook } from "./tenant-book.ts";
import { TenantLease } from "./tenant-lease.ts";
import { UsageOutbox } from "./usage-outbox.ts";

/** What follows the cost streams, as into a database. */
export interface Projector extends AsyncDisposable {
  /** Something may be new in the tenant's stream. Neither waits nor throws. */
  posted(tenant: string): void;
  /** Resolves when nothing waits. */
  idle(): Promise<void>;
  /** What keeps it behind the streams, undefined where nothing does. */
  readonly problem: string | undefined;
}

export interface BookkeeperOptions {
  readonly broker: Pick<Broker, "log" | "usage" | "cost" | "kv" | "blobs" | "bus">;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** What is believed of prices now. */
  readonly prices: () => Prices;
  /** Its own from now on: it is disposed of with it. */
  readonly projector?: Projector | undefined;
  /** Of this process, where others share the store: then one of them takes a tenant's usage. */
  readonly owner?: string | undefined;
  /** First token of the bus's subjects. */
  readonly prefix?: string | undefined;
}

const START_AGAIN_MS = 1_000;
/** Between two rounds over all tenants. */
const ROUND_MS = 60_000;
/** Calls of a process that died may have been told to a part. */
const FOLLOW_MS = 10 * 60_000;

interface Kept {
  readonly book: TenantBook;
  readonly over: Promise<void>;
  /** When its calls were last looked through; never, while they are another's. */
  followedAt: number;
}

/**
 * The books of a process: what its calls use goes to the usage streams, and each tenant's ledger
 * takes it from there. K1: no call waits for it, and none breaks with it: what was not told is
 * found in the log later. K2: a tenant's ledger that is damaged stops alone.
 */
export class Bookkeeper implements AsyncDisposable {
  readonly #options: BookkeeperOptions;
  readonly #logger: Logger;
  readonly #outbox: UsageOutbox;
  readonly #kept = new Map<string, Kept>();
  readonly #closing = new AbortController();
  /** Aborted, the next round begins. */
  #nap = new AbortController();
  #rounds: Promise<void> | undefined;

  constructor(options: BookkeeperOptions) {
    const { broker, clock, logger = silentLogger } = options;
    this.#options = options;
    this.#logger = logger;
    const onPublished = ({ tenant }: CallRef): void => this.#wake(tenant);
    this.#outbox = new UsageOutbox({ broker, clock, logger, onPublished });
  }

  /** Resolves when all calls that were not told are known; waits where the store is away. */
  async start(): Promise<void> {
    const { clock, broker } = this.#options;
    const { signal } = this.#closing;
    for (let tries = 1; !signal.aborted; tries++)
      try {
        for (const { tenant } of await broker.log.calls()) this.#keep(tenant);
        await this.#round();
        break;
      } catch (error) {
        const fields = { error: String(error) };
        if (tries === 1) this.#logger.log("warn", "the books wait", fields);
        await sleep(clock, START_AGAIN_MS, signal);
      }
    this.#rounds ??= this.#runRounds();
  }

  /** An acknowledged record of a call of this process. Neither waits nor throws. */
  offer(ref: CallRef, record: LogRecord): void {
    if (this.#closing.signal.aborted) return;
    this.#keep(ref.tenant);
    this.#outbox.offer(ref, [record]);
  }

  /**
   * The tenant's ledger, which runs here from now on. Errors: `broker.unavailable` (ask again),
   * `ledger.damaged`.
   */
  ledgerOf(tenant: string): Promise<LedgerActor> {
    return this.#keep(tenant).book.ledger();
  }

  /** Why the database is behind, undefined where it is not or where there is none. */
  get problem(): string | undefined {
    return this.#options.projector?.problem;
  }

  /** As they are believed now. */
  get prices(): Prices {
    return this.#options.prices();
  }

  /** The budget of a call of this process: of its tenant's ledger. */
  budgetOf(ref: CallRef, call: Pick<CallBudgetPorts, "offer" | "ids" | "voicesOf">): CallBudget {
    const { broker, clock } = this.#options;
    return new CallBudget(ref, {
      ...call,
      clock,
      logger: this.#logger,
      log: broker.log,
      prices: this.prices,
      signal: this.#closing.signal,
      leases: async () => ledgerLeases(await this.ledgerOf(ref.tenant)),
    });
  }

  /** Resolves when all that was offered so far is posted and projected. */
  async idle(): Promise<void> {
    await this.#outbox.idle();
    for (const tenant of this.#kept.keys()) await (await this.ledgerOf(tenant)).catchUp();
    await this.#options.projector?.idle();
  }

  /** What waits to be told is found by the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#nap.abort();
    await this.#outbox[Symbol.asyncDispose]();
    await Promise.all([this.#rounds, ...[...this.#kept.values()].map(({ over }) => over)]);
    await this.#options.projector?.[Symbol.asyncDispose]();
  }

  #wake(tenant: string): void {
    this.#kept.get(tenant)?.book.wake();
  }

  #keep(tenant: string): Kept {
    const known = this.#kept.get(tenant);
    if (known) return known;
    const { projector, ...options } = this.#options;
    const onPosted = (): void => projector?.posted(tenant);
    const onTaken = (): void => this.#nap.abort();
    const book = new TenantBook({ ...options, logger: this.#logger, onPosted, onTaken }, tenant);
    const kept = { book, over: book.run(this.#closing.signal), followedAt: -Infinity };
    this.#kept.set(tenant, kept);
    return kept;
  }

  async #runRounds(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    for (;;) {
      await sleep(clock, ROUND_MS, this.#nap.signal);
      if (signal.aborted) return;
      this.#nap = new AbortController();
      try {
        await this.#findTenants();
        await this.#round();
      } catch (error) {
        this.#logger.log("warn", "a round over the books failed", { error: String(error) });
      }
    }
  }

  /** Those whose other processes are gone, too. */
  async #findTenants(): Promise<void> {
    const { broker, owner } = this.#options;
    if (owner === undefined) return;
    for (const tenant of await TenantLease.tenants(broker.kv)) this.#keep(tenant);
  }

  /** Over the tenants whose usage is taken here. */
  async #round(): Promise<void> {
    for (const [tenant, kept] of this.#kept) {
      if (this.#closing.signal.aborted) return;
      if (!(await kept.book.isMine())) {
        kept.followedAt = -Infinity;
        continue;
      }
      const now = this.#options.clock.now();
      // What this process was handed itself it tells; the calls of others are looked through again.
      const againMs = this.#options.owner === undefined ? Infinity : FOLLOW_MS;
      if (now - kept.followedAt >= againMs) {
        await this.#outbox.followAll(tenant);
        kept.followedAt = now;
      }
      for (const call of await kept.book.sealCalls()) this.#outbox.follow({ tenant, call });
    }
  }
}
