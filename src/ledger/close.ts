import type { Entry } from "../events/ledger.events.ts";
import type { Ledger } from "./ledger.ts";
import { givingBack } from "./allowances.ts";
import { archiveHash, type Archive } from "./snapshot.ts";

import { centRounding } from "./money.ts";
import { type Desk, type Draft, DUPLICATE, refused, txnOf, type Verdict } from "./post.ts";
import { lastMomentOf, periodOf } from "./rating.ts";
import { entriesOf, isClosed } from "./request.ts";

/** What ends a call or a period, and what people post by hand. */
export type CloseCommand =
  /** The call is over and its grace too: the ledger may forget its events. */
  | { readonly type: "seal"; readonly call: string }
  /** Something came for it all the same, or it is to be rated again. */
  | { readonly type: "restore"; readonly call: string; readonly archive: Archive }
  /**
   * The month is over: what comes for it from now on counts in the one that is open. Allowances
   * are given back before that; the command is given until its answer is `duplicate`.
   */
  | { readonly type: "close"; readonly period: string }
  | {
      readonly type: "adjust";
      readonly id: string;
      readonly account: string;
      readonly amountPico: bigint;
      /** Hash of why. */
      readonly evidence: string;
      readonly occurredAt: number;
    };

export function close(ledger: Ledger, command: CloseCommand, desk: Desk): Verdict {
  if (command.type === "seal") return seal(ledger, command.call, desk);
  if (command.type === "close") return closePeriod(ledger, command.period, desk);
  if (command.type === "restore") return restore(ledger, command.archive, desk);
  const { id, account, amountPico, evidence, occurredAt } = command;
  const txn = txnOf("adjust", id);
  if (ledger.isDone(txn)) return DUPLICATE;
  const entries = pair(account, "adjustment", amountPico);
  return { kind: "post", drafts: [{ txn, kind: "adjust", occurredAt, entries, evidence }] };
}

/** Only a call of which nothing can change any more is forgotten. */
function seal(ledger: Ledger, call: string, desk: Desk): Verdict {
  if (ledger.sealed(call)) return DUPLICATE;
  const requests = ledger.requests(call);
  if (!requests.every(isClosed)) return refused("a request is open");
  if (requests.some(({ unrated }) => entriesOf(unrated).length > 0))
    return refused("something has no price");
  if (ledger.budgets.openHolds().some((hold) => hold.call === call))
    return refused("a hold is open");
  const txn = txnOf("close", "call", call, String(ledger.seq));
  const occurredAt = desk.at;
  const times = requests.map(({ head }) => head.occurredAt);
  const sealed = {
    call,
    archive: archiveHash(ledger.archive(call)),
    from: Math.min(desk.at, ...times),
    to: Math.max(0, ...times),
  };
  return { kind: "post", drafts: [{ txn, kind: "close", occurredAt, entries: [], sealed }] };
}

function restore(ledger: Ledger, archive: Archive, desk: Desk): Verdict {
  const known = ledger.sealed(archive.call);
  if (!known) return DUPLICATE;
  if (known.archive !== archiveHash(archive)) return refused("it is not what was sealed");
  const txn = txnOf("adjust", "restore", archive.call, String(ledger.seq));
  const occurredAt = desk.at;
  const restored = archive as unknown as NonNullable<Draft["restored"]>;
  return { kind: "post", drafts: [{ txn, kind: "adjust", occurredAt, entries: [], restored }] };
}

/**
 * What the month's allowances give back is posted first, and last the difference to whole cents, so
 * that an invoice and the ledger agree.
 */
function closePeriod(ledger: Ledger, period: string, desk: Desk): Verdict {
  if (ledger.isClosed(period)) return DUPLICATE;
  if (period >= periodOf(desk.at)) return refused("it is not over");
  const given = givingBack(ledger, period, desk);
  if (given.length > 0) {
    const txn = txnOf("adjust", "allowances", period, String(ledger.seq));
    const occurredAt = lastMomentOf(period);
    return { kind: "post", drafts: [{ txn, kind: "adjust", occurredAt, entries: given }] };
  }
  const entries = pair("rounding", "adjustment", centRounding(ledger.periodCost(period)));
  const txn = txnOf("close", "period", period);
  const occurredAt = desk.at;
  return {
    kind: "post",
    drafts: [{ txn, kind: "close", occurredAt, entries, closedPeriod: period }],
  };
}

function pair(account: string, against: string, amountPico: bigint): readonly Entry[] {
  if (amountPico === 0n) return [];
  return [
    { account, amountPico: String(amountPico) },
    { account: against, amountPico: String(-amountPico) },
  ];
}
