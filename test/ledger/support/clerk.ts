import assert from "node:assert/strict";
import { parseTransaction, type Transaction } from "../../../src/events/ledger.events.ts";
import type { UsageEvent } from "../../../src/events/usage.events.ts";
import { type Command, decide, type Decision } from "../../../src/ledger/decide.ts";
import { Ledger } from "../../../src/ledger/ledger.ts";
import type { Desk } from "../../../src/ledger/post.ts";
import { desk } from "./books.ts";

/** How many runs a property has; `RUNS=10000` for the long form. */
export const RUNS = Number(process.env["RUNS"] ?? 100);
export const runs = { numRuns: RUNS };

/** A ledger and the stream it stands on, which goes through JSON as it would on a disk. */
export class Clerk {
  readonly ledger: Ledger;
  readonly stream: Transaction[] = [];
  desk: Desk;

  constructor(at: Desk = desk(), ledger = new Ledger("t1")) {
    this.desk = at;
    this.ledger = ledger;
  }

  do(command: Command): Decision {
    const decision = decide(this.ledger, command, this.desk);
    if (decision.kind === "post")
      for (const transaction of decision.transactions) {
        const stored = parseTransaction(JSON.parse(JSON.stringify(transaction)));
        this.ledger.apply(stored);
        this.stream.push(stored);
      }
    return decision;
  }

  take(events: readonly UsageEvent[]): this {
    for (const event of events) this.do({ type: "usage", event });
    return this;
  }
}

export function fold(stream: readonly Transaction[], from = new Ledger("t1")): Ledger {
  for (const transaction of stream) from.apply(transaction);
  return from;
}

export function balancesOf(ledger: Ledger): Readonly<Record<string, bigint>> {
  return Object.fromEntries([...ledger.balances()].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Account sums of the stream's lines, counted without the fold. */
export function recount(stream: readonly Transaction[]): Readonly<Record<string, bigint>> {
  const sums = new Map<string, bigint>();
  for (const { account, amountPico } of stream.flatMap(({ entries }) => entries))
    sums.set(account, (sums.get(account) ?? 0n) + BigInt(amountPico));
  const kept = [...sums].filter(([, sum]) => sum !== 0n);
  return Object.fromEntries(kept.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function assertPosted(
  decision: Decision,
): asserts decision is Extract<Decision, { kind: "post" }> {
  assert.equal(decision.kind, "post", JSON.stringify(decision));
}
