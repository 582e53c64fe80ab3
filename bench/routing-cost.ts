import type { Usage } from "../src/events/effect.events.ts";
import { costOf as listCost } from "../src/ledger/cost-of.ts";
import type { PriceBook } from "../src/ledger/price-book.ts";

/** One request as the rules have put it, and what it came to. */
export interface RoutedRequest {
  readonly level: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface ModelName {
  readonly provider: string;
  readonly model: string;
}

export interface Cards {
  readonly book: PriceBook;
  readonly simple: ModelName;
  readonly complex: ModelName;
  /** At which prices, in ms. */
  readonly at: number;
}

export interface Saving {
  /** USD for a million tokens of this traffic as it was routed, and all on the complex model. */
  readonly blendedUsd: number;
  readonly complexUsd: number;
  /** Of the second, in percent. */
  readonly savingPercent: number;
  /** What goes to the complex model: of the requests, and of what all would cost on it. */
  readonly requestsPercent: number;
  readonly costPercent: number;
}

/** The same traffic twice: as it was routed, and all on the complex model. */
export function savingOf(requests: readonly RoutedRequest[], cards: Cards): Saving {
  let [routed, all, hard, tokens, count] = [0n, 0n, 0n, 0, 0];
  for (const request of requests) {
    const isComplex = request.level === "complex";
    const full = costOf(request, cards.complex, cards);
    all += full;
    routed += isComplex ? full : costOf(request, cards.simple, cards);
    hard += isComplex ? full : 0n;
    count += isComplex ? 1 : 0;
    tokens += request.inputTokens + request.outputTokens;
  }
  return {
    blendedUsd: Number(routed) / tokens / 1e6,
    complexUsd: Number(all) / tokens / 1e6,
    savingPercent: 100 * (1 - Number(routed) / Number(all)),
    requestsPercent: (100 * count) / requests.length,
    costPercent: (100 * Number(hard)) / Number(all),
  };
}

function costOf(request: RoutedRequest, name: ModelName, { book, at }: Cards): bigint {
  const one = { service: "llm", ...name, estimated: true } as const;
  const usage: readonly Usage[] = [
    { ...one, meter: "inputTokens", quantity: request.inputTokens },
    { ...one, meter: "outputTokens", quantity: request.outputTokens },
  ];
  const { pico, unpriced } = listCost(book, usage, at);
  if (unpriced.length > 0) throw new RangeError(`${name.model} has no price`);
  return pico;
}
