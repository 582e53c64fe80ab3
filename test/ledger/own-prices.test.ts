import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { divideHalfEven } from "../../src/ledger/money.ts";
import { worstCase } from "../../src/ledger/slices.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import type { PriceBook } from "../../src/ledger/price-book.ts";
import { BOOK, bookWith, CARD, type Card, day, desk, LATER_BOOK, USED } from "./support/books.ts";
import { balancesOf, Clerk, recount, runs } from "./support/clerk.ts";
import { event, eventsOf, scripts, shuffled } from "./support/usage.ts";

/** What a file of one's own adds to a book: prices of tenants and plans, other vendors, factors. */
const OCTOBER = { effectiveFrom: "2026-10-01" };
const quick = (own: Card): Card => ({
  ...CARD,
  model: "quick",
  pricePico: { inputTokens: "900000000000" },
  ...own,
});
const QUICK = { provider: "acme", model: "quick", meter: "inputTokens", service: "llm" } as const;

const idOf = (book: PriceBook, query: object = {}): string | undefined =>
  book.priceOf({ ...QUICK, ...query }, USED)?.priceId;

suite("prices of one's own", () => {
  test("go before the list, a region's before those, then a plan's, and a tenant's first", () => {
    const prices = [
      quick({ priceId: "own" }),
      quick({ priceId: "us", region: "us" }),
      quick({ priceId: "growth", plan: "growth" }),
      quick({ priceId: "t1", tenant: "t1" }),
    ];
    const book = bookWith({ prices });
    assert.equal(idOf(book), "own#inputTokens");
    assert.equal(idOf(book, { region: "us" }), "us#inputTokens");
    assert.equal(idOf(book, { region: "us", plan: "growth" }), "growth#inputTokens");
    assert.equal(idOf(book, { plan: "growth", tenant: "t1" }), "t1#inputTokens");
    assert.equal(idOf(book, { tenant: "t2" }), "own#inputTokens");
    // What they do not name has the price that it had.
    assert.equal(idOf(book, { meter: "outputTokens" }), "acme/quick#outputTokens");
    assert.equal(book.row("acme/quick#inputTokens")?.pricePico, 150_000_000_000n);
  });

  test("may be of vendors that nobody else knows, and of the machine itself", () => {
    const compute = { connectionMs: "3600000" };
    const own = { priceId: "own/rack", provider: "us", model: "rack", services: ["room"] };
    const book = bookWith({ prices: [{ ...CARD, ...own, perUnits: 1, pricePico: compute }] });
    const used = { provider: "us", requestModel: "rack", service: "room" } as const;
    const clerk = new Clerk(desk(book)).take([event({ ...used, meters: { connectionMs: 5 } })]);
    assert.deepEqual(clerk.ledger.cost(), { amountPico: 18_000_000n, unrated: [] });
  });

  test("make a book of another version, which follows from both files", () => {
    const own = { prices: [quick({ priceId: "own" })] };
    assert.equal(bookWith(own).version, bookWith(own).version);
    const versions = [BOOK, bookWith({}), bookWith(own), bookWith({ markups: [ALL] })];
    assert.equal(new Set(versions.map(({ version }) => version)).size, 4);
  });

  const REFUSED: readonly (readonly [string, object, RegExp])[] = [
    [
      "an id that came with the program",
      { prices: [quick({ priceId: "acme/quick" })] },
      /^own\.json: prices\[0\]\.priceId: acme\/quick is of shipped\.json/,
    ],
    [
      "two that hold at once",
      { prices: [quick({ priceId: "a" }), quick({ priceId: "b" })] },
      /^own\.json: a#inputTokens and b#inputTokens hold at once/,
    ],
    [
      "a gap",
      {
        prices: [
          quick({ priceId: "a", effectiveTo: "2026-06-01" }),
          quick({ priceId: "b", effectiveFrom: "2026-06-02" }),
        ],
      },
      /^own\.json: nothing holds from effectiveTo of a#inputTokens to effectiveFrom of b#/,
    ],
    [
      "a day that is none",
      { prices: [quick({ priceId: "a", effectiveFrom: "2026-02-30" })] },
      /^own\.json: [^]*prices\[0\]\.effectiveFrom/,
    ],
    [
      "a meter that is none",
      { prices: [quick({ priceId: "a", pricePico: { smiles: "1" } })] },
      /^own\.json: [^]*smiles[^]*prices\[0\]\.pricePico/,
    ],
    [
      "a factor that is no fraction of whole numbers",
      { markups: [{ tenant: "t1", times: [1.2, 1], ...OCTOBER }] },
      /^own\.json: [^]*markups\[0\]\.times\[0\]/,
    ],
    [
      "a factor without a day",
      { markups: [{ tenant: "t1", times: [6, 5] }] },
      /^own\.json: [^]*markups\[0\]\.effectiveFrom/,
    ],
    [
      "two factors for everything from one day on",
      {
        markups: [
          { tenant: "t1", times: [6, 5], ...OCTOBER },
          { tenant: "t1", times: [7, 5], ...OCTOBER },
        ],
      },
      /^own\.json: markups\[0\] and markups\[1\]: t1 has two for all services from one day/,
    ],
    [
      "two factors for one service from one day on",
      {
        markups: [
          { tenant: "t1", services: ["llm", "stt"], times: [6, 5], ...OCTOBER },
          { tenant: "t1", services: ["tts", "stt"], times: [7, 5], ...OCTOBER },
        ],
      },
      /t1 has two for stt from one day on/,
    ],
    ["an unknown field", { markup: [] }, /^own\.json: [^]*markup/],
  ];
  for (const [what, own, message] of REFUSED)
    test(`with ${what} are refused, and named with file and field`, () => {
      assert.throws(() => bookWith(own), { code: "config.invalid", message });
    });

  test("may pause while nobody serves the model", () => {
    const first = { priceId: "a", effectiveTo: "2026-06-01", retiredAt: "2026-06-01" };
    const book = bookWith({
      prices: [quick(first), quick({ priceId: "b", effectiveFrom: "2026-09-01" })],
    });
    assert.equal(idOf(book), "b#inputTokens");
  });
});

const ALL = { tenant: "t1", times: [12, 10], effectiveFrom: "2026-01-01" } as const;

suite("a tenant's factor", () => {
  test("holds from its day on until the next, and for one service before that for all", () => {
    const book = bookWith({
      markups: [
        ALL,
        { ...ALL, times: [3, 2], effectiveFrom: "2026-09-01" },
        { ...ALL, times: [2, 1], services: ["stt"] },
      ],
    });
    const ids = (service: "llm" | "stt", at: number, tenant?: string) =>
      book.rows({ ...QUICK, service, at, tenant }).map(({ priceId }) => priceId);
    const at = (times: string) =>
      ["acme/quick#inputTokens", "acme/quick/long#inputTokens"].map((id) => `${id}${times}`);
    assert.deepEqual(ids("llm", day("2026-01-01") - 1, "t1"), at(""));
    assert.deepEqual(ids("llm", day("2026-01-01"), "t1"), at("*12/10"));
    assert.deepEqual(ids("llm", day("2026-09-01"), "t1"), at("*3/2"));
    assert.deepEqual(ids("stt", day("2026-09-01"), "t1"), at("*2/1"));
    assert.deepEqual(ids("llm", day("2026-09-01"), "t2"), at(""));
    assert.deepEqual(ids("llm", day("2026-09-01")), at(""));
  });

  test("is on the list alone: a price of the tenant's own stands as it is", () => {
    const prices = [quick({ priceId: "mine", tenant: "t1" })];
    const book = bookWith({ prices, markups: [ALL] });
    assert.equal(idOf(book, { tenant: "t1" }), "mine#inputTokens");
    const other = { tenant: "t1", meter: "outputTokens" };
    assert.equal(idOf(book, other), "acme/quick#outputTokens*12/10");
  });

  test("is read from the id of a row that was rated with it, whatever holds today", () => {
    const row = BOOK.row("acme/quick#inputTokens*12/10")!;
    assert.deepEqual([row.priceId, row.multipliers], ["acme/quick#inputTokens*12/10", [[12, 10]]]);
    for (const wrong of ["*", "*0/1", "*1/0", "*1", "*1.5/1", "*1/1*1/1"])
      assert.equal(BOOK.row(`acme/quick#inputTokens${wrong}`), undefined, wrong);
  });

  test("is of what is held for something without a price too", () => {
    const subject = {
      request: "r1",
      call: "c1",
      provider: "acme",
      model: "nobody",
      service: "llm",
      at: USED,
    } as const;
    const held = (book: PriceBook, tenant: string) =>
      worstCase({ ...subject, tenant }, { cacheReadTokens: 1_000_000n }, { book });
    const prices = [
      quick({ priceId: "dear", tenant: "t2", pricePico: { cacheReadTokens: "9000000000000" } }),
    ];
    const book = bookWith({ prices, markups: [ALL] });
    assert.equal(held(book, "t1"), 90_000_000_000n);
    assert.equal(held(book, "t2"), 9_000_000_000_000n);
    assert.equal(held(book, "t3"), 75_000_000_000n);
  });

  test("multiplies the list price before the one division", () => {
    const whole = fc.integer({ min: 1, max: 1_000 });
    fc.assert(
      fc.property(fc.nat(1_000), whole, whole, (tokens, times, over) => {
        const odd = quick({ priceId: "odd", pricePico: { inputTokens: "7" }, perUnits: 3 });
        const book = bookWith({ prices: [odd], markups: [{ ...ALL, times: [times, over] }] });
        const used = event({ meters: { inputTokens: tokens } });
        const exact = 7n * BigInt(tokens) * BigInt(times);
        const { quotient } = divideHalfEven(exact, 3n * BigInt(over));
        assert.equal(new Clerk(desk(book)).take([used]).ledger.cost().amountPico, quotient);
      }),
      runs,
    );
  });

  test("of 1/1 changes no amount of any line or balance", () => {
    const markups = [
      { ...ALL, times: [1, 1] },
      { ...ALL, times: [7, 7], services: ["tts"] },
    ];
    const same = bookWith({ markups });
    fc.assert(
      fc.property(scripts, fc.nat(), (all, order) => {
        const events = shuffled(
          all.flatMap((one, index) => eventsOf(one, index)),
          order,
        );
        const [plain, marked] = [BOOK, same].map((book) => new Clerk(desk(book)).take(events));
        assert.deepEqual(balancesOf(marked!.ledger), balancesOf(plain!.ledger));
        assert.deepEqual(amounts(marked!), amounts(plain!));
        assert.deepEqual(marked!.ledger.cost().unrated, plain!.ledger.cost().unrated);
      }),
      runs,
    );
  });

  test("is no other tenant's: whatever one's prices are, the other's lines stay", () => {
    const times = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }));
    fc.assert(
      fc.property(scripts, times, (all, factor) => {
        const own = {
          prices: [quick({ priceId: "mine", tenant: "t1" })],
          markups: [{ ...ALL, times: factor }],
        };
        const of = (tenant: string, book: PriceBook): Clerk =>
          new Clerk(desk(book), new Ledger(tenant)).take(
            all.flatMap((one, index) => eventsOf(one, index, tenant)),
          );
        const [before, after] = [of("t2", BOOK), of("t2", bookWith(own))];
        assert.deepEqual(
          after.stream.map(({ entries }) => entries),
          before.stream.map(({ entries }) => entries),
        );
        const first = of("t1", bookWith(own));
        assert.deepEqual(recount(first.stream), balancesOf(first.ledger));
      }),
      runs,
    );
  });

  test("rated with it and without it again restores every balance", () => {
    const marked = desk(bookWith({ markups: [ALL] }));
    fc.assert(
      fc.property(scripts, (all) => {
        const clerk = new Clerk().take(all.flatMap((one, index) => eventsOf(one, index)));
        const before = balancesOf(clerk.ledger);
        const requests = clerk.ledger.requests();
        for (const [plan, at] of [
          ["there", marked],
          ["back", desk()],
        ] as const) {
          clerk.desk = at;
          for (const { id, call } of requests)
            clerk.do({ type: "rerate", plan, call, request: id });
        }
        assert.deepEqual(balancesOf(clerk.ledger), before);
      }),
      runs,
    );
  });
});

function amounts({ stream }: Clerk): readonly string[] {
  return stream.flatMap(({ entries }) => entries.map(({ amountPico }) => amountPico)).toSorted();
}

test("a book that is not extended has no factor and no rows of another file", () => {
  assert.deepEqual([LATER_BOOK.markups, LATER_BOOK.files.own], [[], undefined]);
  assert.ok(LATER_BOOK.all.every(({ origin }) => origin === "shipped"));
});
