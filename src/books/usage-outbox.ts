import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, sleep } from "../base/clock.ts";
import { AppError, codeOf, ERRORS } from "../base/errors.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import type { Kv } from "../broker/kv.port.ts";
import type { CallRef, Json, LogRecord } from "../events/record.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import { Metering } from "../folds/metering.ts";

export interface UsageOutboxOptions {
  readonly broker: Pick<Broker, "log" | "usage" | "kv">;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** Records that may wait; a call with more is read from its log again. */
  readonly waitingMax?: number;
  /** An event of this call stands in the usage stream now; neither waits nor throws. */
  readonly onPublished?: (ref: CallRef) => void;
}

/** Since the outbox was opened. */
export interface OutboxCounts {
  readonly published: number;
  /** Events that stood in the stream already: another owner's, or from before a crash. */
  readonly known: number;
  /** Records that found no room to wait. */
  readonly refused: number;
  /** Tries that ended with an error. */
  readonly failed: number;
}

const WAITING_MAX = 4_096;
/** Calls whose fold is kept; another one costs a reading of its log. */
const CALLS_MAX = 1_024;
/** Without letting anything else in between: a store of this process answers at once. */
const CALLS_AT_ONCE = 8;
const RETRY_MS = 500;
/** Tries of one append after which the call is begun anew. */
const TRIES_MAX = 20;
/** What stands in the stream tells what became of it. */
const LOOK_AGAIN: readonly string[] = ["stream.conflict", "log.unknown"];

interface Waiting {
  readonly ref: CallRef;
  /** Where the log has more than was handed over, it is read. */
  fromLog: boolean;
  records: LogRecord[];
}

/** What is known of a call and of its usage stream. */
interface CallUsage {
  readonly ref: CallRef;
  readonly metering: Metering;
  /** Of the last record that is folded. */
  seq: number;
  /** Where its usage stream ends. */
  end: number;
  readonly ids: Set<string>;
}

/**
 * Tells the ledger what acknowledged records used. O1: behind the call and never in its way: it
 * takes or refuses at once, and what it refused it reads from the log later. O2: an event is told
 * once, however many owners, crashes and retries there are: by compare-and-set on the call's end
 * and by its id. O3: a cursor in kv tells up to which record a call was told, so that whoever comes
 * later finds the calls that were not.
 */
export class UsageOutbox implements AsyncDisposable {
  readonly #options: UsageOutboxOptions;
  readonly #logger: Logger;
  readonly #counts = { published: 0, known: 0, refused: 0, failed: 0 };
  readonly #waiting = new Map<string, Waiting>();
  /** In the order of their last record. */
  readonly #calls = new Map<string, CallUsage>();
  /** Calls whose log cannot be read or folded. */
  readonly #left = new Set<string>();
  readonly #closing = new AbortController();
  #waitingRecords = 0;
  /** Said once, and not at each try. */
  #isHeldUp = false;
  #pump: Promise<void> | undefined;

  constructor(options: UsageOutboxOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  get counts(): OutboxCounts {
    return { ...this.#counts };
  }

  /** Records that the log has acknowledged, in order. Neither waits nor throws. */
  offer(ref: CallRef, records: readonly LogRecord[]): void {
    if (this.#left.has(keyOf(ref))) return;
    const waiting = this.#waitingOf(ref);
    const room = (this.#options.waitingMax ?? WAITING_MAX) - this.#waitingRecords;
    if (records.length > room) {
      this.#counts.refused += records.length;
      waiting.fromLog = true;
    } else {
      waiting.records.push(...records);
      this.#waitingRecords += records.length;
    }
    this.#start();
  }

  /** Tells what a call's log has and its stream not, as after a takeover. */
  follow(ref: CallRef): void {
    this.#waitingOf(ref).fromLog = true;
    this.#start();
  }

  /** Follows every call whose cursor is behind its log, as after a crash. */
  async followAll(tenant?: string): Promise<void> {
    const { log, kv } = this.#options.broker;
    for (const [i, ref] of (await log.calls(tenant)).entries()) {
      if (i % CALLS_AT_ONCE === CALLS_AT_ONCE - 1) await nextTurn();
      if ((await toldUpTo(kv, ref)) < (await log.tail(ref)).seq) this.follow(ref);
    }
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#pump) await this.#pump;
  }

  /** Whatever waits is found by the next `followAll`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.idle();
  }

  #waitingOf(ref: CallRef): Waiting {
    const key = keyOf(ref);
    const waiting = this.#waiting.get(key) ?? { ref, fromLog: false, records: [] };
    this.#waiting.set(key, waiting);
    return waiting;
  }

  #start(): void {
    if (this.#closing.signal.aborted) return;
    this.#pump ??= this.#run().finally(() => (this.#pump = undefined));
  }

  /** One call after the other, off the caller's stack. */
  async #run(): Promise<void> {
    await Promise.resolve();
    const { signal } = this.#closing;
    for (let calls = 1; ; calls++) {
      if (calls % CALLS_AT_ONCE === 0) await nextTurn();
      const [next] = this.#waiting;
      if (!next || signal.aborted) return;
      const [key, waiting] = next;
      this.#waiting.delete(key);
      this.#waitingRecords -= waiting.records.length;
      try {
        await this.#tell(waiting);
        this.#isHeldUp = false;
      } catch (error) {
        // Its fold is ahead of what was told.
        this.#calls.delete(key);
        this.#failed(waiting.ref, error);
        if (!this.#left.has(key)) await sleep(this.#options.clock, RETRY_MS, signal);
      }
    }
  }

  #failed(ref: CallRef, error: unknown): void {
    this.#counts.failed++;
    const fields = { ...ref, error: String(error) };
    const code = codeOf(error);
    // A reader that lags has not heard of a new call.
    if (ERRORS[code].retry === "never" && code !== "call.notFound") {
      this.#left.add(keyOf(ref));
      this.#logger.log("error", "a call's usage cannot be told", fields);
    } else {
      this.#waitingOf(ref).fromLog = true;
      if (!this.#isHeldUp) this.#logger.log("warn", "usage waits to be told", fields);
      this.#isHeldUp = true;
    }
  }

  async #tell({ ref, records, fromLog }: Waiting): Promise<void> {
    const { log, kv } = this.#options.broker;
    const before = this.#counts.published;
    const call = await this.#callOf(ref);
    const first = records[0];
    if (fromLog || (first && first.seq > call.seq + 1))
      for await (const record of log.read(ref, call.seq + 1)) await this.#fold(call, record);
    for (const record of records) await this.#fold(call, record);
    if (fromLog && (await log.tail(ref)).seq > call.seq) throw notYet(call);
    // What brought nothing may be folded again: a write less.
    if (fromLog || this.#counts.published > before) await kv.put(cursorKey(ref), call.seq);
  }

  async #fold(call: CallUsage, record: LogRecord): Promise<void> {
    if (record.seq <= call.seq) return;
    if (record.seq > call.seq + 1) throw notYet(call);
    const events = call.metering.apply(record);
    call.seq = record.seq;
    for (const event of events) await this.#publish(call, event);
  }

  async #publish(call: CallUsage, event: UsageEvent): Promise<void> {
    const item = { id: `${event.eventId}.${event.payloadHash}`, value: { ...event } as Json };
    for (let tries = 1; !call.ids.has(item.id); tries++)
      try {
        call.end = await this.#options.broker.usage.append(call.ref, call.end, item);
        call.ids.add(item.id);
        this.#counts.published++;
        this.#options.onPublished?.(call.ref);
        return;
      } catch (error) {
        if (!LOOK_AGAIN.includes(codeOf(error)) || tries === TRIES_MAX) throw error;
        await this.#look(call);
      }
    this.#counts.known++;
  }

  async #callOf(ref: CallRef): Promise<CallUsage> {
    const key = keyOf(ref);
    const known = this.#calls.get(key);
    const call = known ?? { ref, metering: new Metering(), seq: 0, end: 0, ids: new Set() };
    if (!known) await this.#look(call);
    this.#calls.delete(key);
    this.#calls.set(key, call);
    if (this.#calls.size > CALLS_MAX) this.#calls.delete([...this.#calls.keys()][0]!);
    return call;
  }

  /** Takes in what stands in the call's usage stream. */
  async #look(call: CallUsage): Promise<void> {
    for await (const { id, position } of this.#options.broker.usage.read(call.ref, call.end)) {
      call.ids.add(id);
      call.end = position;
    }
  }
}

function notYet({ seq }: CallUsage): AppError {
  return new AppError("log.unknown", `record ${seq + 1} is not there to be read yet`);
}

function keyOf({ tenant, call }: CallRef): string {
  return `${tenant}/${call}`;
}

/** Up to which record a call was told at least. */
export async function toldUpTo(kv: Kv, ref: CallRef): Promise<number> {
  const told = (await kv.get(cursorKey(ref)))?.value;
  return typeof told === "number" ? told : 0;
}

function cursorKey({ tenant, call }: CallRef): string {
  return `usage.${tenant}.${call}`;
}
