import type { About, Transaction } from "../events/ledger.events.ts";
import { requestIdOf, type UsageEvent } from "../events/usage.events.ts";
import { parsePico } from "./money.ts";

/** One line of a bill: what was paid for, by which price row, and why. */
export interface CostLine extends About {
  /** Unique in a tenant. */
  readonly id: string;
  readonly txn: string;
  readonly kind: Transaction["kind"];
  readonly request: string;
  readonly amountPico: bigint;
  readonly meter: string;
  /** Measured and billed units; below zero where an earlier line is taken back. */
  readonly quantity: bigint;
  readonly billed: bigint;
  /** Null = no price is known, and the amount says nothing. */
  readonly priceId: string | null;
  readonly book: string;
  readonly period: string;
  readonly late?: string | undefined;
  readonly occurredAt: number;
  readonly postedAt: number;
}

export function aboutOf(event: UsageEvent): About {
  const { call, agent, turn, service, provider, quality, discarded } = event;
  const model = event.responseModel ?? event.requestModel;
  const about = { call, agent, service, provider, model, quality, discarded };
  return turn === undefined ? about : { ...about, turn };
}

/** The lines of a transaction that are cost, or would be if they had a price. */
export function linesOf(transaction: Transaction): readonly CostLine[] {
  const { txn, kind, event, request: part, book, period, late, occurredAt, postedAt } = transaction;
  if (!event && !part) return [];
  const {
    id: request,
    plan: _,
    ...about
  } = event ? { id: requestIdOf(event), plan: undefined, ...aboutOf(event) } : part!;
  const shared = { txn, kind, request, ...about, book, period, late, occurredAt, postedAt };
  return transaction.entries.flatMap(({ amountPico, rated }) => {
    if (!rated) return [];
    const { line: id, meter, priceId, measured, billed } = rated;
    const quantities = { quantity: BigInt(measured), billed: BigInt(billed) };
    return [{ id, ...shared, meter, priceId, ...quantities, amountPico: parsePico(amountPico) }];
  });
}
