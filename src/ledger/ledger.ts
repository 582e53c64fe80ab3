import { canonicalJson, shortHash } from "../base/digest.ts";
import { AppError } from "../base/errors.ts";
import {
  type Entry,
  type Sealed,
  type Transaction,
  transactionHash,
} from "../events/ledger.events.ts";
import { requestIdOf } from "../events/usage.events.ts";
import { Budgets, holdOf } from "./budgets.ts";
import { parsePico } from "./money.ts";
import { closePools, foldPool } from "./pools.ts";
import { type Quantities, shareKey } from "./rating.ts";
import { entriesOf, isClosed, leaseOf, type RequestState, withEvent } from "./request.ts";
import {
  type Archive,
  archiveHash,
  fromArchive,
  fromSnapshot,
  type LedgerSnapshot,
  ownScopes,
  toArchive,
  toSnapshot,
} from "./snapshot.ts";
import type { CallState, LedgerState, Pool, Scope } from "./state.ts";

/**
 * One tenant's ledger: the fold of its transactions, and nothing else. G1: a transaction that does
 * not follow the one before it, or does not sum to zero, changes nothing. G2: no price is read
 * here, so that the same stream gives the same state whatever the book says today.
 */
export interface Unrated {
  readonly request: string;
  readonly call: string;
  readonly quantities: Quantities;
}

const EMPTY: Scope = { measured: 0n, billed: 0n, amountPico: 0n };

export class Ledger {
  readonly #state: LedgerState;
  /** Derived from the state: requests that are open, and those with something unrated. */
  readonly #open = new Set<RequestState>();
  readonly #unrated = new Set<RequestState>();

  constructor(tenant: string) {
    this.#state = {
      tenant,
      seq: 0,
      tail: "",
      balances: new Map(),
      calls: new Map(),
      sealed: new Map(),
      scopes: new Map(),
      periods: new Map(),
      closed: new Set(),
      pools: new Map(),
      budgets: new Budgets(),
      done: new Set(),
    };
  }

  static restore(snapshot: LedgerSnapshot): Ledger {
    const ledger = new Ledger(snapshot.tenant);
    Object.assign(ledger.#state, fromSnapshot(snapshot));
    for (const { requests } of ledger.#state.calls.values())
      for (const request of requests.values()) ledger.#index(request, undefined);
    return ledger;
  }

  get tenant(): string {
    return this.#state.tenant;
  }

  get seq(): number {
    return this.#state.seq;
  }

  /** Hash of the last transaction. */
  get tail(): string {
    return this.#state.tail;
  }

  get budgets(): Budgets {
    return this.#state.budgets;
  }

  balance(account: string): bigint {
    return this.#state.balances.get(account) ?? 0n;
  }

  /** Accounts that are not zero. */
  balances(): ReadonlyMap<string, bigint> {
    return this.#state.balances;
  }

  /** What was posted as cost; more than that was used while anything is unrated. */
  cost(): { readonly amountPico: bigint; readonly unrated: readonly Unrated[] } {
    let amountPico = 0n;
    for (const [account, amount] of this.#state.balances)
      if (account.startsWith("cost:")) amountPico += amount;
    const unrated = [...this.#unrated].map(({ id, call, unrated: quantities }) => ({
      request: id,
      call,
      quantities,
    }));
    return { amountPico, unrated };
  }

  periodCost(period: string): bigint {
    return this.#state.periods.get(period) ?? 0n;
  }

  isClosed(period: string): boolean {
    return this.#state.closed.has(period);
  }

  /** What months used of what has an allowance. */
  pools(): ReadonlyMap<string, Readonly<Pool>> {
    return this.#state.pools;
  }

  /** Calls that usage was taken of and that are not sealed. */
  calls(): readonly string[] {
    return [...this.#state.calls.keys()];
  }

  /** What is remembered of a call that was sealed. */
  sealed(call: string): Sealed | undefined {
    return this.#state.sealed.get(call);
  }

  sealedCalls(): ReadonlyMap<string, Sealed> {
    return this.#state.sealed;
  }

  /** What is to be kept of a call elsewhere, once it is sealed. */
  archive(call: string): Archive {
    return toArchive(this.#state, call);
  }

  isDone(txn: string): boolean {
    return this.#state.done.has(txn);
  }

  /** Payload hash of an event that was taken. */
  seen(call: string, eventId: string): string | undefined {
    return this.#state.calls.get(call)?.events.get(eventId);
  }

  request(call: string, id: string): RequestState | undefined {
    return this.#state.calls.get(call)?.requests.get(id);
  }

  requests(call?: string): readonly RequestState[] {
    const calls = call === undefined ? [...this.#state.calls.keys()] : [call];
    return calls.flatMap((one) => [...(this.#state.calls.get(one)?.requests.values() ?? [])]);
  }

  /** Requests that nobody has closed yet. */
  openRequests(): readonly RequestState[] {
    return [...this.#open];
  }

  /** Open requests that nobody answers for any more. */
  orphans(atMs: number): readonly RequestState[] {
    return this.openRequests().filter((request) => leaseOf(request) <= atMs);
  }

  scope(key: string): Scope {
    return this.#state.scopes.get(key) ?? EMPTY;
  }

  snapshot(): LedgerSnapshot {
    return toSnapshot(this.#state);
  }

  /** Equal for equal states, however they were reached. */
  stateHash(): string {
    return shortHash(canonicalJson(this.snapshot()));
  }

  /** Throws `ledger.damaged` and changes nothing where a transaction does not follow (G1). */
  apply(txn: Transaction): void {
    const problem = this.#problemOf(txn);
    if (problem) throw new AppError("ledger.damaged", `transaction ${txn.seq}: ${problem}`);
    const state = this.#state;
    this.#applyRequest(txn);
    for (const entry of txn.entries) this.#applyEntry(entry, txn);
    if (txn.hold) state.budgets.put(holdOf(txn.hold));
    if (txn.limit) {
      const { node, amountPico } = txn.limit;
      state.budgets.setLimit(node, amountPico === null ? undefined : parsePico(amountPico));
    }
    if (txn.sealed) this.#seal(txn.sealed);
    if (txn.restored !== undefined) this.#bringBack(txn.restored as unknown as Archive);
    if (txn.closedPeriod !== undefined) {
      state.closed.add(txn.closedPeriod);
      closePools(state.pools, (month) => state.closed.has(month));
    }
    if (txn.kind === "close" || (txn.kind === "adjust" && !txn.hold)) state.done.add(txn.txn);
    state.seq = txn.seq;
    state.tail = txn.hash;
  }

  #problemOf(txn: Transaction): string | undefined {
    const { hash, ...body } = txn;
    if (txn.tenant !== this.tenant) return `it is of tenant ${txn.tenant}`;
    if (txn.seq !== this.seq + 1) return `it does not follow ${this.seq}`;
    if (txn.prev !== this.tail) return "it does not chain to the one before it";
    if (transactionHash(body) !== hash) return "its hash is another transaction's";
    const { sealed, restored } = txn;
    if (sealed && archiveHash(this.archive(sealed.call)) !== sealed.archive)
      return "what it seals is another call";
    if (restored !== undefined && !this.#wasSealed(restored as unknown as Archive))
      return "what it brings back is not what was sealed";
    const part = this.#partProblem(txn);
    if (part) return part;
    const sum = txn.entries.reduce((all, entry) => all + parsePico(entry.amountPico), 0n);
    return sum === 0n ? undefined : `its entries sum to ${sum}`;
  }

  /** What a transaction is about must be as it was when it was decided. */
  #partProblem({ kind, event, request, hold }: Transaction): string | undefined {
    if (event && this.seen(event.call, event.eventId) !== undefined)
      return "its event was taken before";
    if (request && !this.request(request.call, request.id)) return "its request is not known";
    const before = hold && this.budgets.hold(hold.id);
    if (kind === "hold" && before) return "its hold was placed before";
    if (before && before.state !== "open" && before.state !== hold.state)
      return "its hold was resolved before";
    return undefined;
  }

  #applyEntry(entry: Entry, txn: Transaction): void {
    const { account, amountPico, rated } = entry;
    const { balances, periods, scopes } = this.#state;
    const amount = parsePico(amountPico);
    const balance = this.balance(account) + amount;
    if (balance === 0n) balances.delete(account);
    else balances.set(account, balance);
    if (account.startsWith("cost:"))
      periods.set(txn.period, (periods.get(txn.period) ?? 0n) + amount);
    foldPool(this.#state.pools, entry, txn);
    if (!rated || rated.priceId === null) return;
    const key = shareKey({ ...rated, priceId: rated.priceId });
    const after = scopeAfter(this.scope(key), rated, amountPico);
    if (after.measured === 0n) scopes.delete(key);
    else scopes.set(key, after);
  }

  /** What a transaction says of its request: a new event, shares, a reversal. */
  #applyRequest(txn: Transaction): void {
    const { event, request: part } = txn;
    if (!event && !part) return;
    const name = event?.call ?? part!.call;
    const call = this.#callState(name);
    if (event) call.events.set(event.eventId, event.payloadHash);
    const before = call.requests.get(event ? requestIdOf(event) : part!.id);
    const after = requestAfter((id) => call.requests.get(id), txn);
    call.requests.set(after.id, after);
    this.#index(after, before);
  }

  #callState(name: string): CallState {
    const { calls } = this.#state;
    let call = calls.get(name);
    if (!call) calls.set(name, (call = { events: new Map(), requests: new Map() }));
    return call;
  }

  #index(after: RequestState | undefined, before: RequestState | undefined): void {
    if (before) {
      this.#open.delete(before);
      this.#unrated.delete(before);
    }
    if (!after) return;
    if (!isClosed(after)) this.#open.add(after);
    if (entriesOf(after.unrated).length > 0) this.#unrated.add(after);
  }

  /** Forgets a call; its money stays, and so do scopes that it shares with others. */
  #seal({ call: name, ...rest }: NonNullable<Transaction["sealed"]>): void {
    const { calls, scopes, budgets, sealed } = this.#state;
    const call = this.#callState(name);
    for (const request of call.requests.values()) this.#index(undefined, request);
    for (const key of ownScopes(call)) scopes.delete(key);
    calls.delete(name);
    budgets.forget(name);
    sealed.set(name, rest);
  }

  #wasSealed(archive: Archive): boolean {
    return this.sealed(archive.call)?.archive === archiveHash(archive);
  }

  #bringBack(archive: Archive): void {
    const { call, scopes } = fromArchive(archive);
    this.#state.calls.set(archive.call, call);
    for (const [key, scope] of scopes) this.#state.scopes.set(key, scope);
    this.budgets.bringBack(archive.budgets);
    for (const request of call.requests.values()) this.#index(request, undefined);
    this.#state.sealed.delete(archive.call);
  }
}

/** What a transaction makes of the request that it is about. */
export function requestAfter(
  known: (id: string) => RequestState | undefined,
  txn: Transaction,
): RequestState {
  const { event, request: part } = txn;
  const before = known(event ? requestIdOf(event) : part!.id);
  const posted = withEntries(event ? withEvent(before, event) : before!, txn.entries);
  if (!part) return posted;
  return { ...posted, reversed: txn.kind === "reverse", steps: [...posted.steps, txn.txn] };
}

/** What a rated entry makes of its scope. */
export function scopeAfter(
  { measured, billed, amountPico }: Scope,
  rated: NonNullable<Entry["rated"]>,
  morePico: string,
): Scope {
  return {
    measured: measured + BigInt(rated.measured),
    billed: billed + BigInt(rated.billed),
    amountPico: amountPico + parsePico(morePico),
  };
}

/** A request with what a transaction posted for it. */
function withEntries(request: RequestState, entries: readonly Entry[]): RequestState {
  const shares = new Map(request.shares);
  const unrated = { ...request.unrated };
  let { amountPico } = request;
  for (const { rated, amountPico: amount } of entries) {
    if (!rated) continue;
    const { scope, meter, priceId } = rated;
    amountPico += parsePico(amount);
    if (priceId === null) {
      const quantity = (unrated[meter] ?? 0n) + BigInt(rated.measured);
      if (quantity === 0n) delete unrated[meter];
      else unrated[meter] = quantity;
      continue;
    }
    const key = shareKey({ scope, meter, priceId });
    const quantity = (shares.get(key)?.quantity ?? 0n) + BigInt(rated.measured);
    if (quantity === 0n) shares.delete(key);
    else shares.set(key, { scope, meter, priceId, quantity });
  }
  return { ...request, shares, unrated, amountPico };
}
