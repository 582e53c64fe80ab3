import type { Entry, Transaction } from "../events/ledger.events.ts";
import { lengthPrefixed } from "../events/usage.events.ts";
import { parsePico } from "./money.ts";
import type { Pool, PoolShare } from "./state.ts";

/** The fold's part of allowances: what months used of them, and what was given back. */
type Pools = Map<string, Pool>;

/** Folds an entry of a transaction: usage of an allowance, or a part that is given back. */
export function foldPool(pools: Pools, entry: Entry, txn: Transaction): void {
  const { rated, given, account } = entry;
  const amount = parsePico(entry.amountPico);
  if (rated?.pool !== undefined) {
    const pool = poolOf(pools, { pool: rated.pool, month: txn.late ?? txn.period });
    const call = (txn.event ?? txn.request)!.call;
    pool.billed += BigInt(rated.billed);
    pool.amountPico += amount;
    shareOf(pool, { call, account }).amountPico += amount;
  }
  if (given) shareOf(poolOf(pools, given), { call: given.call, account }).givenPico -= amount;
}

/** A month that is closed keeps its sums, for what comes late, and not its calls. */
export function closePools(pools: Pools, isClosed: (month: string) => boolean): void {
  for (const pool of pools.values()) {
    if (!isClosed(pool.month)) continue;
    for (const { givenPico } of pool.shares.values()) pool.basePico += givenPico;
    pool.shares.clear();
  }
}

function poolOf(pools: Pools, { pool, month }: Pick<Pool, "pool" | "month">): Pool {
  const key = lengthPrefixed([month, pool]);
  let known = pools.get(key);
  if (!known) {
    known = { pool, month, billed: 0n, amountPico: 0n, basePico: 0n, shares: new Map() };
    pools.set(key, known);
  }
  return known;
}

function shareOf({ shares }: Pool, { call, account }: Pick<PoolShare, "call" | "account">) {
  const key = lengthPrefixed([call, account]);
  let known = shares.get(key);
  if (!known) shares.set(key, (known = { call, account, amountPico: 0n, givenPico: 0n }));
  return known;
}
