import type { Sealed } from "../events/ledger.events.ts";
import type { Budgets } from "./budgets.ts";
import type { RequestState } from "./request.ts";

/** What is posted of all that is rated as one: a share key's sum over its requests. */
export interface Scope {
  readonly measured: bigint;
  readonly billed: bigint;
  readonly amountPico: bigint;
}

/**
 * What a month used of what has an allowance: in all, and by call since it was last given back. The
 * calls are kept until the month is closed, whether they are sealed or not.
 */
export interface Pool {
  readonly pool: string;
  readonly month: string;
  billed: bigint;
  amountPico: bigint;
  /** Given back at earlier closings. */
  basePico: bigint;
  readonly shares: Map<string, PoolShare>;
}

export interface PoolShare {
  readonly call: string;
  /** That the cost was posted to. */
  readonly account: string;
  amountPico: bigint;
  givenPico: bigint;
}

export interface CallState {
  /** Payload hashes of the events that were taken, by event id. */
  readonly events: Map<string, string>;
  readonly requests: Map<string, RequestState>;
}

/** All that is folded; `seq` and `tail` are of the last transaction. */
export interface LedgerState {
  tenant: string;
  seq: number;
  tail: string;
  balances: Map<string, bigint>;
  calls: Map<string, CallState>;
  /** Calls that are over and forgotten. */
  sealed: Map<string, Sealed>;
  scopes: Map<string, Scope>;
  /** Cost by period, and the periods that are closed. */
  periods: Map<string, bigint>;
  closed: Set<string>;
  /** By month and name. */
  pools: Map<string, Pool>;
  budgets: Budgets;
  /** Transactions of commands that have no other mark in the state. */
  done: Set<string>;
}
