import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import prices from "../../data/prices.json" with { type: "json" };
import { divideHalfEven, usdText } from "../../src/ledger/money.ts";
import type { Usage } from "../../src/events/effect.events.ts";
import { rules } from "../../src/agent/rules.ts";
import { costOf, listPrice } from "../../src/ledger/cost-of.ts";
import { PriceBook, priceBook } from "../../src/ledger/price-book.ts";
import { createReceptionist } from "../../src/providers/local/receptionist/receptionist.llm.ts";
import { CARD as ANY_CARD } from "./support/books.ts";

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`);
const NOW = day("2026-11-21");
const BILLION = 1_000_000_000n;

const CARD = {
  ...ANY_CARD,
  priceId: "acme/one",
  model: "one",
  pricePico: { inputTokens: "2000000000000" },
} as const;
const SELECTOR = { provider: "acme", model: "one", meter: "inputTokens" } as const;

type Card = Readonly<Record<string, unknown>>;

function bookOf(...cards: readonly Card[]): PriceBook {
  return new PriceBook({ prices: cards.map((card) => ({ ...CARD, ...card })) });
}

function usage(meter: Usage["meter"], quantity: number, model = "one"): Usage {
  return { service: "llm", provider: "acme", model, meter, quantity, estimated: false };
}

suite("data/prices.json", () => {
  test("is a book: dates, digits and no price that another one contradicts", () => {
    assert.ok(priceBook().all.length > 150);
    assert.equal(priceBook(), priceBook());
  });

  test("every price says where it was read, when, and how sure that is", () => {
    for (const { priceId, source, checkedOn, confidence } of priceBook().all) {
      assert.ok(source.length > 0 && ["P", "S"].includes(confidence), priceId);
      assert.match(checkedOn, /^202[56]/, priceId);
    }
  });

  const KNOWN: readonly (readonly [string, string, Usage["meter"], string, bigint])[] = [
    // Pico-USD for a billion units, by hand: 0.10 USD for a million is 100 USD for a billion.
    ["openai", "gpt-6-luna", "inputTokens", "2026-11-21", 100n],
    ["openai", "gpt-6-luna", "outputTokens", "2026-11-21", 500n],
    ["openai", "gpt-6-sol", "cacheReadTokens", "2026-11-21", 200n],
    ["openai", "gpt-4o-mini", "inputTokens", "2026-11-21", 150n],
    ["openai", "gpt-5.6-luna", "inputTokens", "2026-07-29", 1_000n],
    ["openai", "gpt-5.6-luna", "inputTokens", "2026-07-30", 200n],
    ["anthropic", "claude-sonnet-5-5", "cacheReadTokens", "2026-10-06", 200n],
    ["anthropic", "claude-sonnet-5-5", "cacheReadTokens", "2026-10-07", 100n],
    ["gemini", "gemini-3.8-flash", "outputTokens", "2026-12-31", 3_750n],
    ["gemini", "gemini-3.8-flash", "outputTokens", "2027-01-01", 7_500n],
    ["gemini", "gemini-2.5-flash", "inputTokens", "2026-08-01", 300n],
    ["elevenlabs", "eleven_flash_v2_5", "characters", "2026-11-21", 50_000n],
  ];
  for (const [provider, model, meter, on, usd] of KNOWN)
    test(`${model}: ${meter} on ${on}`, () => {
      const row = priceBook().priceOf({ provider, model, meter }, day(on));
      assert.equal(listPrice(row!, 1e9), usd * 1_000n * BILLION);
    });

  test("an hour of nova-3, a pixel of voyage and a second of rime divide without loss", () => {
    const amount = (name: string, meter: Usage["meter"], quantity: number): string => {
      const [provider = "", model = ""] = name.split("/");
      return usdText(listPrice(priceBook().priceOf({ provider, model, meter }, NOW)!, quantity));
    };
    assert.equal(amount("deepgram/nova-3", "audioMs", 3_600_000), "0.288");
    assert.equal(amount("voyage/voyage-multimodal-3.5", "pixels", 1), "0.0000000006");
    assert.equal(amount("rime/coda", "audioMs", 1_000), "0.0005");
  });

  test("a long request costs double for input and half more for output, as a whole", () => {
    const usd = (tokens: number): string => {
      const request = [usage("inputTokens", tokens), usage("outputTokens", 1_000)];
      const named = request.map((one) => ({ ...one, provider: "openai", model: "gpt-6-sol" }));
      const { pico, unpriced } = costOf(priceBook(), named, NOW);
      assert.deepEqual(unpriced, []);
      return usdText(pico);
    };
    assert.equal(usd(272_000), "0.554");
    assert.equal(usd(272_001), "1.103004");
  });

  test("one changed line changes what comes after it, and nothing before", () => {
    const next = {
      ...prices.prices.find(({ priceId }) => priceId === "openai/gpt-6-luna")!,
      priceId: "openai/gpt-6-luna/2",
      pricePico: { inputTokens: "900000000000" },
      effectiveFrom: "2026-12-01",
    };
    const ended = prices.prices.map((card) =>
      card.priceId === "openai/gpt-6-luna" ? { ...card, effectiveTo: "2026-12-01" } : card,
    );
    const book = new PriceBook({ prices: [...ended, next] });
    const at = (on: string) =>
      book.priceOf({ provider: "openai", model: "gpt-6-luna", meter: "inputTokens" }, day(on));
    assert.equal(at("2026-11-30")!.pricePico, 100n * BILLION);
    assert.equal(at("2026-12-01")!.pricePico, 900n * BILLION);
  });
});

test("engines of this machine have rows that say they cost nothing", () => {
  const LOCAL = [
    ["moonshine-tiny-en", "audioMs"],
    ["flite", "characters"],
    [rules([]).model, "inputTokens"],
    [createReceptionist().model, "outputTokens"],
  ] as const;
  for (const [model, meter] of LOCAL)
    assert.equal(priceBook().priceOf({ provider: "local", model, meter }, NOW)?.pricePico, 0n);
});

suite("a price book", () => {
  test("gives the price of a moment: from its first on, until before its last", () => {
    const book = bookOf(
      { priceId: "a", effectiveTo: "2026-06-01" },
      { priceId: "b", effectiveFrom: "2026-06-01", effectiveTo: "2026-07-01" },
    );
    const idAt = (at: number) => book.priceOf(SELECTOR, at)?.priceId;
    assert.equal(idAt(day("2026-06-01") - 1), "a#inputTokens");
    assert.equal(idAt(day("2026-06-01")), "b#inputTokens");
    assert.equal(idAt(day("2026-07-01")), undefined);
  });

  test("a rise that was announced and called off counts for those who knew of it alone", () => {
    const rise = { priceId: "rise", effectiveFrom: "2026-09-01", knownFrom: "2026-03-01" };
    const book = bookOf(
      { priceId: "before", effectiveTo: "2026-09-01" },
      { ...rise, pricePico: { inputTokens: "3000000000000" }, revokedAt: "2026-08-01" },
      { priceId: "after", effectiveFrom: "2026-09-01", knownFrom: "2026-08-01" },
    );
    const idAsKnown = (known?: string) =>
      book.priceOf(SELECTOR, day("2026-09-02"), known ? day(known) : undefined)?.priceId;
    assert.equal(idAsKnown("2026-02-01"), undefined);
    assert.equal(idAsKnown("2026-07-31"), "rise#inputTokens");
    assert.equal(idAsKnown("2026-08-01"), "after#inputTokens");
    assert.equal(idAsKnown(), "after#inputTokens");
  });

  test("a row is found by its id, and a meter's ceiling is the dearest of its service", () => {
    const book = bookOf(
      { priceId: "a" },
      { priceId: "b", model: "two", pricePico: { inputTokens: "9000" }, perUnits: 1_000 },
      { priceId: "c", model: "three", pricePico: { inputTokens: "9000000000000" } },
      {
        priceId: "d",
        model: "four",
        pricePico: { inputTokens: "99" },
        perUnits: 1,
        services: ["tts"],
      },
    );
    assert.equal(book.row("b#inputTokens")?.model, "two");
    assert.equal(book.row("b"), undefined);
    const dearest = (service: "llm" | "tts", meter: Usage["meter"]) =>
      book.ceiling({ service, meter, at: NOW })?.priceId;
    assert.equal(dearest("llm", "inputTokens"), "c#inputTokens");
    assert.equal(dearest("tts", "inputTokens"), "d#inputTokens");
    assert.equal(dearest("tts", "pixels"), undefined);
  });

  test("its version follows from its content alone", () => {
    const dearer = bookOf({ pricePico: { inputTokens: "2000000000001" } });
    assert.equal(bookOf({}).version, bookOf({}).version);
    assert.notEqual(bookOf({}).version, dearer.version);
  });

  test("what has no price is told and is not free", () => {
    const book = bookOf({});
    const known = usage("inputTokens", 500_000);
    const { pico, unpriced } = costOf(book, [known, usage("outputTokens", 5)], NOW);
    assert.equal(usdText(pico), "1");
    assert.deepEqual(unpriced, [usage("outputTokens", 5)]);
    assert.deepEqual(costOf(book, [usage("outputTokens", 0)], NOW).unpriced, []);
    const other = usage("inputTokens", 1, "two");
    assert.deepEqual(costOf(book, [other], NOW), { pico: 0n, unpriced: [other] });
  });

  test("quantities are billed in whole quanta where the vendor rounds", () => {
    const book = bookOf({
      pricePico: { audioMs: "600000000000" },
      perUnits: 60_000,
      rounding: { quantum: 10_000 },
    });
    const row = book.priceOf({ ...SELECTOR, meter: "audioMs" }, NOW)!;
    assert.deepEqual(
      [0, 1, 10_000, 10_001].map((ms) => usdText(listPrice(row, ms))),
      ["0", "0.1", "0.1", "0.2"],
    );
  });

  const REFUSED: readonly (readonly [string, readonly Card[], RegExp])[] = [
    ["two prices at once", [{ priceId: "a" }, { priceId: "b" }], /a#inputTokens and b#.* at once/],
    ["one id for two", [{}, { model: "two" }], /acme\/one#inputTokens stands twice/],
    [
      "prices that meet for a day",
      [
        { priceId: "a", effectiveTo: "2026-06-02" },
        { priceId: "b", effectiveFrom: "2026-06-01" },
      ],
      /hold at once/,
    ],
    [
      "an end before the begin",
      [{ effectiveFrom: "2026-06-02", effectiveTo: "2026-06-01" }],
      /effectiveTo is not after/,
    ],
    ["a recall before it was known", [{ revokedAt: "2025-01-01" }], /revokedAt is not after/],
    [
      "a price for after its retirement",
      [{ effectiveFrom: "2026-06-02", retiredAt: "2026-06-01" }],
      /retired before/,
    ],
    ["a fraction", [{ pricePico: { inputTokens: "0.5" } }], /inputTokens/],
    ["a number", [{ pricePico: { inputTokens: 5 } }], /inputTokens/],
    ["a meter that is none", [{ pricePico: { tokens: "5" } }], /tokens/],
    ["a date that is none", [{ knownFrom: "2026-02-30" }], /knownFrom/],
    ["a service that is none", [{ services: ["smoke"] }], /services/],
    ["no source", [{ source: "" }], /source/],
    ["units that are not whole", [{ perUnits: 0.5 }], /perUnits/],
    ["an unknown field", [{ pricePicos: {} }], /pricePicos/],
  ];
  for (const [what, cards, message] of REFUSED)
    test(`refuses ${what}, and names the entry or the field`, () => {
      assert.throws(() => bookOf(...cards), { code: "config.invalid", message });
    });
});

suite("money", () => {
  test("half to even, on both sides of zero", () => {
    const by = (value: bigint) => divideHalfEven(value, 10n).quotient;
    assert.deepEqual([4n, 5n, 6n, 15n, 25n, 26n].map(by), [0n, 0n, 1n, 2n, 2n, 3n]);
    assert.deepEqual([-4n, -5n, -6n, -15n, -25n].map(by), [0n, 0n, -1n, -2n, -2n]);
  });

  test("a division is never off by more than a half", () => {
    const big = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
    fc.assert(
      fc.property(big, fc.bigInt({ min: 1n, max: 10n ** 12n }), (value, by) => {
        const { quotient, remainder } = divideHalfEven(value, by);
        assert.equal(quotient * by + remainder, value);
        assert.ok(2n * (remainder < 0n ? -remainder : remainder) <= by);
      }),
    );
  });

  test("is written with the digits it has", () => {
    const texts = [0n, 1n, 10n ** 12n, 1_500_000_000_000n, -63_000_000n].map(usdText);
    assert.deepEqual(texts, ["0", "0.000000000001", "1", "1.5", "-0.000063"]);
  });

  test("the more is used, the more it costs", () => {
    const row = bookOf({}).all[0]!;
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), (a, b) => {
        assert.ok(listPrice(row, Math.min(a, b)) <= listPrice(row, Math.max(a, b)));
      }),
    );
  });
});
