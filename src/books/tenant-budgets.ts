import { AppError } from "../base/errors.ts";
import type { Ids } from "../base/id.ts";
import type { BudgetReport, BudgetRequest } from "../events/budget.events.ts";
import { parsePico } from "../ledger/money.ts";
import { measuresDue, THRESHOLDS } from "../ledger/slices.ts";
import type { LedgerActor } from "./ledger-actor.ts";

/** Where a tenant's ledger is to be had. */
export interface Ledgers {
  ledgerOf(tenant: string): Promise<LedgerActor>;
}

const TURN = "turn:";

/** Budgets as people see and set them, by way of the tenant's ledger. */
export class TenantBudgets {
  readonly #ledgers: Ledgers;
  readonly #ids: Pick<Ids, "call">;

  constructor(ledgers: Ledgers, ids: Pick<Ids, "call">) {
    this.#ledgers = ledgers;
    this.#ids = ids;
  }

  /** All but those of single turns. Errors: `broker.unavailable`, `ledger.damaged`. */
  async read(tenant: string): Promise<BudgetReport> {
    const actor = await this.#ledgers.ledgerOf(tenant);
    await actor.refresh();
    return reportOf(tenant, actor);
  }

  /** Errors: as `read`, and `input.invalid` where nothing more can be spent on a budget. */
  async set(tenant: string, request: BudgetRequest): Promise<BudgetReport> {
    const { id = this.#ids.call(), limits } = request;
    const actor = await this.#ledgers.ledgerOf(tenant);
    await actor.refresh();
    for (const { node } of limits) checkOpen(node, actor);
    for (const { node, limitPico } of limits) {
      const amountPico = limitPico === null ? undefined : parsePico(limitPico);
      await actor.do({ type: "limit", id: `${id}/${node}`, node, amountPico });
    }
    return reportOf(tenant, actor);
  }
}

/** A call that was forgotten has no budget any more. */
function checkOpen(node: string, { ledger }: LedgerActor): void {
  const [kind, call = ""] = node.split(":");
  if (kind !== "call" || !ledger.sealed(call)) return;
  const detail = { fix: "name a call that goes on; `turnfold calls` lists them" };
  throw new AppError("input.invalid", `${node}: the call is over`, { detail });
}

function reportOf(tenant: string, { ledger: { budgets } }: LedgerActor): BudgetReport {
  const isIdle = (node: string): boolean =>
    budgets.limit(node) === undefined && budgets.held(node) === 0n && budgets.spent(node) === 0n;
  const nodes = budgets.names().filter((node) => !node.startsWith(TURN) && !isIdle(node));
  return {
    tenant,
    nodes: nodes.toSorted(widestFirst).map((node) => {
      const [limit, available] = [budgets.limit(node), budgets.available(node)];
      return {
        node,
        limitPico: limit?.toString() ?? null,
        spentPico: String(budgets.spent(node)),
        heldPico: String(budgets.held(node)),
        availablePico: available?.toString() ?? null,
        measures: [...measuresDue(available, limit, THRESHOLDS)],
      };
    }),
  };
}

const WIDTHS = ["platform", "tenant", "agent", "call"];

function widestFirst(a: string, b: string): number {
  const width = (node: string): number => WIDTHS.indexOf(node.split(":")[0]!);
  return width(a) - width(b) || (a < b ? -1 : 1);
}
