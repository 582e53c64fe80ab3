import { canonicalJson, shortHash } from "../base/digest.ts";
import { AppError } from "../base/errors.ts";
import type { Meter } from "../events/effect.events.ts";
import type { Sealed } from "../events/ledger.events.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import { Budgets, type BudgetsSnapshot } from "./budgets.ts";
import { parsePico } from "./money.ts";
import { type Quantities, shareKey } from "./rating.ts";
import { entriesOf, type RequestState, slotOf } from "./request.ts";
import type { CallState, LedgerState, Pool, PoolShare, Scope } from "./state.ts";

/** A ledger's state as JSON, complete: a fold goes on from it as from the first transaction. */
const VERSION = 1;

type Digits<Key extends string> = Readonly<Record<Key, string>>;

type SavedScope = Digits<"measured" | "billed" | "amountPico">;

type SavedPool = Pick<Pool, "pool" | "month"> &
  Digits<"billed" | "amountPico" | "basePico"> & {
    readonly shares: Readonly<Record<string, SavedShare>>;
  };
type SavedShare = Pick<PoolShare, "call" | "account"> & Digits<"amountPico" | "givenPico">;

interface SavedRequest {
  readonly id: string;
  readonly call: string;
  /** Key of the event that says what ran. */
  readonly head: string;
  readonly events: Readonly<Record<string, UsageEvent>>;
  readonly shares: readonly { scope: string; meter: Meter; priceId: string; quantity: string }[];
  readonly unrated: Partial<Digits<Meter>>;
  readonly amountPico: string;
  readonly reversed: boolean;
  readonly steps: readonly string[];
}

interface SavedCall {
  readonly events: Readonly<Record<string, string>>;
  readonly requests: Readonly<Record<string, SavedRequest>>;
}

export interface LedgerSnapshot {
  readonly v: number;
  readonly tenant: string;
  readonly seq: number;
  readonly tail: string;
  readonly balances: Digits<string>;
  readonly calls: Readonly<Record<string, SavedCall>>;
  readonly sealed: Readonly<Record<string, Sealed>>;
  readonly scopes: Readonly<Record<string, SavedScope>>;
  readonly periods: Digits<string>;
  readonly closed: readonly string[];
  /** Left out where there is none. */
  readonly pools?: Readonly<Record<string, SavedPool>>;
  readonly budgets: BudgetsSnapshot;
  readonly done: readonly string[];
}

export function toSnapshot(state: LedgerState): LedgerSnapshot {
  return {
    v: VERSION,
    tenant: state.tenant,
    seq: state.seq,
    tail: state.tail,
    balances: mapped(state.balances, String),
    calls: mapped(state.calls, saveCall),
    sealed: Object.fromEntries(state.sealed),
    scopes: mapped(state.scopes, saveScope),
    periods: mapped(state.periods, String),
    closed: [...state.closed].toSorted(),
    ...(state.pools.size > 0 && { pools: mapped(state.pools, savePool) }),
    budgets: state.budgets.snapshot(),
    done: [...state.done].toSorted(),
  };
}

/** Throws `snapshot.invalid` for one of another version: it is folded anew then. */
export function fromSnapshot(saved: LedgerSnapshot): LedgerState {
  if (saved.v !== VERSION)
    throw new AppError("snapshot.invalid", `ledger snapshot version ${saved.v} is not ${VERSION}`);
  return {
    tenant: saved.tenant,
    seq: saved.seq,
    tail: saved.tail,
    balances: toMap(saved.balances, parsePico),
    calls: toMap(saved.calls, loadCall),
    sealed: new Map(Object.entries(saved.sealed)),
    scopes: toMap(saved.scopes, loadScope),
    periods: toMap(saved.periods, parsePico),
    closed: new Set(saved.closed),
    pools: toMap(saved.pools ?? {}, loadPool),
    budgets: new Budgets().bringBack(saved.budgets),
    done: new Set(saved.done),
  };
}

/** What is kept of a sealed call: all that its fold would go on from. */
export type Archive = {
  readonly call: string;
  readonly scopes: Readonly<Record<string, SavedScope>>;
  readonly budgets: BudgetsSnapshot;
} & SavedCall;

/** Of a request's shares, those whose scopes go with the call; months are shared by calls. */
export function ownScopes({ requests }: CallState): readonly string[] {
  return [...requests.values()].flatMap(({ shares }) =>
    [...shares].filter(([, { scope }]) => !scope.startsWith("period:")).map(([key]) => key),
  );
}

export function toArchive(state: LedgerState, call: string): Archive {
  const known = state.calls.get(call) ?? { events: new Map(), requests: new Map() };
  const scopes = ownScopes(known).map((key) => [key, saveScope(state.scopes.get(key)!)]);
  const budgets = state.budgets.snapshot(call);
  return { call, scopes: Object.fromEntries(scopes), budgets, ...saveCall(known) };
}

export function archiveHash(archive: Archive): string {
  return shortHash(canonicalJson(archive));
}

export function fromArchive({ scopes, budgets: _, ...call }: Archive): {
  readonly call: CallState;
  readonly scopes: ReadonlyMap<string, Scope>;
} {
  return { call: loadCall(call), scopes: toMap(scopes, loadScope) };
}

function saveScope({ measured, billed, amountPico }: Scope): SavedScope {
  return {
    measured: String(measured),
    billed: String(billed),
    amountPico: String(amountPico),
  };
}

function loadScope(scope: SavedScope): Scope {
  return {
    measured: BigInt(scope.measured),
    billed: BigInt(scope.billed),
    amountPico: parsePico(scope.amountPico),
  };
}

function savePool(pool: Pool): SavedPool {
  return {
    ...pool,
    billed: String(pool.billed),
    amountPico: String(pool.amountPico),
    basePico: String(pool.basePico),
    shares: mapped(pool.shares, (share) => ({
      ...share,
      amountPico: String(share.amountPico),
      givenPico: String(share.givenPico),
    })),
  };
}

function loadPool(pool: SavedPool): Pool {
  return {
    ...pool,
    billed: BigInt(pool.billed),
    amountPico: parsePico(pool.amountPico),
    basePico: parsePico(pool.basePico),
    shares: toMap(pool.shares, (share) => ({
      ...share,
      amountPico: parsePico(share.amountPico),
      givenPico: parsePico(share.givenPico),
    })),
  };
}

function saveCall({ events, requests }: CallState): SavedCall {
  return { events: Object.fromEntries(events), requests: mapped(requests, saveRequest) };
}

function loadCall({ events, requests }: SavedCall): CallState {
  return { events: new Map(Object.entries(events)), requests: toMap(requests, loadRequest) };
}

function saveRequest(request: RequestState): SavedRequest {
  const shares = [...request.shares].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...request,
    head: slotOf(request.head),
    events: Object.fromEntries(request.events),
    shares: shares.map(([, { scope, meter, priceId, quantity }]) => ({
      scope,
      meter,
      priceId,
      quantity: String(quantity),
    })),
    unrated: Object.fromEntries(entriesOf(request.unrated).map(([m, q]) => [m, String(q)])),
    amountPico: String(request.amountPico),
  };
}

function loadRequest(saved: SavedRequest): RequestState {
  const shares = saved.shares.map((share) => ({ ...share, quantity: BigInt(share.quantity) }));
  const unrated: Quantities = {};
  for (const [meter, quantity] of Object.entries(saved.unrated))
    unrated[meter as Meter] = BigInt(quantity);
  return {
    ...saved,
    head: saved.events[saved.head]!,
    events: new Map(Object.entries(saved.events)),
    shares: new Map(shares.map((share) => [shareKey(share), share])),
    unrated,
    amountPico: parsePico(saved.amountPico),
  };
}

function mapped<From, To>(
  map: ReadonlyMap<string, From>,
  save: (value: From) => To,
): Readonly<Record<string, To>> {
  return Object.fromEntries([...map].map(([key, value]) => [key, save(value)]));
}

function toMap<From, To>(
  record: Readonly<Record<string, From>>,
  load: (value: From) => To,
): Map<string, To> {
  return new Map(Object.entries(record).map(([key, value]) => [key, load(value)]));
}
