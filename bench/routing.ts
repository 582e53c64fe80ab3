import { PriceBook, priceBook } from "../src/ledger/price-book.ts";
import { judgedFrames, judgedTurns, type Labelled } from "../test/support/labelled.ts";
import { toRow, type Bench, type Row } from "./report.ts";
import { savingOf, type Cards, type RoutedRequest } from "./routing-cost.ts";

/** Prices of `data/prices.json` on this day, so that the figures stay as they were printed. */
const AT = Date.parse("2026-11-21T00:00:00Z");

/** The figures a plan of 2025 reckoned with: one price for each model, whatever the token. */
const oldBook = new PriceBook({
  prices: [
    oldCard("gemini-flash-2.5", "100000000000"),
    oldCard("claude-3.5-sonnet", "3000000000000"),
    oldCard("gpt-4o-mini", "150000000000"),
    oldCard("gpt-4o", "2500000000000"),
  ],
});

export const OLD_TURNS: Cards = {
  book: oldBook,
  simple: { provider: "old", model: "gpt-4o-mini" },
  complex: { provider: "old", model: "gpt-4o" },
  at: AT,
};
export const OLD_FRAMES: Cards = {
  book: oldBook,
  simple: { provider: "old", model: "gemini-flash-2.5" },
  complex: { provider: "old", model: "claude-3.5-sonnet" },
  at: AT,
};
export const TURNS: Cards = {
  book: priceBook(),
  simple: { provider: "openai", model: "gpt-6-luna" },
  complex: { provider: "openai", model: "gpt-6-sol" },
  at: AT,
};
export const FRAMES: Cards = {
  book: priceBook(),
  simple: { provider: "gemini", model: "gemini-3.5-flash-lite" },
  complex: { provider: "anthropic", model: "claude-sonnet-5-5" },
  at: AT,
};

/** Requests of one size, so many of a hundred of them complex: what a split alone comes to. */
export function evenRequests(complex: number): readonly RoutedRequest[] {
  return Array.from({ length: 100 }, (_, i) => {
    return { level: i < complex ? "complex" : "simple", inputTokens: 1_000, outputTokens: 0 };
  });
}

/** What the rules of routing send where, and what that saves: by a split alone, and as it is. */
export const routing: Bench = {
  name: "routing",
  run: () => {
    const [turns, frames] = [judgedTurns(), judgedFrames()];
    return Promise.resolve([
      ...judged("turns", turns),
      ...saved("turns, a split of 70/30 in old prices", evenRequests(30), OLD_TURNS),
      ...saved("turns, a split of 70/30 in input prices", evenRequests(30), TURNS),
      ...saved("turns as routed, old prices", turns, OLD_TURNS),
      ...saved("turns as routed", turns, TURNS),
      ...judged("frames", frames),
      ...saved("frames, a split of 85/15 in old prices", evenRequests(15), OLD_FRAMES),
      ...saved("frames, a split of 85/15 in input prices", evenRequests(15), FRAMES),
      ...saved("frames as routed, old prices", frames, OLD_FRAMES),
      ...saved("frames as routed", frames, FRAMES),
    ]);
  },
};

function judged(what: string, all: readonly Labelled[]): readonly Row[] {
  const percent = (fits: (one: Labelled) => boolean): number =>
    (100 * all.filter(fits).length) / all.length;
  const isComplex = (level: string): boolean => level === "complex";
  const count = all.length;
  const row = (name: string, ours: number): Row =>
    toRow({ name: `${what}: ${name}`, unit: "%", ours, count });
  return [
    row(
      "to the complex model",
      percent(({ level }) => isComplex(level)),
    ),
    row(
      "labelled complex",
      percent(({ label }) => isComplex(label)),
    ),
    row(
      "level as labelled",
      percent(({ level, label }) => level === label),
    ),
    row(
      "model as labelled",
      percent(({ level, label }) => isComplex(level) === isComplex(label)),
    ),
  ];
}

function saved(what: string, requests: readonly RoutedRequest[], cards: Cards): readonly Row[] {
  const { blendedUsd, complexUsd, savingPercent, costPercent } = savingOf(requests, cards);
  const note = `all on ${cards.complex.model}: ${complexUsd.toFixed(3)} USD`;
  const bound = `at most ${(100 - costPercent).toFixed(1)} % were the simple model free`;
  const count = requests.length;
  return [
    toRow({ name: `${what}: blended`, unit: "USD/1M tokens", ours: blendedUsd, count, note }),
    toRow({ name: `${what}: saving`, unit: "%", ours: savingPercent, count, note: bound }),
  ];
}

function oldCard(model: string, price: string): object {
  return {
    priceId: `old/${model}`,
    provider: "old",
    model,
    services: ["llm"],
    pricePico: { inputTokens: price, outputTokens: price },
    perUnits: 1_000_000,
    effectiveFrom: null,
    effectiveTo: null,
    knownFrom: "2025-01-01",
    source: "the plan's own figures",
    checkedOn: "2025",
    confidence: "S",
  };
}
