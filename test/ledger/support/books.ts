import type { Desk } from "../../../src/ledger/post.ts";
import { PriceBook } from "../../../src/ledger/price-book.ts";

/** Small books in which every kind of row stands once. */
export const day = (text: string): number => Date.parse(`${text}T00:00:00Z`);
/** When the usage of these tests occurs, and when it is posted. */
export const USED = day("2026-10-15");
export const POSTED = day("2026-11-20");

export type Card = Readonly<Record<string, unknown>>;

export const CARD = {
  provider: "acme",
  services: ["llm"],
  perUnits: 1_000_000,
  effectiveFrom: null,
  effectiveTo: null,
  knownFrom: "2026-01-01",
  source: "a test",
  checkedOn: "2026-01-01",
  confidence: "P",
} as const;

export function bookOf(...cards: readonly Card[]): PriceBook {
  return new PriceBook({ prices: cards.map((card) => ({ ...CARD, ...card })) });
}

const LONG = { above: 1_000 };

/** A linear price, whole and marginal thresholds, and rounding of each scope. */
const CARDS: readonly Card[] = [
  {
    priceId: "acme/quick",
    model: "quick",
    pricePico: {
      inputTokens: "150000000000",
      cacheReadTokens: "75000000000",
      outputTokens: "600000000000",
      reasoningTokens: "600000000000",
    },
  },
  {
    priceId: "acme/quick/long",
    model: "quick",
    threshold: LONG,
    pricePico: { inputTokens: "300000000001", outputTokens: "900000000007" },
  },
  { priceId: "acme/steps", model: "steps", pricePico: { outputTokens: "7000000003" } },
  {
    priceId: "acme/steps/more",
    model: "steps",
    threshold: { above: 500, on: "meter", mode: "marginal" },
    pricePico: { outputTokens: "3000000001" },
  },
  {
    priceId: "acme/ear",
    model: "ear",
    services: ["stt"],
    pricePico: { audioMs: "4800000001" },
    perUnits: 60_000,
  },
  {
    priceId: "acme/room",
    model: "room",
    services: ["room"],
    pricePico: { connectionMs: "10000000000" },
    perUnits: 60_000,
    rounding: { quantum: 60_000, scope: "resource" },
  },
  {
    priceId: "acme/voice",
    model: "voice",
    services: ["tts"],
    pricePico: { characters: "50000000000" },
    perUnits: 1_000,
    rounding: { quantum: 1_000, scope: "period" },
  },
];

/** The same book later: two prices of October turned out to be others. No row is taken away. */
const LATER_CARDS: readonly Card[] = [
  ...CARDS.map((card) =>
    card["priceId"] === "acme/quick" || card["priceId"] === "acme/room"
      ? { ...card, revokedAt: "2026-11-01" }
      : card,
  ),
  {
    priceId: "acme/quick/2",
    model: "quick",
    knownFrom: "2026-11-01",
    pricePico: { inputTokens: "140000000009", outputTokens: "610000000000" },
  },
  {
    priceId: "acme/room/2",
    model: "room",
    services: ["room"],
    knownFrom: "2026-11-01",
    pricePico: { connectionMs: "9000000000" },
    perUnits: 60_000,
    rounding: { quantum: 10_000, scope: "resource" },
  },
];

export const BOOK = bookOf(...CARDS);
export const LATER_BOOK = bookOf(...LATER_CARDS);

/** The first book, and what a file of one's own adds to it. */
export function bookWith(own: object): PriceBook {
  const shipped = { prices: CARDS.map((card) => ({ ...CARD, ...card })) };
  return new PriceBook(shipped, "shipped.json", { content: own, file: "own.json" });
}

export const desk = (book: PriceBook = BOOK, at: number = POSTED): Desk => ({ book, at });
