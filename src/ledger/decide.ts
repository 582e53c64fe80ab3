import type { Transaction } from "../events/ledger.events.ts";
import { requestIdOf, type UsageEvent } from "../events/usage.events.ts";
import { close, type CloseCommand } from "./close.ts";
import { decideHold, type HoldCommand } from "./holds.ts";
import { LedgerAhead, type LedgerView } from "./ahead.ts";
import type { Ledger } from "./ledger.ts";
import { aboutOf } from "./lines.ts";
import { chain, type Desk, DUPLICATE, refused, repost, txnOf, type Verdict } from "./post.ts";
import { type Prices, rate, type Rating } from "./rating.ts";
import { type RequestState, subjectOf, totalsOf, withEvent } from "./request.ts";

/**
 * What is to be posted for a command, purely: nothing is applied here. D1: the same command again
 * is a duplicate, however often and whenever it comes. D2: what contradicts what was taken is
 * quarantined and changes nothing. D3: another tenant's command is refused.
 */
export type Command =
  | { readonly type: "usage"; readonly event: UsageEvent }
  | {
      readonly type: "reverse" | "rate";
      /** Of the wish; the same one again changes nothing. */
      readonly id: string;
      readonly call: string;
      readonly request: string;
    }
  | {
      readonly type: "rerate";
      readonly plan: string;
      readonly call: string;
      readonly request: string;
    }
  | HoldCommand
  | CloseCommand;

export type Decision =
  | Exclude<Verdict, { kind: "post" }>
  | { readonly kind: "post"; readonly transactions: readonly Transaction[] };

const NOTHING: Rating = { shares: [], unrated: {} };

export function decide(ledger: Ledger, command: Command, desk: Desk): Decision {
  const verdict = judge(ledger, command, desk);
  if (verdict.kind !== "post") return verdict;
  return { kind: "post", transactions: chain(ledger, verdict.drafts, desk) };
}

/** What is to be posted together for usage that came together. */
export interface Taken {
  /** How many of the events are dealt with, from the first on. */
  readonly count: number;
  readonly transactions: readonly Transaction[];
}

/** Up to the first event that asks for more than a transaction; `decide` says what for. */
export function decideUsage(ledger: LedgerView, events: readonly UsageEvent[], desk: Desk): Taken {
  const ahead = new LedgerAhead(ledger);
  const transactions: Transaction[] = [];
  for (const [count, event] of events.entries()) {
    const verdict = takeUsage(ahead, event, desk);
    if (verdict.kind === "duplicate") continue;
    if (verdict.kind !== "post") return { count, transactions };
    for (const transaction of chain(ahead, verdict.drafts, desk)) {
      ahead.add(transaction);
      transactions.push(transaction);
    }
  }
  return { count: events.length, transactions };
}

function judge(ledger: Ledger, command: Command, desk: Desk): Verdict {
  switch (command.type) {
    case "usage":
      return takeUsage(ledger, command.event, desk);
    case "reverse":
    case "rate":
    case "rerate":
      return rateAgain(ledger, command, desk);
    case "seal":
    case "restore":
    case "close":
    case "adjust":
      return close(ledger, command, desk);
    default:
      return decideHold(ledger, command, desk);
  }
}

function takeUsage(ledger: LedgerView, event: UsageEvent, desk: Desk): Verdict {
  const { call, eventId, payloadHash, occurredAt } = event;
  if (event.tenant !== ledger.tenant) return refused("another tenant's event");
  const sealed = ledger.sealed(call);
  if (sealed) return { kind: "sealed", call, archive: sealed.archive };
  const seen = ledger.seen(call, eventId);
  if (seen === payloadHash) return DUPLICATE;
  if (seen !== undefined)
    return { kind: "quarantine", why: "an event with this id said something else" };
  const request = withEvent(ledger.request(call, requestIdOf(event)), event);
  const txn = txnOf("rate", event.eventId);
  const next = request.reversed ? NOTHING : ratingOf(request, desk);
  const entries = repost(ledger, request, { next, desk, txn });
  return { kind: "post", drafts: [{ txn, kind: "rate", occurredAt, entries, event }] };
}

type AgainCommand = Extract<Command, { type: "reverse" | "rate" | "rerate" }>;

/** A request's money once more: none of it, as it stood before that, or by another book. */
function rateAgain(ledger: Ledger, command: AgainCommand, desk: Desk): Verdict {
  const { type: kind, call, request: id } = command;
  const sealed = ledger.sealed(call);
  if (sealed) return { kind: "sealed", call, archive: sealed.archive };
  const request = ledger.request(call, id);
  if (!request) return refused("no such request");
  const plan = command.type === "rerate" ? command.plan : undefined;
  const txn = txnOf(kind, plan ?? (command as { id: string }).id, id);
  if (request.steps.includes(txn)) return DUPLICATE;
  if (kind === "rate" ? !request.reversed : request.reversed) return DUPLICATE;
  const next = kind === "reverse" ? NOTHING : ratingOf(request, desk);
  const entries = repost(ledger, request, { next, desk, txn });
  if (kind === "rerate" && entries.length === 0) return DUPLICATE;
  const part = { id, ...(plan === undefined ? {} : { plan }), ...aboutOf(request.head) };
  const { occurredAt } = request.head;
  return { kind: "post", drafts: [{ txn, kind, occurredAt, entries, request: part }] };
}

/** What a request costs by a book, whatever was posted for it. */
export function ratingOf(request: RequestState, prices: Prices): Rating {
  return rate(subjectOf(request), totalsOf(request), prices);
}
