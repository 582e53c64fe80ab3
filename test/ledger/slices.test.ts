import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { parseUsd } from "../../src/ledger/money.ts";
import { priceBook } from "../../src/ledger/price-book.ts";
import type { Subject } from "../../src/ledger/rating.ts";
import { largestWithin, measuresDue, worstCase } from "../../src/ledger/slices.ts";
import { day } from "./support/books.ts";
import { runs } from "./support/clerk.ts";

const PRICES = { book: priceBook() };
const MINI: Subject = {
  request: "r",
  call: "c1",
  service: "llm",
  provider: "openai",
  model: "gpt-4o-mini",
  at: day("2026-11-19"),
};
const FLASH = {
  ...MINI,
  service: "tts",
  provider: "elevenlabs",
  model: "eleven_flash_v2_5",
} as const;

suite("what is held for a slice", () => {
  test("is what it costs at worst", () => {
    assert.equal(worstCase(FLASH, { characters: 120n }, PRICES), parseUsd("0.006"));
    assert.equal(worstCase(MINI, { outputTokens: 64n }, PRICES), parseUsd("0.0000384"));
  });

  test("where a model has no price, is the dearest of its service, or nothing goes out", () => {
    const tokens = { outputTokens: 1_000_000n };
    const dearest = worstCase({ ...MINI, model: "gpt-next" }, tokens, PRICES)!;
    for (const { model, provider } of PRICES.book.all.filter(({ services }) =>
      services.includes("llm"),
    ))
      assert.ok(dearest >= (worstCase({ ...MINI, provider, model }, tokens, PRICES) ?? 0n), model);
    assert.equal(worstCase({ ...MINI, service: "tool" }, { images: 1n }, PRICES), undefined);
  });

  test("fits with the largest size, or the slice is not made at all", () => {
    const size = fc.bigInt({ min: 0n, max: 5_000n });
    fc.assert(
      fc.property(size, size, fc.bigInt({ min: 0n, max: 10n ** 10n }), (min, more, available) => {
        const cost = (outputTokens: bigint) => worstCase(MINI, { outputTokens }, PRICES);
        const max = min + more;
        const fit = largestWithin(available, { min, max }, cost);
        if (fit === undefined) assert.ok(cost(min)! > available);
        else {
          assert.ok(min <= fit && fit <= max && cost(fit)! <= available);
          assert.ok(fit === max || cost(fit + 1n)! > available);
        }
      }),
      runs,
    );
    assert.equal(
      largestWithin(9n, { min: 2n, max: 1n }, () => 0n),
      undefined,
    );
    assert.equal(
      largestWithin(9n, { min: 1n, max: 2n }, () => undefined),
      undefined,
    );
  });

  test("is followed by milder measures first, and by none without a limit", () => {
    const at = { warn: 500, cheaperModel: 300, shorterAnswers: 200, noVision: 100, farewell: 20 };
    const due = (available: bigint) => measuresDue(available, 1_000n, at);
    assert.deepEqual(due(501n), []);
    assert.deepEqual(due(500n), ["warn"]);
    assert.deepEqual(due(200n), ["warn", "cheaperModel", "shorterAnswers"]);
    assert.deepEqual(due(-1n).length, 5);
    assert.deepEqual(measuresDue(undefined, undefined, at), []);
  });
});
