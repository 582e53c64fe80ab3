import { type Clock, sleep } from "../base/clock.ts";
import { type AppError, codeOf, ERRORS, toAppError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import type { Subscription } from "../broker/bus.port.ts";
import { subjects } from "../events/subjects.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Prices } from "../ledger/rating.ts";
import { entriesOf, isClosed, type RequestState } from "../ledger/request.ts";
import { LedgerActor } from "./ledger-actor.ts";
import { TenantLease } from "./tenant-lease.ts";
import { toldUpTo } from "./usage-outbox.ts";

export interface BookPorts {
  readonly broker: Pick<Broker, "log" | "usage" | "cost" | "kv" | "blobs" | "bus">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly prices: () => Prices;
  /** Of this process; without one no other shares the store. */
  readonly owner?: string | undefined;
  /** First token of the bus's subjects. */
  readonly prefix?: string | undefined;
  /** Something may be new in the cost stream of a tenant whose usage is taken here. */
  readonly onPosted: () => void;
  /** From now on the tenant's usage is taken here and not elsewhere. */
  readonly onTaken: () => void;
}

const OPEN_AGAIN_MS = 2_000;
/** After a call and its last usage, what it used may still be told anew. */
const SEAL_AFTER_MS = 10 * 60_000;

/** One tenant's ledger in this process: opened once, run until the end, its calls sealed. */
export class TenantBook {
  readonly #ports: BookPorts;
  readonly #tenant: string;
  readonly #lease: TenantLease | undefined;
  #opened: Promise<LedgerActor> | undefined;
  #actor: LedgerActor | undefined;
  #damage: AppError | undefined;
  #heard: Subscription | undefined;
  /** What was told last of why it waits: it is not told at each try. */
  #waitsFor: string | undefined;

  constructor(ports: BookPorts, tenant: string) {
    const { owner, broker, clock } = ports;
    this.#ports = ports;
    this.#tenant = tenant;
    if (owner !== undefined) this.#lease = new TenantLease({ ...broker, clock, owner }, tenant);
  }

  /** Errors: `broker.unavailable` (ask again), `ledger.damaged`. */
  async ledger(): Promise<LedgerActor> {
    if (this.#damage !== undefined) throw this.#damage;
    const onPosted = (): void => {
      if (!this.#lease || this.#heard) this.#ports.onPosted();
    };
    const options = { ...this.#ports, tenant: this.#tenant, onPosted };
    const opened = (this.#opened ??= LedgerActor.open(options));
    try {
      return (this.#actor = await opened);
    } catch (error) {
      if (this.#opened === opened) this.#opened = undefined;
      throw error;
    }
  }

  /** Whether this process is the one that takes the tenant's usage. */
  async isMine(): Promise<boolean> {
    if (!this.#lease) return this.#damage === undefined;
    if (this.#damage !== undefined) return false;
    const isMine = await this.#lease.isMine();
    if (!isMine) this.#hearNothing();
    else if (!this.#heard) {
      this.#heard = this.#hear();
      this.#ports.onTaken();
      this.#ports.onPosted();
    }
    return isMine;
  }

  wake(): void {
    this.#actor?.wake();
  }

  /** Until the signal aborts or the ledger is found damaged; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    if (!this.#lease) this.#ports.onPosted();
    while (!signal.aborted && this.#damage === undefined)
      try {
        const actor = await this.ledger();
        this.#waitsFor = undefined;
        await actor.run(signal, () => this.isMine());
      } catch (error) {
        this.#failed(error);
        if (this.#damage === undefined) await sleep(clock, OPEN_AGAIN_MS, signal);
      }
    this.#hearNothing();
    await this.#lease?.release().catch(() => undefined);
  }

  /**
   * Forgets the calls that are over for long and told to their end. Returns those that are over and
   * not told.
   */
  async sealCalls(): Promise<readonly string[]> {
    const untold: string[] = [];
    const actor = this.#actor;
    if (!actor || this.#damage !== undefined) return untold;
    const before = this.#ports.clock.now() - SEAL_AFTER_MS;
    for (const call of actor.ledger.calls()) {
      if (!isQuiet(actor.ledger, call, before)) continue;
      const end = await this.#endOf(call);
      if (!end || end.at > before) continue;
      const ref = { tenant: this.#tenant, call };
      if ((await toldUpTo(this.#ports.broker.kv, ref)) < end.seq) untold.push(call);
      else await actor.seal(call);
    }
    return untold;
  }

  /** The usage streams of a server can be heard: another process has told something. */
  #hear(): Subscription {
    const { broker, prefix } = this.#ports;
    return broker.bus.subscribe(subjects(prefix).usage(this.#tenant, "*"), () => {
      this.wake();
      return undefined;
    });
  }

  #hearNothing(): void {
    this.#heard?.close();
    this.#heard = undefined;
  }

  /** The record that ended a call, undefined while it goes on. */
  async #endOf(call: string): Promise<{ readonly seq: number; readonly at: number } | undefined> {
    const { log } = this.#ports.broker;
    const ref = { tenant: this.#tenant, call };
    const { seq } = await log.tail(ref);
    if (seq === 0) return undefined;
    for await (const { input, at } of log.read(ref, seq))
      return input.type === "call.ended" ? { seq, at } : undefined;
    return undefined;
  }

  #failed(error: unknown): void {
    const code = codeOf(error);
    const fields = { tenant: this.#tenant, code, error: String(error) };
    // What no one foresaw may pass; what the store holds does not.
    const isDamage = ERRORS[code].family === "corrupt" && code !== "bug";
    if (isDamage) this.#damage = toAppError(error, "ledger.damaged");
    // What it has folded is of no use.
    this.#opened = this.#actor = undefined;
    if (code === this.#waitsFor) return;
    this.#waitsFor = code;
    const message = isDamage ? "a ledger is damaged: nothing of it is posted" : "a ledger waits";
    this.#ports.logger.log(isDamage || code === "bug" ? "error" : "warn", message, fields);
  }
}

/** Whether nothing of a call is open, without a price, or newer than `before`. */
function isQuiet(ledger: Ledger, call: string, before: number): boolean {
  return ledger.requests(call).every((request) => isSettled(request, before));
}

function isSettled(request: RequestState, before: number): boolean {
  const { head, unrated } = request;
  return isClosed(request) && entriesOf(unrated).length === 0 && head.observedAt <= before;
}
