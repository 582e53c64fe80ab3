import type { Transaction } from "../events/ledger.events.ts";
import { type Command, decide } from "./decide.ts";
import { Ledger } from "./ledger.ts";
import { linesOf } from "./lines.ts";
import type { Desk } from "./post.ts";

/**
 * A range of usage rated again by another book. A plan is looked at first: `dryRun` posts it on a
 * copy. Each request is one transaction under the plan's id, so that a plan that is applied again,
 * or in parts, does nothing twice.
 */
export interface Plan {
  readonly id: string;
  /** When the usage occurred, Unix ms; `to` is not in it. */
  readonly from: number;
  readonly to: number;
}

export interface MeterChange {
  readonly service: string;
  readonly provider: string;
  readonly model: string;
  readonly meter: string;
  readonly beforePico: bigint;
  readonly afterPico: bigint;
}

export interface PlanDiff {
  readonly requests: number;
  readonly changes: readonly MeterChange[];
  readonly totalPico: bigint;
  /** Sealed calls with usage in the range: the plan does nothing for them until they are back. */
  readonly sealed: readonly string[];
}

/** What a plan asks for, in order; most of it may turn out to be as it is. */
export function planSteps(ledger: Ledger, { id: plan, from, to }: Plan): readonly Command[] {
  return ledger
    .requests()
    .filter(({ head }) => from <= head.occurredAt && head.occurredAt < to)
    .map(({ id, call }) => ({ type: "rerate", plan, call, request: id }));
}

/** Sealed calls that a plan needs brought back before its steps are asked for. */
export function sealedIn(ledger: Ledger, plan: Plan): readonly string[] {
  return [...ledger.sealedCalls()]
    .filter(([, { from, to }]) => plan.from <= to && from < plan.to)
    .map(([call]) => call);
}

/** What a plan would change by the desk's book; the ledger is left as it is. */
export function dryRun(ledger: Ledger, plan: Plan, desk: Desk): PlanDiff {
  const copy = Ledger.restore(ledger.snapshot());
  const posted = planSteps(copy, plan).flatMap((step) => {
    const decision = decide(copy, step, desk);
    if (decision.kind !== "post") return [];
    for (const transaction of decision.transactions) copy.apply(transaction);
    return decision.transactions;
  });
  const changes = meterChanges(posted);
  const totalPico = changes.reduce((sum, { beforePico, afterPico }) => {
    return sum + afterPico - beforePico;
  }, 0n);
  return { requests: posted.length, changes, totalPico, sealed: sealedIn(ledger, plan) };
}

/** Taken back and posted anew, by model and meter; what has no price counts as nothing. */
function meterChanges(transactions: readonly Transaction[]): readonly MeterChange[] {
  const byMeter = new Map<string, MeterChange>();
  for (const { service, provider, model, meter, quantity, amountPico } of transactions.flatMap(
    linesOf,
  )) {
    const of = { service, provider, model, meter };
    const key = JSON.stringify(of);
    const sum = byMeter.get(key) ?? { ...of, beforePico: 0n, afterPico: 0n };
    byMeter.set(
      key,
      quantity < 0n
        ? { ...sum, beforePico: sum.beforePico - amountPico }
        : { ...sum, afterPico: sum.afterPico + amountPico },
    );
  }
  return [...byMeter.values()];
}
