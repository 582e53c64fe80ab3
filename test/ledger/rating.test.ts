import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { disjointTokens, type UsageEvent } from "../../src/events/usage.events.ts";
import type { PriceBook } from "../../src/ledger/price-book.ts";
import { amountOf, rate, type Subject } from "../../src/ledger/rating.ts";
import { BOOK, bookOf, type Card, day, desk, USED } from "./support/books.ts";
import { Clerk, runs } from "./support/clerk.ts";
import { event, shuffled } from "./support/usage.ts";

/** The numbers are those of the ledger's invariants. */
const quantities = fc.array(fc.nat(200_000), { minLength: 1, maxLength: 8 });
const sumOf = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0);

const SUBJECT: Subject = {
  request: "r",
  call: "c1",
  service: "llm",
  provider: "acme",
  model: "quick",
  at: USED,
};

function costOf(book: PriceBook, events: readonly UsageEvent[]): bigint {
  return new Clerk(desk(book)).take(events).ledger.cost().amountPico;
}

const ear = { service: "stt", requestModel: "ear" } as const;
const ended = { kind: "closed", semantics: "delta" } as const;

suite("quantities", () => {
  test("6 deltas and running totals of one stream cost the same, in any order", () => {
    fc.assert(
      fc.property(quantities, fc.nat(), (told, order) => {
        const delta = told.map((audioMs, segment) => {
          return event({
            ...ear,
            kind: "progress",
            segment,
            semantics: "delta",
            meters: { audioMs },
          });
        });
        const running = told.map((_, segment) => {
          const meters = { audioMs: sumOf(told.slice(0, segment + 1)) };
          return event({ ...ear, kind: "progress", segment, meters });
        });
        const end = event({ ...ear, ...ended });
        const whole = event({ ...ear, meters: { audioMs: sumOf(told) } });
        const expected = costOf(BOOK, [whole]);
        assert.equal(costOf(BOOK, shuffled([...delta, end], order)), expected);
        assert.equal(costOf(BOOK, shuffled([...running, end], order)), expected);
        assert.equal(costOf(BOOK, [...shuffled([...running, whole], order)]), expected);
      }),
      runs,
    );
  });

  test("6 a measured end may be below what was told before, an estimated one may not", () => {
    const told = event({ ...ear, kind: "progress", meters: { audioMs: 60_000 } });
    const end = (quality: "measured" | "estimated") =>
      event({ ...ear, quality, meters: { audioMs: 30_000 } });
    assert.equal(costOf(BOOK, [told, end("measured")]), 2_400_000_000n);
    assert.equal(costOf(BOOK, [told, end("estimated")]), 4_800_000_001n);
  });

  test("6 what is provisional counts until the request is closed, and not after it", () => {
    fc.assert(
      fc.property(quantities, quantities, fc.nat(), (believed, told, order) => {
        const progress = believed.map((audioMs, segment) =>
          event({ ...ear, kind: "progress", segment, quality: "provisional", meters: { audioMs } }),
        );
        const most = event({ ...ear, meters: { audioMs: Math.max(0, ...believed) } });
        assert.equal(costOf(BOOK, shuffled(progress, order)), costOf(BOOK, [most]));
        const counted = told.map((audioMs, i) => {
          const segment = believed.length + i;
          return event({
            ...ear,
            kind: "progress",
            segment,
            semantics: "delta",
            meters: { audioMs },
          });
        });
        const end = event({ ...ear, ...ended, quality: "estimated", meters: { audioMs: 7 } });
        const whole = event({ ...ear, meters: { audioMs: sumOf(told) + 7 } });
        const all = shuffled([...progress, ...counted, end], order);
        assert.equal(costOf(BOOK, all), costOf(BOOK, [whole]));
      }),
      runs,
    );
  });

  test("7 disjoint meters add up to the vendor's totals, and each token is rated once", () => {
    const inclusive = fc
      .record({
        cacheRead: fc.nat(9_000),
        cacheWrite: fc.nat(9_000),
        fresh: fc.nat(9_000),
        reasoning: fc.nat(9_000),
        said: fc.nat(9_000),
      })
      .map(({ cacheRead, cacheWrite, fresh, reasoning, said }) => ({
        input: fresh + cacheRead + cacheWrite,
        cacheRead,
        cacheWrite,
        output: said + reasoning,
        reasoning,
      }));
    const flat = { cacheReadTokens: "3000000", cacheWriteTokens: "3000000" };
    const price = { inputTokens: "3000000", outputTokens: "3000000", reasoningTokens: "3000000" };
    const book = bookOf({ priceId: "acme/flat", model: "quick", pricePico: { ...flat, ...price } });
    fc.assert(
      fc.property(inclusive, (told) => {
        const meters = disjointTokens(told);
        const { inputTokens, cacheReadTokens, cacheWriteTokens } = meters;
        assert.equal(inputTokens + cacheReadTokens + cacheWriteTokens, told.input);
        assert.ok(cacheReadTokens <= told.input);
        assert.equal(meters.outputTokens + meters.reasoningTokens, told.output);
        const tokens = BigInt(told.input + told.output);
        assert.equal(costOf(book, [event({ meters })]), tokens * 3n);
      }),
      runs,
    );
    assert.equal(disjointTokens({ input: 5, cacheRead: 9, output: 0 }).inputTokens, 0);
  });
});

const price = fc.bigInt({ min: 0n, max: 10n ** 13n }).map(String);
const perUnits = fc.constantFrom(1, 3, 60_000, 1_000_000);

suite("rating", () => {
  test("8 told in pieces it costs what it costs at once, exactly, whatever is rounded", () => {
    const rounding = fc.option(
      fc.record({
        quantum: fc.integer({ min: 1, max: 60_000 }),
        minimum: fc.integer({ min: 1, max: 90_000 }),
        scope: fc.constantFrom("request" as const, "resource" as const, "period" as const),
      }),
    );
    const multiplier = fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 }));
    const multipliers = fc.array(multiplier, { maxLength: 2 });
    fc.assert(
      fc.property(quantities, price, perUnits, rounding, multipliers, (told, ...of) => {
        const [audioMs, per, round, factors] = of;
        const card: Card = {
          priceId: "acme/ear",
          model: "ear",
          services: ["stt"],
          pricePico: { audioMs },
          perUnits: per,
          ...(round && { rounding: round }),
          multipliers: factors,
        };
        const book = bookOf(card);
        const pieces = told.map((piece, segment) => {
          const meters = { audioMs: piece };
          return event({ ...ear, kind: "progress", segment, semantics: "delta", meters });
        });
        const whole = costOf(book, [event({ ...ear, meters: { audioMs: sumOf(told) } })]);
        assert.equal(costOf(book, [...pieces, event({ ...ear, ...ended })]), whole);
        // By hand: one multiplication, one division.
        const total = sumOf(told);
        const steps = round ? Math.ceil(total / round.quantum) * round.quantum : total;
        const billed = total === 0 ? 0 : Math.max(steps, round?.minimum ?? 0);
        const [times, over] = factors.reduce(([a, b], [c, d]) => [a * c, b * d], [1, 1]);
        const numerator = BigInt(audioMs) * BigInt(billed) * BigInt(times);
        const denominator = BigInt(per) * BigInt(over);
        const off = whole * denominator - numerator;
        assert.ok(2n * (off < 0n ? -off : off) <= denominator);
      }),
      runs,
    );
  });

  test("8 what a resource used in several requests is rounded once", () => {
    fc.assert(
      fc.property(quantities, fc.nat(), (told, order) => {
        const events = told.map((connectionMs, at) =>
          event({
            service: "room",
            requestModel: "room",
            clientRequest: `r${at}`,
            resource: "caller",
            meters: { connectionMs },
          }),
        );
        const minutes = BigInt(Math.ceil(sumOf(told) / 60_000));
        assert.equal(costOf(BOOK, shuffled(events, order)), minutes * 10_000_000_000n);
      }),
      runs,
    );
  });

  test("9 the more is used the more it costs, below, at and above every threshold", () => {
    const size = fc.oneof(fc.nat(3_000), fc.nat(10_000_000));
    const model = fc.constantFrom("quick", "steps");
    fc.assert(
      fc.property(size, size, model, (a, b, name) => {
        const cost = (outputTokens: number): bigint => {
          const used = { inputTokens: BigInt(outputTokens), outputTokens: BigInt(outputTokens) };
          const only = name === "quick" ? used : { outputTokens: used.outputTokens };
          const { shares, unrated } = rate({ ...SUBJECT, model: name }, only, { book: BOOK });
          assert.deepEqual(unrated, {});
          return shares.reduce((sum, { priceId, quantity }) => {
            return sum + amountOf(BOOK.row(priceId)!, quantity).amountPico;
          }, 0n);
        };
        assert.ok(cost(Math.min(a, b)) <= cost(Math.max(a, b)));
      }),
      runs,
    );
  });

  test("a whole threshold is for all of a long request, a marginal one for what is above", () => {
    const cost = (requestModel: string, outputTokens: number, inputTokens = 0): bigint => {
      const meters = { outputTokens, ...(inputTokens > 0 && { inputTokens }) };
      return costOf(BOOK, [event({ requestModel, meters })]);
    };
    assert.equal(cost("quick", 1_000_000, 1_000), 600_000_000_000n + 150_000_000n);
    assert.equal(cost("quick", 1_000_000, 1_001), 900_000_000_007n + 300_300_000n);
    assert.equal(cost("steps", 500), 3_500_000n);
    assert.equal(cost("steps", 1_500), 3_500_000n + 3_000_000n);
  });

  test("12 a price that was announced and revoked never touched what came before it", () => {
    const begin = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(quantities, begin, price, (told, days, announced) => {
        const from = new Date(USED + days * 86_400_000).toISOString().slice(0, 10);
        const now: Card = { priceId: "p/now", model: "quick", pricePico: { inputTokens: "77777" } };
        const rise = {
          priceId: "p/rise",
          model: "quick",
          effectiveFrom: from,
          pricePico: { inputTokens: announced },
        };
        const events = told.map((inputTokens, at) =>
          event({ clientRequest: `r${at}`, meters: { inputTokens } }),
        );
        const expected = costOf(bookOf(now), events);
        const before = bookOf({ ...now, effectiveTo: from }, rise);
        const revoked = bookOf({ ...now, effectiveTo: from, revokedAt: "2026-12-01" }, now2(), {
          ...rise,
          revokedAt: "2026-12-01",
        });
        assert.equal(costOf(before, events), expected);
        assert.equal(costOf(revoked, events), expected);
        const clerk = new Clerk(desk(before)).take(events);
        clerk.desk = desk(revoked, day("2026-12-02"));
        for (const { id, call } of clerk.ledger.requests())
          clerk.do({ type: "rerate", plan: "revoked", call, request: id });
        assert.equal(clerk.ledger.cost().amountPico, expected);
      }),
      runs,
    );
  });
});

/** The old price again, now without an end. */
function now2(): Card {
  return {
    priceId: "p/now2",
    model: "quick",
    knownFrom: "2026-12-01",
    pricePico: { inputTokens: "77777" },
  };
}
