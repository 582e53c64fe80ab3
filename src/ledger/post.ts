import { shortHash } from "../base/digest.ts";
import {
  type Entry,
  type Transaction,
  type TransactionBody,
  type TransactionKind,
  transactionHash,
} from "../events/ledger.events.ts";
import type { Meter } from "../events/effect.events.ts";
import { lengthPrefixed } from "../events/usage.events.ts";
import type { LedgerView } from "./ahead.ts";
import {
  amountOf,
  knownRow,
  periodOf,
  type Prices,
  type Rating,
  RULES_VERSION,
  type Share,
  shareKey,
} from "./rating.ts";
import { entriesOf, type RequestState } from "./request.ts";

/** What a decision is made with beside the ledger: prices, and the time of posting in Unix ms. */
export interface Desk extends Prices {
  readonly at: number;
}

/** A transaction before it has its place in the chain. */
export interface Draft extends Partial<
  Pick<
    TransactionBody,
    "event" | "request" | "hold" | "limit" | "evidence" | "sealed" | "restored" | "closedPeriod"
  >
> {
  readonly txn: string;
  readonly kind: TransactionKind;
  readonly occurredAt: number;
  readonly entries: readonly Entry[];
}

/** What is to be done about a command. */
export type Verdict =
  | { readonly kind: "post"; readonly drafts: readonly Draft[] }
  /** It was taken before, or leaves everything as it is. */
  | { readonly kind: "duplicate" }
  | { readonly kind: "quarantine"; readonly why: string }
  /** Its call was forgotten: restore it from the archive with this hash, then ask again. */
  | { readonly kind: "sealed"; readonly call: string; readonly archive: string }
  | { readonly kind: "refused"; readonly why: string; readonly node?: string };

export const DUPLICATE: Verdict = { kind: "duplicate" };

export function refused(why: string): Verdict {
  return { kind: "refused", why };
}

/** A transaction's id: what caused it, and which step of that. */
export function txnOf(kind: TransactionKind, ...cause: readonly string[]): string {
  return shortHash(lengthPrefixed([kind, ...cause]));
}

/** Chains drafts to the ledger's tail; none of them is applied. */
export function chain(ledger: LedgerView, drafts: readonly Draft[], desk: Desk): Transaction[] {
  let { seq, tail: prev } = ledger;
  return drafts.map(({ txn, kind, occurredAt, entries, ...parts }) => {
    const body: TransactionBody = {
      v: 1,
      seq: ++seq,
      txn,
      kind,
      tenant: ledger.tenant,
      occurredAt,
      postedAt: desk.at,
      ...periodsOf(ledger, occurredAt, desk.at),
      book: bookName(desk),
      rules: RULES_VERSION,
      entries: [...entries],
      ...parts,
      prev,
    };
    const hash = transactionHash(body);
    prev = hash;
    return { ...body, hash };
  });
}

/** A book's version, and up to when it was believed. */
function bookName({ book, knownAt }: Prices): string {
  return knownAt === undefined ? book.version : `${book.version}@${knownAt}`;
}

/** What comes late for a closed period counts in the one that is open, and names its own. */
function periodsOf(
  ledger: LedgerView,
  occurredAt: number,
  atMs: number,
): Pick<TransactionBody, "period" | "late"> {
  const own = periodOf(occurredAt);
  if (!ledger.isClosed(own)) return { period: own };
  return { period: periodOf(atMs), late: own };
}

/**
 * Entries that bring a request from what is posted for it to `next`: for each price row the
 * difference of its scope's whole amounts (R1), and the vendor's account against their sum.
 */
export function repost(
  ledger: LedgerView,
  request: RequestState,
  { next, desk, txn }: { readonly next: Rating; readonly desk: Desk; readonly txn: string },
): readonly Entry[] {
  const { service, provider } = request.head;
  const wanted = new Map(next.shares.map((share) => [shareKey(share), share]));
  const entries: Entry[] = [];
  let sum = 0n;
  // In an order that does not hang on how the state was reached.
  const shares = [...new Map([...request.shares, ...wanted])].toSorted(byKey);
  for (const [key, share] of shares) {
    const before = request.shares.get(key)?.quantity ?? 0n;
    const measured = (wanted.get(key)?.quantity ?? 0n) - before;
    if (measured === 0n) continue;
    const { amount, rated } = step(ledger, { key, share, measured }, desk);
    sum += amount;
    entries.push({
      account: `cost:${service}`,
      amountPico: String(amount),
      rated: { line: shortHash(lengthPrefixed([txn, key])), ...rated },
    });
  }
  entries.push(...suspense(request, next, txn));
  if (sum !== 0n) entries.push({ account: `payable:${provider}`, amountPico: String(-sum) });
  return entries;
}

interface Step {
  readonly key: string;
  readonly share: Share;
  readonly measured: bigint;
}

/** What one more quantity of a scope costs beyond what is posted of it. */
function step(ledger: LedgerView, { key, share, measured }: Step, { book }: Desk) {
  const { scope, meter, priceId } = share;
  const posted = ledger.scope(key);
  const pool = book.row(priceId)?.allowance?.pool;
  const whole = posted.measured + measured;
  const now =
    whole === 0n
      ? { billed: 0n, amountPico: 0n, remainder: 0n }
      : amountOf(knownRow(book, priceId), whole);
  return {
    amount: now.amountPico - posted.amountPico,
    rated: {
      scope,
      meter,
      priceId,
      measured: String(measured),
      billed: String(now.billed - posted.billed),
      remainder: String(now.remainder),
      ...(pool !== undefined && { pool }),
    },
  };
}

/** Quantities that no row prices are posted as such; they are loud, and not free. */
function suspense(request: RequestState, next: Rating, txn: string): readonly Entry[] {
  const meters = new Set([...entriesOf(request.unrated), ...entriesOf(next.unrated)].map(first));
  return [...meters].toSorted().flatMap((meter) => {
    const measured = (next.unrated[meter] ?? 0n) - (request.unrated[meter] ?? 0n);
    if (measured === 0n) return [];
    const line = shortHash(lengthPrefixed([txn, "unrated", meter]));
    const quantity = { measured: String(measured), billed: "0", remainder: "0" };
    const scope = `request:${request.id}`;
    const rated = { line, scope, meter, priceId: null, ...quantity };
    return [{ account: "suspense:unrated", amountPico: "0", rated }];
  });
}

function byKey([a]: readonly [string, Share], [b]: readonly [string, Share]): number {
  return a < b ? -1 : 1;
}

function first([meter]: readonly [Meter, bigint]): Meter {
  return meter;
}
