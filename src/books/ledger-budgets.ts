import { AppError } from "../base/errors.ts";
import type { Lease, Settlement } from "../ledger/allotment.ts";
import type { Decision } from "../ledger/decide.ts";
import type { LedgerActor } from "./ledger-actor.ts";

/** A budget of a call's path that has a limit, as its tenant's ledger knows it. */
export interface Standing {
  readonly node: string;
  readonly limitPico: bigint;
  readonly availablePico: bigint;
}

/** What a call asks its tenant's ledger for: parts of budgets, and to give them back. */
export interface Leases {
  /** Budgets of the path that have limits, the widest first; from memory. */
  standing(path: readonly string[]): readonly Standing[];
  /** Spent on a budget by what is settled. */
  spent(node: string): bigint;
  /** Leases of the call that no owner has settled. */
  open(call: string): readonly Lease[];
  /** Undefined where it was taken; else the budget that has too little. */
  take(lease: Lease, of: { path: readonly string[]; call: string }): Promise<string | undefined>;
  /** False where it is no longer open. */
  renew(hold: string, until: number): Promise<boolean>;
  settle(settlement: Settlement): Promise<void>;
  limit(node: string, amountPico: bigint): Promise<void>;
}

/** By way of an actor of this process; another's does the same, and what stands first counts. */
export function ledgerLeases(actor: LedgerActor): Leases {
  const budgets = () => actor.ledger.budgets;
  return {
    standing: (path) =>
      path.flatMap((node) => {
        const [limitPico, availablePico] = [budgets().limit(node), budgets().available(node)];
        if (limitPico === undefined || availablePico === undefined) return [];
        return [{ node, limitPico, availablePico }];
      }),
    spent: (node) => budgets().spent(node),
    open: (call) =>
      budgets()
        .openHolds()
        .filter((hold) => hold.call === call),
    take: async (lease, of) => {
      const decision = await actor.do({ type: "hold", ...lease, ...of });
      // A duplicate is this very lease, posted and not acknowledged.
      if (decision.kind === "post" || decision.kind === "duplicate") return undefined;
      if (decision.kind === "refused" && decision.node !== undefined) return decision.node;
      throw refusal("a lease", decision);
    },
    renew: async (hold, until) => {
      const decision = await actor.do({ type: "renew", hold, until });
      return decision.kind === "post" || decision.kind === "duplicate";
    },
    settle: async (settlement) => {
      const decision = await actor.do({ type: "settle", ...settlement });
      if (decision.kind === "post" || decision.kind === "duplicate") return;
      // It expired meanwhile: what it has really cost is put right.
      const again = await actor.do({ type: "correct", ...settlement });
      if (again.kind !== "post" && again.kind !== "duplicate") throw refusal("the end", again);
    },
    limit: async (node, amountPico) => {
      if (budgets().limit(node) === amountPico) return;
      const id = `${node}/${amountPico}`;
      await actor.do({ type: "limit", id, node, amountPico });
    },
  };
}

function refusal(what: string, decision: Decision): AppError {
  const why = "why" in decision ? decision.why : decision.kind;
  return new AppError("bug", `the ledger refused ${what} of a call's budget: ${why}`);
}
