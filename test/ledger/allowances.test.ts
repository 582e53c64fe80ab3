import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { costRowsOf } from "../../src/projections/cost-rows.ts";
import type { UsageEvent } from "../../src/events/usage.events.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { allocate, divideHalfEven, parseUsd } from "../../src/ledger/money.ts";
import { bookWith, CARD, day, desk, USED } from "./support/books.ts";
import { assertPosted, balancesOf, Clerk, fold, recount, runs } from "./support/clerk.ts";
import { event } from "./support/usage.ts";

/** Units of a month that cost nothing, given back when the month is closed. */
const UNITS = 5_000;
const POOL = "acme/line#connectionMs";
/** 7 pico-USD a unit and a third, so that divisions leave something over. */
const LINE = {
  ...CARD,
  priceId: "acme/line",
  model: "line",
  services: ["room"],
  pricePico: { connectionMs: "22" },
  perUnits: 3,
  allowance: { units: UNITS, period: "month" },
} as const;
const BOOK = bookWith({ prices: [LINE] });
const [NOVEMBER, DECEMBER, JANUARY] = ["2026-11-05", "2026-12-05", "2027-01-05"].map(day);

interface Used {
  readonly call: string;
  readonly units: number;
  readonly at?: number;
  readonly revision?: number;
}

let requests = 0;
function used({ call, units, at = USED, revision = 0 }: Used, clientRequest = `q${++requests}`) {
  return event({
    call,
    clientRequest,
    revision,
    service: "room",
    requestModel: "line",
    meters: { connectionMs: units },
    occurredAt: at,
    observedAt: at,
  });
}

function clerkAt(at = NOVEMBER!): Clerk {
  return new Clerk(desk(BOOK, at));
}

/** Until there is nothing to do; how many transactions that were. */
function closeMonth(clerk: Clerk, period = "2026-10"): number {
  for (let posted = 0; ; posted++) {
    const { kind } = clerk.do({ type: "close", period });
    if (kind === "duplicate") return posted;
    assert.equal(kind, "post");
  }
}

interface Part {
  readonly call: string;
  readonly month: string;
  readonly period: string;
  readonly pico: bigint;
}

/** What was given back, as the stream says it. */
function partsOf({ stream }: Clerk): readonly Part[] {
  return stream.flatMap(({ entries, period }) =>
    entries.flatMap(({ given, amountPico }) =>
      given ? [{ call: given.call, month: given.month, period, pico: -BigInt(amountPico) }] : [],
    ),
  );
}

const sumOf = (values: readonly bigint[]): bigint => values.reduce((all, one) => all + one, 0n);
const givenIn = (clerk: Clerk, period?: string): bigint =>
  sumOf(
    partsOf(clerk)
      .filter((part) => period === undefined || part.period === period)
      .map(({ pico }) => pico),
  );

/** What is due, counted by hand: the free share of all that the month's usage cost. */
function dueFor(costPico: bigint, units: number): bigint {
  if (units === 0) return 0n;
  const free = BigInt(Math.min(units, UNITS));
  return divideHalfEven(costPico * free, BigInt(units)).quotient;
}

const calls = fc.array(
  fc.record({ call: fc.constantFrom("c1", "c2", "c3", "c4"), units: fc.nat(3_000) }),
  { minLength: 1, maxLength: 12 },
);

suite("a month's allowance", () => {
  test("is list price while the month runs, and its own lines when it is closed", () => {
    const clerk = clerkAt().take([used({ call: "c1", units: 3_000 })]);
    assert.equal(clerk.ledger.cost().amountPico, 22_000n);
    assert.equal(closeMonth(clerk), 2);
    assert.equal(clerk.ledger.cost().amountPico, 0n);
    assert.equal(clerk.ledger.periodCost("2026-10"), 0n);
    assert.deepEqual(partsOf(clerk), [
      { call: "c1", month: "2026-10", period: "2026-10", pico: 22_000n },
    ]);
    assert.equal(clerk.ledger.balance("payable:acme"), 0n);
    assert.equal(closeMonth(clerk), 0);
    const given = clerk.stream.find(({ entries }) => entries.some((entry) => entry.given))!;
    assert.deepEqual([given.kind, given.entries.length], ["adjust", 2]);
    const [row] = costRowsOf(given);
    assert.deepEqual(
      [row?.call_id, row?.price_id, row?.service, row?.amount_pico, row?.period],
      ["c1", POOL, "room", "-22000", "2026-10"],
    );
  });

  test("that is used up leaves what is above it to be paid, by each call its share", () => {
    const clerk = clerkAt().take([
      used({ call: "c1", units: 6_000 }),
      used({ call: "c2", units: 3_000 }),
    ]);
    closeMonth(clerk);
    // 9,000 units are 66,000; 5,000 of them are free, a third of it for the call with a third.
    assert.deepEqual(
      partsOf(clerk).map(({ call, pico }) => [call, pico]),
      [
        ["c1", 24_445n],
        ["c2", 12_222n],
      ],
    );
    assert.equal(clerk.ledger.cost().amountPico, 66_000n - 36_667n);
  });

  test("is given back exactly: its parts sum to what is due, none is more than was paid", () => {
    fc.assert(
      fc.property(calls, (all) => {
        const clerk = clerkAt().take(all.map((one) => used(one)));
        const cost = clerk.ledger.cost().amountPico;
        const byCall = Map.groupBy(clerk.ledger.requests(), ({ call }) => call);
        closeMonth(clerk);
        const units = all.reduce((sum, one) => sum + one.units, 0);
        assert.equal(givenIn(clerk), dueFor(cost, units));
        assert.equal(clerk.ledger.cost().amountPico, cost - dueFor(cost, units));
        for (const { call, pico } of partsOf(clerk)) {
          const paid = sumOf(byCall.get(call)!.map(({ amountPico }) => amountPico));
          assert.ok(pico > 0n && pico <= paid, `${call}: ${pico} of ${paid}`);
          // By largest remainder: less than one off the exact share.
          const off = pico * cost - dueFor(cost, units) * paid;
          assert.ok((off < 0n ? -off : off) < cost);
        }
        assert.deepEqual(recount(clerk.stream), balancesOf(clerk.ledger));
      }),
      runs,
    );
  });

  test("gives the same whatever was sealed, doubled or in another order before", () => {
    fc.assert(
      fc.property(calls, fc.nat(), (all, seed) => {
        const events = all.map((one) => used(one));
        const plain = clerkAt().take(events);
        const other = clerkAt().take([...events.toReversed(), events[seed % events.length]!]);
        for (const call of ["c1", "c2", "c3"]) other.do({ type: "seal", call });
        closeMonth(plain);
        closeMonth(other);
        const told = (clerk: Clerk) =>
          partsOf(clerk).toSorted((a, b) => (a.call < b.call ? -1 : 1));
        assert.deepEqual(told(other), told(plain));
        assert.deepEqual(balancesOf(other.ledger), balancesOf(plain.ledger));
      }),
      runs,
    );
  });

  test("of a closed month stays as it is: late usage changes what is given in the open one", () => {
    fc.assert(
      fc.property(calls, calls, calls, (october, november, late) => {
        const clerk = clerkAt().take(october.map((one) => used(one)));
        closeMonth(clerk);
        const before = { parts: partsOf(clerk), cost: clerk.ledger.periodCost("2026-10") };
        clerk.take(november.map((one) => used({ ...one, at: NOVEMBER! })));
        clerk.take(late.map((one) => used(one)));
        clerk.desk = desk(BOOK, DECEMBER);
        closeMonth(clerk, "2026-11");
        assert.equal(clerk.ledger.periodCost("2026-10"), before.cost);
        assert.deepEqual(
          partsOf(clerk).filter(({ period }) => period === "2026-10"),
          before.parts,
        );
        // In all, each month gives back what is due for everything that was used in it.
        for (const month of ["2026-10", "2026-11"]) {
          const all = month === "2026-10" ? [...october, ...late] : november;
          const paid = costOf(clerk, month);
          const units = all.reduce((sum, one) => sum + one.units, 0);
          const given = sumOf(
            partsOf(clerk)
              .filter((part) => part.month === month)
              .map(({ pico }) => pico),
          );
          assert.equal(given, dueFor(paid, units), month);
        }
        assert.deepEqual(recount(clerk.stream), balancesOf(clerk.ledger));
      }),
      runs,
    );
  });

  test("goes on from a snapshot and from the stream as from the first transaction", () => {
    fc.assert(
      fc.property(calls, calls, fc.nat(), (october, late, at) => {
        const clerk = clerkAt().take(october.map((one) => used(one)));
        closeMonth(clerk);
        clerk.take(late.map((one) => used(one)));
        const cut = at % (clerk.stream.length + 1);
        const saved = JSON.stringify(fold(clerk.stream.slice(0, cut)).snapshot());
        const again = fold(clerk.stream.slice(cut), Ledger.restore(JSON.parse(saved)));
        assert.equal(again.stateHash(), clerk.ledger.stateHash());
        assert.equal(fold(clerk.stream).stateHash(), clerk.ledger.stateHash());
        const other = new Clerk(desk(BOOK, DECEMBER), again);
        clerk.desk = desk(BOOK, DECEMBER);
        closeMonth(other, "2026-11");
        closeMonth(clerk, "2026-11");
        assert.equal(other.ledger.stateHash(), clerk.ledger.stateHash());
      }),
      runs,
    );
  });
});

/** What a month's usage was posted at, before anything was given back. */
function costOf({ stream }: Clerk, month: string): bigint {
  return sumOf(
    stream.flatMap(({ entries, period, late = period }) =>
      entries.map(({ rated, amountPico }) => (rated && late === month ? BigInt(amountPico) : 0n)),
    ),
  );
}

suite("an allowance", () => {
  test("that was given for what turns out not to be used is taken back in the open month", () => {
    const clerk = clerkAt().take([used({ call: "c1", units: 3_000 }, "r")]);
    closeMonth(clerk);
    clerk.take([used({ call: "c1", units: 300, revision: 1 }, "r")]);
    clerk.desk = desk(BOOK, DECEMBER);
    closeMonth(clerk, "2026-11");
    assert.equal(givenIn(clerk, "2026-11"), -19_800n);
    assert.equal(clerk.ledger.cost().amountPico, 0n);
  });

  test("is one for all factors that its row is taken with", () => {
    const tenant = { tenant: "t1", effectiveFrom: "2026-10-10" };
    const markups = [{ ...tenant, times: [2, 1] }];
    const book = bookWith({ prices: [LINE], markups });
    const clerk = new Clerk(desk(book, NOVEMBER)).take([
      used({ call: "c1", units: 3_000, at: day("2026-10-09") }),
      used({ call: "c2", units: 3_000, at: day("2026-10-11") }),
    ]);
    closeMonth(clerk);
    // 22,000 and 44,000 for 6,000 units, of which 5,000 are free.
    assert.equal(givenIn(clerk), 55_000n);
  });

  test("of more calls than fit one posting is given back in several, and then closed", () => {
    const events: UsageEvent[] = [];
    for (let i = 0; i < 1_200; i++) events.push(used({ call: `c${i}`, units: 3 }));
    const clerk = clerkAt().take(events);
    const first = clerk.do({ type: "close", period: "2026-10" });
    assertPosted(first);
    assert.equal(first.transactions[0]!.entries.length, 501);
    assert.equal(clerk.ledger.isClosed("2026-10"), false);
    // Something comes between: what was given so far is made right by the next.
    clerk.take([used({ call: "c0", units: 6_000 })]);
    closeMonth(clerk);
    assert.equal(givenIn(clerk), dueFor(costOf(clerk, "2026-10"), 9_600));
    assert.equal(new Set(partsOf(clerk).map(({ call }) => call)).size, 1_200);
  });

  test("of a month that is not closed is not given with the next", () => {
    const clerk = clerkAt(JANUARY).take([
      used({ call: "c1", units: 3_000 }),
      used({ call: "c1", units: 30, at: NOVEMBER! }),
    ]);
    closeMonth(clerk, "2026-11");
    assert.equal(givenIn(clerk), 220n);
    closeMonth(clerk, "2026-10");
    assert.equal(givenIn(clerk), 22_220n);
  });

  test("has one meter, or the card is refused", () => {
    const two = { ...LINE, pricePico: { connectionMs: "1", requests: "1" } };
    assert.throws(() => bookWith({ prices: [two] }), {
      code: "config.invalid",
      message: /own\.json: [^]*one meter[^]*prices\[0\]\.allowance/,
    });
  });
});

test("by largest remainder an amount is divided without loss, each part less than one off", () => {
  const amount = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
  const weights = fc.array(fc.bigInt({ min: 0n, max: 10n ** 9n }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(amount, weights, (all, over) => {
      const parts = allocate(all, over);
      assert.equal(sumOf(parts), all);
      const sum = sumOf(over);
      if (sum === 0n) return;
      for (const [i, part] of parts.entries()) {
        const off = part * sum - all * over[i]!;
        assert.ok((off < 0n ? -off : off) < sum);
        assert.ok(over[i] !== 0n || part === 0n);
      }
    }),
    runs,
  );
  assert.deepEqual(allocate(5n, [0n, 0n]), [3n, 2n]);
  assert.deepEqual(allocate(0n, []), []);
  assert.deepEqual(allocate(parseUsd("1"), [1n]), [parseUsd("1")]);
});
