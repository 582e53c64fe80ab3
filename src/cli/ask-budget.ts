import { LedgerActor } from "../books/ledger-actor.ts";
import { TenantBudgets } from "../books/tenant-budgets.ts";
import { systemClock } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";
import { systemIds } from "../base/id.ts";
import type { Config } from "../config.ts";
import { BudgetReport, type BudgetRequest } from "../events/budget.events.ts";
import { lockHolder, openPriceBook, openStore } from "../main.ts";
import { askOwner } from "./owner-http.ts";

/** What the owner's ledger may take to write. */
const TIMEOUT_MS = 10_000;

/** A tenant's budgets, as they stand in the store. */
export function readBudgets(config: Config, tenant: string): Promise<BudgetReport> {
  return inStore(config, true, (budgets) => budgets.read(tenant));
}

/**
 * By who may write: a process that owns the data folder, else this one. On a server it is this one.
 * Errors: `bus.noResponder` where the owner takes no commands, `bus.timeout`.
 */
export async function setBudgets(
  config: Config,
  tenant: string,
  request: BudgetRequest,
): Promise<BudgetReport> {
  const path = `/api/tenants/${encodeURIComponent(tenant)}/budget`;
  const ask = async (): Promise<BudgetReport> =>
    BudgetReport.parse(await askOwner(config, { path, body: request, timeoutMs: TIMEOUT_MS }));
  if (!config.nats && lockHolder(config.dataDir)) return ask();
  try {
    return await inStore(config, false, (budgets) => budgets.set(tenant, request));
  } catch (error) {
    // Somebody was faster.
    if (codeOf(error) === "data.locked") return ask();
    throw error;
  }
}

async function inStore<T>(
  config: Config,
  readOnly: boolean,
  act: (budgets: TenantBudgets) => Promise<T>,
): Promise<T> {
  const book = await openPriceBook(config);
  await using broker = await openStore(config, readOnly);
  const ports = { broker, clock: systemClock, prices: () => ({ book }) };
  const ledgerOf = (tenant: string) => LedgerActor.open({ tenant, ...ports });
  return await act(new TenantBudgets({ ledgerOf }, systemIds));
}
