import type { Usage } from "../../events/effect.events.ts";
import type { Routed } from "../../folds/routed.ts";
import type { Bill } from "../../ledger/bill.ts";
import { costOf } from "../../ledger/cost-of.ts";
import type { CostLine } from "../../ledger/lines.ts";

/** What routed requests cost, and what they would have at their agent's complex model. */
export interface Saving {
  readonly requests: number;
  readonly actualPico: bigint;
  /** The same tokens, every one of them the complex model's. */
  readonly baselinePico: bigint;
  /** Names of the complex models. */
  readonly complex: readonly string[];
}

interface RoutedRequest {
  readonly lines: readonly CostLine[];
  readonly routed: Routed;
}

/**
 * Undefined where nothing was routed. An agent's complex model is the one that its complex requests
 * were put to; requests of one that had none, or of which something has no price, do not count.
 */
export function savingOf(bill: Bill, routed: ReadonlyMap<string, Routed>): Saving | undefined {
  const requests = routedRequests(bill, routed);
  const complexOf = new Map(
    requests
      .filter(({ routed: { level } }) => level === "complex")
      .map(({ lines, routed: to }) => [lines[0]!.agent, to]),
  );
  const complex = new Set<string>();
  const sum = { requests: 0, actualPico: 0n, baselinePico: 0n };
  for (const { lines } of requests) {
    const to = complexOf.get(lines[0]!.agent);
    if (!to || lines.some(({ priceId }) => priceId === null)) continue;
    const asked = atModel(lines, to, bill.tenant);
    const { pico, unpriced } = costOf(bill.book, asked, lines[0]!.occurredAt);
    if (unpriced.length > 0) continue;
    complex.add(`${to.provider}/${to.model}`);
    sum.requests += 1;
    sum.actualPico += lines.reduce((all, { amountPico }) => all + amountPico, 0n);
    sum.baselinePico += pico;
  }
  return sum.baselinePico > 0n ? { ...sum, complex: [...complex] } : undefined;
}

/** In per cent, below zero where routing cost more. */
export function savedPercent({ actualPico, baselinePico }: Saving): number {
  return Number(((baselinePico - actualPico) * 10_000n) / baselinePico) / 100;
}

function routedRequests(bill: Bill, routed: ReadonlyMap<string, Routed>): readonly RoutedRequest[] {
  const llm = bill.lines.filter(({ service }) => service === "llm");
  return [...Map.groupBy(llm, ({ request }) => request).values()].flatMap((lines) => {
    const [effect] = bill.headOf(lines[0]!).clientRequest.split("/");
    const how = routed.get(`${lines[0]!.call}/${effect}`);
    return how ? [{ lines, routed: how }] : [];
  });
}

function atModel(
  lines: readonly CostLine[],
  { provider, model }: Routed,
  tenant: string,
): readonly (Usage & { tenant: string })[] {
  return lines.map(({ meter, quantity, quality }) => ({
    tenant,
    service: "llm",
    provider,
    model,
    meter: meter as Usage["meter"],
    quantity: Number(quantity),
    estimated: quality === "estimated",
  }));
}
