import { shortHash } from "../base/digest.ts";
import type { Entry } from "../events/ledger.events.ts";
import { lengthPrefixed } from "../events/usage.events.ts";
import type { Ledger } from "./ledger.ts";
import { allocate, divideHalfEven } from "./money.ts";
import type { Desk } from "./post.ts";
import { knownRow } from "./rating.ts";
import type { Pool, PoolShare } from "./state.ts";

/** So many parts stand in one transaction: a posting has to fit a message. */
const PARTS_MAX = 500;

/**
 * Units of a month that cost nothing: usage is posted at its price as it comes, and what the free
 * ones cost is given back when the month is closed, each call its part by largest remainder. Q1:
 * the parts sum to what is due. Q2: what comes late for a closed month changes what is due for it,
 * and the difference is given, or taken back, at the next closing. These are the first so many
 * entries; none where all is given.
 */
export function givingBack(ledger: Ledger, month: string, desk: Desk): readonly Entry[] {
  const entries: Entry[] = [];
  const byProvider = new Map<string, bigint>();
  const pools = [...ledger.pools()].filter(
    ([, pool]) => pool.month === month || ledger.isClosed(pool.month),
  );
  for (const [, pool] of pools.toSorted(byKey)) {
    const { provider, allowance } = knownRow(desk.book, pool.pool);
    for (const { share, missing } of partsOf(pool, allowance?.units ?? 0n)) {
      if (missing === 0n) continue;
      if (entries.length === PARTS_MAX) break;
      entries.push(giving(pool, share, { missing, seq: ledger.seq }));
      byProvider.set(provider, (byProvider.get(provider) ?? 0n) + missing);
    }
  }
  for (const [provider, sum] of byProvider)
    if (sum !== 0n) entries.push({ account: `payable:${provider}`, amountPico: String(sum) });
  return entries;
}

/** What each call still misses of its part. */
function partsOf(pool: Pool, units: bigint) {
  const shares = [...pool.shares].toSorted(byKey).map(([, share]) => share);
  const weights = shares.map(({ amountPico }) => (amountPico < 0n ? -amountPico : amountPico));
  const parts = allocate(dueOf(pool, units) - pool.basePico, weights);
  return shares.map((share, at) => ({ share, missing: parts[at]! - share.givenPico }));
}

/** What the free ones of a month's units cost. */
function dueOf({ billed, amountPico }: Pool, units: bigint): bigint {
  if (billed <= 0n) return 0n;
  const free = units < billed ? units : billed;
  return divideHalfEven(amountPico * free, billed).quotient;
}

function giving(
  { pool, month }: Pool,
  { call, account }: PoolShare,
  { missing, seq }: { readonly missing: bigint; readonly seq: number },
): Entry {
  const line = shortHash(lengthPrefixed(["given", pool, month, call, account, String(seq)]));
  return { account, amountPico: String(-missing), given: { line, pool, month, call } };
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
