import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, sleep } from "../base/clock.ts";
import { AppError, codeOf, ERRORS, toAppError } from "../base/errors.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import type { StreamEntry } from "../broker/stream.port.ts";
import { parsePosting, type Posting, type Transaction } from "../events/ledger.events.ts";
import type { Json } from "../events/record.ts";
import { parseUsageEvent, requestIdOf, type UsageEvent } from "../events/usage.events.ts";
import { type Command, decide, type Decision, decideUsage } from "../ledger/decide.ts";
import { overdueHold, settlementOf } from "../ledger/holds.ts";
import { Ledger } from "../ledger/ledger.ts";
import type { Desk } from "../ledger/post.ts";
import type { Prices } from "../ledger/rating.ts";
import { orphanEvent } from "../ledger/request.ts";
import { archiveHash } from "../ledger/snapshot.ts";
import { LedgerKeep, type Quarantined } from "./ledger-keep.ts";
import { UnpricedAlarm } from "./unpriced-alarm.ts";

export interface LedgerActorOptions {
  readonly tenant: string;
  readonly broker: Pick<Broker, "usage" | "cost" | "kv" | "blobs">;
  readonly clock: Clock;
  /** What is believed of prices now. */
  readonly prices: () => Prices;
  readonly logger?: Logger;
  /** Transactions between two snapshots. */
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
/** Events that are posted at once: at their largest they stay below what one append may have. */
const GROUP_MAX = 32;
/** Tries of one append after each of which nothing new stood in the stream. */
const TRIES_MAX = 100;

/** An event, or why it is none. */
interface Told<Event = UsageEvent | AppError> {
  readonly entry: StreamEntry;
  readonly event: Event;
}

/** What is to be posted, if anything. */
interface Due {
  readonly transactions: readonly Transaction[];
  readonly cursor?: number | undefined;
}

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
  readonly #alarm: UnpricedAlarm;
  /** Of `onPosted`. */
  #toldOf = 0;
  /** Aborted, whoever rests stops resting. */
  #nap = new AbortController();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: LedgerActorOptions) {
    this.#options = options;
    this.#keep = new LedgerKeep(options.tenant, options.broker);
    this.#logger = options.logger ?? silentLogger;
    this.#alarm = new UnpricedAlarm(this.#logger);
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
    let group: Told<UsageEvent>[] = [];
    const takeGroup = async (): Promise<void> => {
      const whole = group;
      group = [];
      await this.#takeGroup(whole);
      // A store of this process answers at once: nothing else would come in between.
      if (whole.length === GROUP_MAX) await nextTurn();
    };
    for await (const entry of broker.usage.read({ tenant }, this.#cursor)) {
      // Another actor has been there meanwhile.
      if (entry.position <= this.#cursor) continue;
      if (signal?.aborted) break;
      taken++;
      const event = parsedEvent(entry);
      if (event instanceof AppError || event.hold !== undefined) {
        await takeGroup();
        await this.#take({ entry, event });
      } else if (group.push({ entry, event }) === GROUP_MAX) await takeGroup();
    }
    await takeGroup();
    return taken;
  }

  /** As many at once as can be: a posting costs the broker the same for one and for all. */
  async #takeGroup(group: readonly Told<UsageEvent>[]): Promise<void> {
    for (let rest = group; rest.length > 0;) {
      let count = 0;
      await this.#insist(() => {
        // What another has taken meanwhile is left.
        rest = rest.filter(({ entry }) => entry.position > this.#cursor);
        const events = rest.map(({ event }) => event);
        const taken = decideUsage(this.#ledger, events, this.#desk());
        count = taken.count;
        return { ...taken, cursor: rest[count - 1]?.entry.position };
      });
      if (count > 0) this.#reached(rest[count - 1]!.entry);
      else if (rest[0]) await this.#take(rest[0]);
      rest = rest.slice(Math.max(1, count));
    }
  }

  async #take({ entry, event }: Told): Promise<void> {
    if (event instanceof AppError) await this.#quarantine(entry, event.message);
    else {
      // What is under a hold is taken once the hold is settled too.
      const cursor = event.hold === undefined ? entry.position : undefined;
      const decision = await this.#do({ type: "usage", event }, cursor);
      if (decision.kind === "quarantine" || decision.kind === "refused")
        await this.#quarantine(entry, decision.why);
      else await this.#settle(event, entry.position);
    }
    this.#reached(entry);
  }

  #reached({ position }: StreamEntry): void {
    this.#cursor = Math.max(this.#cursor, position);
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
    let decision: Decision;
    await this.#insist(async () => {
      do decision = decide(this.#ledger, command, this.#desk());
      while (decision.kind === "sealed" && (await this.#bringBack(decision)));
      return { transactions: decision.kind === "post" ? decision.transactions : [], cursor };
    });
    if (decision!.kind !== "sealed") return decision!;
    return { kind: "quarantine", why: `call ${decision!.call} is sealed, its archive is gone` };
  }

  /** Posts what is decided, which is decided anew after each try that came to nothing. */
  async #insist(decided: () => Due | Promise<Due>): Promise<void> {
    for (let tries = 0; ;) {
      const { transactions, cursor } = await decided();
      const failed = transactions.length > 0 && (await this.#post(transactions, cursor));
      if (!failed) return;
      const before = this.#position;
      await this.#refresh();
      tries = this.#position > before ? 0 : tries + 1;
      if (tries === TRIES_MAX) throw failed;
    }
  }

  #desk(): Desk {
    return { ...this.#options.prices(), at: this.#now() };
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
      this.#alarm.posted(posting);
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
    this.#sinceSnapshot += transactions.length;
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

function parsedEvent({ value }: StreamEntry): UsageEvent | AppError {
  try {
    return parseUsageEvent(value);
  } catch (error) {
    return error as AppError;
  }
}
