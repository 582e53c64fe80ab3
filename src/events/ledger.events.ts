import { z } from "zod";
import { canonicalJson, shortHash } from "../base/digest.ts";
import { AppError } from "../base/errors.ts";
import { Meter, Service } from "./effect.events.ts";
import { Token } from "./record.ts";
import { UsageEvent } from "./usage.events.ts";

/**
 * What stands in a tenant's cost stream. A transaction tells all that it changes, so that the fold
 * needs no price book; amounts and quantities are the digits of whole numbers.
 */
const Whole = z.string().regex(/^(0|-?[1-9][0-9]*)$/, "is no whole number");
const Ms = z.int().nonnegative();

export const TransactionKind = z.enum([
  "rate",
  "rerate",
  "reverse",
  "adjust",
  "hold",
  "renew",
  "settle",
  "release",
  "expire",
  "overage",
  "close",
]);
export type TransactionKind = z.infer<typeof TransactionKind>;

/** Why an entry has its amount: what one more share of a price row's quantity costs. */
const RatedPart = z.strictObject({
  line: z.string(),
  /** What is rounded and rated as one: a request, a resource or a period of a price row. */
  scope: z.string(),
  meter: Meter,
  /** Null where no price was known; the amount is then 0 and the account `suspense:unrated`. */
  priceId: z.string().nullable(),
  /** Differences to what was posted before, as the amount is. */
  measured: Whole,
  billed: Whole,
  /** What the one division of the whole scope left over, over the row's denominator. */
  remainder: Whole,
  /** What of it is given back at the month's end comes out of this allowance. */
  pool: z.string().optional(),
});

/** A call's part of what an allowance gives back for a month. */
const GivenPart = z.strictObject({
  line: z.string(),
  pool: z.string(),
  /** In which the units were used; it may have been closed before. */
  month: z.string(),
  call: Token,
});

const Entry = z.strictObject({
  account: z.string().min(1),
  amountPico: Whole,
  rated: RatedPart.optional(),
  given: GivenPart.optional(),
});
export type Entry = z.infer<typeof Entry>;

export const HoldPart = z.strictObject({
  id: z.string().min(1),
  /** Budgets that it counts against, the widest first. */
  path: z.array(z.string().min(1)),
  amountPico: Whole,
  /** When it expires, Unix ms. */
  until: Ms,
  call: Token.optional(),
  state: z.enum(["open", "settled", "released", "expired"]),
  spentPico: Whole,
});
export type HoldPart = z.infer<typeof HoldPart>;

/** What a line is for, as far as it is not in the line itself. */
const About = z.strictObject({
  call: Token,
  agent: z.string(),
  turn: z.string().optional(),
  service: Service,
  provider: z.string(),
  model: z.string(),
  quality: UsageEvent.shape.quality,
  discarded: z.boolean(),
});
export type About = z.infer<typeof About>;

/** What is remembered of a sealed call. */
const Sealed = z.strictObject({
  /** Hash of what is kept of it elsewhere. */
  archive: z.string(),
  /** When its first and its last request went out, Unix ms. */
  from: Ms,
  to: Ms,
});
export type Sealed = z.infer<typeof Sealed>;

const Body = z.strictObject({
  v: z.literal(1),
  seq: z.int().positive(),
  /** Follows from what caused it, so that the same cause is never posted twice. */
  txn: z.string(),
  kind: TransactionKind,
  tenant: Token,
  occurredAt: Ms,
  postedAt: Ms,
  /** The month that it counts in, and the closed one that it was for. */
  period: z.string(),
  late: z.string().optional(),
  book: z.string(),
  rules: z.int().positive(),
  entries: z.array(Entry),
  event: UsageEvent.optional(),
  /** The request that is reversed or rated again. */
  request: z
    .strictObject({ id: z.string(), plan: z.string().optional(), ...About.shape })
    .optional(),
  hold: HoldPart.optional(),
  limit: z.strictObject({ node: z.string(), amountPico: Whole.nullable() }).optional(),
  /** Why a human or a reconciliation posted it; a hash of the evidence. */
  evidence: z.string().optional(),
  /** A call that is forgotten from here on. */
  sealed: z.strictObject({ call: Token, ...Sealed.shape }).optional(),
  /** Such a call, brought back. */
  restored: z.json().optional(),
  closedPeriod: z.string().optional(),
  prev: z.string(),
});
export type TransactionBody = z.infer<typeof Body>;

const Transaction = Body.extend({ hash: z.string() });
export type Transaction = z.infer<typeof Transaction>;

/** Hash of a transaction over the one before it, whose hash is in `prev`. */
export function transactionHash(body: TransactionBody): string {
  return shortHash(canonicalJson(body));
}

/** Throws `ledger.damaged` for what is no transaction. */
export function parseTransaction(value: unknown): Transaction {
  const parsed = Transaction.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError("ledger.damaged", `transaction: ${z.prettifyError(parsed.error)}`);
}

/** One append to a cost stream: what stands there together or not at all. */
const Posting = z.strictObject({
  /** Up to this position of the usage stream everything has been taken. */
  cursor: z.int().positive().optional(),
  transactions: z.array(Transaction).min(1),
});
export type Posting = z.infer<typeof Posting>;

/** Throws `ledger.damaged` for what is no posting. */
export function parsePosting(value: unknown): Posting {
  const parsed = Posting.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError("ledger.damaged", `posting: ${z.prettifyError(parsed.error)}`);
}
