import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { parseTransaction } from "../../src/events/ledger.events.ts";
import {
  centRounding,
  divideHalfEven,
  parsePico,
  parseUsd,
  PICO_PER_USD,
  usdText,
} from "../../src/ledger/money.ts";
import { Clerk, runs } from "./support/clerk.ts";
import { event, usage } from "./support/usage.ts";

const pico = fc.oneof(fc.bigInt(), fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }));

suite("money", () => {
  test("10 no amount is lost or made a fraction by JSON, however large", () => {
    fc.assert(
      fc.property(pico, (amount) => {
        assert.equal(parsePico(JSON.parse(JSON.stringify(String(amount))) as string), amount);
        assert.equal(parseUsd(usdText(amount)), amount);
      }),
      runs,
    );
    for (const text of ["", "1.5", "1e3", "-0", "007", " 1", "0x1", "NaN"])
      assert.throws(() => parsePico(text), { code: "input.invalid" }, text);
    for (const text of ["", ".5", "1.", "1.0000000000001", "1,5", "$1"])
      assert.throws(() => parseUsd(text), { code: "input.invalid" }, text);
  });

  test("10 every amount in a stream is a whole number in digits, and survives JSON", () => {
    fc.assert(
      fc.property(usage, (events) => {
        for (const transaction of new Clerk().take(events).stream) {
          assert.deepEqual(parseTransaction(JSON.parse(JSON.stringify(transaction))), transaction);
          for (const { amountPico, rated } of transaction.entries)
            for (const text of [amountPico, ...(rated ? [rated.measured, rated.remainder] : [])])
              assert.equal(BigInt(text).toString(), text);
        }
      }),
      runs,
    );
    const large = Number.MAX_SAFE_INTEGER;
    const clerk = new Clerk().take([
      event({ meters: { inputTokens: large } }),
      event({ clientRequest: "r2", meters: { inputTokens: large } }),
    ]);
    assert.equal(clerk.ledger.cost().amountPico, 2n * BigInt(large) * 300_000n + 18_014_398_510n);
  });

  test("division is to the nearest, ties to even, and keeps what is left over", () => {
    const by = fc.bigInt({ min: 1n, max: 10n ** 9n });
    fc.assert(
      fc.property(pico, by, (numerator, denominator) => {
        const { quotient, remainder } = divideHalfEven(numerator, denominator);
        assert.equal(quotient * denominator + remainder, numerator);
        const twice = 2n * (remainder < 0n ? -remainder : remainder);
        assert.ok(twice < denominator || (twice === denominator && quotient % 2n === 0n));
      }),
      runs,
    );
    assert.deepEqual(
      [-3n, -1n, 1n, 3n, 5n].map((half) => divideHalfEven(half, 2n).quotient),
      [-2n, 0n, 0n, 2n, 2n],
    );
  });

  test("an invoice in cents differs by less than one, and by what is said", () => {
    assert.equal(centRounding(parseUsd("0.06278")), parseUsd("-0.00278"));
    assert.equal(centRounding(parseUsd("0.066")), parseUsd("0.004"));
    assert.equal(centRounding(12n * PICO_PER_USD), 0n);
  });
});
