import { type Clock, sleep } from "../base/clock.ts";
import { type AppError, codeOf, ERRORS, toAppError } from "../base/errors.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import type { StreamEntry } from "../broker/stream.port.ts";
import { parsePosting, type Posting, type Transaction } from "../events/ledger.events.ts";
import type { Json } from "../events/record.ts";
import { parseUsageEvent, requestIdOf, type UsageEvent } from "../events/usage.events.ts";
import { type Command, decide, type Decision } from "../ledger/decide.ts";
import { overdueHold, settlementOf } from "../ledger/holds.ts";
import { Ledger } from "../ledger/ledger.ts";
import type { Prices } from "../ledger/rating.ts";
import { orphanEvent } from "../ledger/request.ts";
import { archiveHash } from "../ledger/snapshot.ts";
import { LedgerKeep, type Quarantined } from "./ledger-keep.ts";

export interface LedgerActorOptions {
  readonly tenant: string;
  readonly broker: Pick<Broker, "usage" | "cost" | "kv" | "blobs">;
  readonly clock: Clock;
  /** What is believed of prices now. */
  readonly prices: () => Prices;
  readonly logger?: Logger;
  /** Postings between two snapshots. */
  readonly snapshotEvery?: number;
  /** Something new stands in the cost stream, whoever posted it; neither waits nor throws. */
  readonly onPosted?: () => void;
}

const SNAPSHOT_EVERY = 500;
/** Between two looks at the usage stream. */
const LOOK_EVERY_MS = 1_000;
/** What stands in the stream tells what became of it; then it is decided anew. */
const DECIDE_AGAIN: readonly string[] = ["stream.conflict", "log.unknown"];
/** A snapshot that says so is left: the stream has it all. */
const USELESS: readonly string[] = [
  "blob.notFound",
  "log.damaged",
  "snapshot.invalid",
  "ledger.damaged",
];
/** Tries of one append after each of which nothing new stood in the stream. */
const TRIES_MAX = 100;

/**
 * One tenant's ledger at work: takes usage from its stream, decides, appends to the cost stream.
 * A1: an append is compare-and-set on the end that was decided on; only what stands there is
 * folded, so of any number of actors each is right, and none is needed. A2: the cursor over the
 * usage is in the posting itself, so both move or neither. A3: what cannot be taken is kept in
 * quarantine before the cursor passes it. Errors: `broker.unavailable` (try again), and
 * `ledger.damaged`, after which the actor is of no use.
 */
export class LedgerActor {
  readonly #options: LedgerActorOptions;
  readonly #keep: LedgerKeep;
  readonly #logger: Logger;
  #ledger: Ledger;
  /** In the cost stream, of what is folded. */
  #position = 0;
  /** In the usage stream, of what is taken. */
  #cursor = 0;
  #sinceSnapshot = 0;
  /** What was warned of: once is enough. */
  readonly #unpriced = new Set<string>();
  /** Of `onPosted`. */
  #toldOf = 0;
  /** Aborted, whoever rests stops resting. */
  #nap = new AbortController();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: LedgerActorOptions) {
    this.#options = options;
    this.#keep = new LedgerKeep(options.tenant, options.broker);
    this.#logger = options.logger ?? silentLogger;
    this.#ledger = new Ledger(options.tenant);
  }

  static async open(options: LedgerActorOptions): Promise<LedgerActor> {
    const actor = new LedgerActor(options);
    await actor.#load();
    return actor;
  }

  /** As far as it is folded; not to be changed. */
  get ledger(): Ledger {
    return this.#ledger;
  }

  quarantined(): Promise<readonly Quarantined[]> {
    return this.#keep.quarantined();
  }

  /**
   * Decides a command and posts what it asks for. `duplicate` may also be the answer to what was
   * posted by this very call and not acknowledged.
   */
  do(command: Command): Promise<Decision> {
    return this.#alone(() => this.#do(command));
  }

  /** Folds what others have posted, and takes nothing. */
  refresh(): Promise<void> {
    return this.#alone(() => this.#refresh());
  }

  /**
   * Takes the usage that stands there now, closes what nobody answers for, and ends the holds whose
   * time is over; how many came.
   */
  catchUp(signal?: AbortSignal): Promise<number> {
    return this.#alone(async () => {
      await this.#refresh();
      const taken = await this.#takeAll(signal);
      const now = this.#now();
      for (const request of this.#ledger.orphans(now)) {
        const event = orphanEvent(request, now);
        await this.#do({ type: "usage", event });
        await this.#settle(event);
      }
      await this.#endHolds();
      await this.#saveSnapshot();
      return taken;
    });
  }

  /** Forgets a call that is over; its archive is kept before. */
  seal(call: string): Promise<Decision> {
    return this.#alone(async () => {
      await this.#refresh();
      if (!this.#ledger.sealed(call)) {
        const archive = this.#ledger.archive(call);
        await this.#keep.saveArchive(archiveHash(archive), archive);
      }
      return this.#do({ type: "seal", call });
    });
  }

  /** Something may have been told: `run` looks now. */
  wake(): void {
    this.#nap.abort();
  }

  /**
   * Until the signal aborts, or the ledger is damaged, which it throws. While `isMine` says no,
   * another takes the usage, and this one only follows.
   */
  async run(signal: AbortSignal, isMine: () => Promise<boolean> = always): Promise<void> {
    const { clock, tenant } = this.#options;
    const stop = (): void => this.wake();
    signal.addEventListener("abort", stop);
    let waitsFor: string | undefined;
    while (!signal.aborted) {
      // What comes while it looks may be behind where it has looked.
      const nap = (this.#nap = new AbortController());
      try {
        await ((await isMine()) ? this.catchUp(signal) : this.refresh());
        waitsFor = undefined;
      } catch (error) {
        const code = codeOf(error);
        if (ERRORS[code].family === "corrupt") throw error;
        if (code !== waitsFor)
          this.#logger.log("warn", "the ledger waits", { tenant, error: String(error) });
        waitsFor = code;
      }
      if (!signal.aborted) await sleep(clock, LOOK_EVERY_MS, nap.signal);
    }
    signal.removeEventListener("abort", stop);
  }

  async #takeAll(signal?: AbortSignal): Promise<number> {
    const { broker, tenant } = this.#options;
    let taken = 0;
    for await (const entry of broker.usage.read({ tenant }, this.#cursor)) {
      // Another actor has been there meanwhile.
      if (entry.position <= this.#cursor) continue;
      if (signal?.aborted) break;
      await this.#take(entry);
      this.#cursor = Math.max(this.#cursor, entry.position);
      taken++;
    }
    return taken;
  }

  async #take(entry: StreamEntry): Promise<void> {
    const event = await this.#eventOf(entry);
    if (!event) return;
    // What is under a hold is taken once the hold is settled too.
    const cursor = event.hold === undefined ? entry.position : undefined;
    const decision = await this.#do({ type: "usage", event }, cursor);
    if (decision.kind === "quarantine" || decision.kind === "refused")
      await this.#quarantine(entry, decision.why);
    else await this.#settle(event, entry.position);
  }

  async #eventOf(entry: StreamEntry): Promise<UsageEvent | undefined> {
    try {
      return parseUsageEvent(entry.value);
    } catch (error) {
      await this.#quarantine(entry, (error as AppError).message);
      return undefined;
    }
  }

  async #settle(event: UsageEvent, cursor?: number): Promise<void> {
    if (event.hold === undefined) return;
    const request = this.#ledger.request(event.call, requestIdOf(event));
    const command = request && settlementOf(this.#ledger, request, this.#options.prices());
    if (command) await this.#do(command, cursor);
  }

  async #endHolds(): Promise<void> {
    const due = () => overdueHold(this.#ledger, this.#now());
    for (let command = due(); command; command = due())
      if ((await this.#do(command)).kind !== "post") return;
  }

  async #quarantine({ id, position, value }: StreamEntry, why: string): Promise<void> {
    if (!(await this.#keep.quarantine(id, { position, why, value }))) return;
    const { tenant } = this.#options;
    this.#logger.log("error", "usage was put in quarantine", { tenant, position, id, why });
  }

  async #do(command: Command, cursor?: number): Promise<Decision> {
    let tries = 0;
    for (;;) {
      const at = this.#now();
      const decision = decide(this.#ledger, command, { ...this.#options.prices(), at });
      if (decision.kind === "sealed") {
        if (await this.#bringBack(decision)) continue;
        return { kind: "quarantine", why: `call ${decision.call} is sealed, its archive is gone` };
      }
      if (decision.kind !== "post") return decision;
      const failed = await this.#post(decision.transactions, cursor);
      if (!failed) return decision;
      const before = this.#position;
      await this.#refresh();
      tries = this.#position > before ? 0 : tries + 1;
      if (tries === TRIES_MAX) throw failed;
    }
  }

  async #bringBack(of: { readonly call: string; readonly archive: string }): Promise<boolean> {
    const archive = await this.#keep.archive(of.archive);
    if (!archive) return false;
    const decision = await this.#do({ type: "restore", call: of.call, archive });
    return decision.kind === "post" || decision.kind === "duplicate";
  }

  /** The error after which the stream must be read, undefined where it was appended. */
  async #post(transactions: readonly Transaction[], cursor?: number) {
    const { broker, tenant } = this.#options;
    const all = [...transactions];
    const posting: Posting =
      cursor === undefined ? { transactions: all } : { cursor, transactions: all };
    const item = { id: all.at(-1)!.hash, value: posting as unknown as Json };
    try {
      const position = await broker.cost.append({ tenant }, this.#position, item);
      this.#apply(posting, position);
      this.#warn(posting);
      return undefined;
    } catch (error) {
      if (DECIDE_AGAIN.includes(codeOf(error))) return toAppError(error, "log.unknown");
      throw error;
    }
  }

  async #refresh(): Promise<void> {
    const { broker, tenant } = this.#options;
    for await (const { position, value } of broker.cost.read({ tenant }, this.#position))
      this.#apply(parsePosting(value), position);
  }

  #apply({ cursor = 0, transactions }: Posting, position: number): void {
    for (const transaction of transactions) this.#ledger.apply(transaction);
    this.#position = position;
    this.#cursor = Math.max(this.#cursor, cursor);
    this.#sinceSnapshot++;
  }

  #warn({ transactions }: Posting): void {
    for (const { event, entries } of transactions)
      for (const { account, rated } of entries) {
        if (account !== "suspense:unrated" || !event || !rated) continue;
        const { provider, requestModel: model, call } = event;
        const name = `${provider}/${model}/${rated.meter}`;
        if (this.#unpriced.has(name)) continue;
        this.#unpriced.add(name);
        const fields = { tenant: event.tenant, call, provider, model, meter: rated.meter };
        this.#logger.log("warn", "no price is known for what was used", fields);
      }
  }

  async #saveSnapshot(): Promise<void> {
    if (this.#sinceSnapshot < (this.#options.snapshotEvery ?? SNAPSHOT_EVERY)) return;
    const [position, cursor] = [this.#position, this.#cursor];
    this.#sinceSnapshot = 0;
    await this.#keep.saveSnapshot({ position, cursor, ledger: this.#ledger.snapshot() });
  }

  /** From the snapshot where there is one that fits the stream, else from the beginning. */
  async #load(): Promise<void> {
    const { tenant } = this.#options;
    try {
      await this.#restore();
      await this.#refresh();
    } catch (error) {
      if (!USELESS.includes(codeOf(error))) throw error;
      const fields = { tenant, error: String(error) };
      this.#logger.log("warn", "the ledger is folded from its beginning", fields);
      this.#ledger = new Ledger(tenant);
      this.#position = this.#cursor = 0;
      await this.#refresh();
    }
  }

  async #restore(): Promise<void> {
    const { tenant, broker } = this.#options;
    const saved = await this.#keep.snapshot();
    if (!saved || saved.position > (await broker.cost.tail({ tenant }))) return;
    this.#ledger = Ledger.restore(saved.ledger);
    this.#position = saved.position;
    this.#cursor = saved.cursor;
  }

  /** Whole milliseconds, as all times in a stream. */
  #now(): number {
    return Math.floor(this.#options.clock.now());
  }

  /** One after the other: between a decision and its posting nothing else is decided here. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work).finally(() => this.#tell());
    this.#last = done.catch(() => undefined);
    return done;
  }

  #tell(): void {
    if (this.#position === this.#toldOf) return;
    this.#toldOf = this.#position;
    this.#options.onPosted?.();
  }
}

async function always(): Promise<boolean> {
  return true;
}
