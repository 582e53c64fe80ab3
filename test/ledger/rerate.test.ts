import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Desk } from "../../src/ledger/post.ts";
import { dryRun, planSteps, type Plan } from "../../src/ledger/rerate.ts";
import { bookOf, day, desk, LATER_BOOK, USED } from "./support/books.ts";
import { balancesOf, Clerk, recount, runs } from "./support/clerk.ts";
import { event, usage } from "./support/usage.ts";

const ALWAYS = { from: 0, to: Number.MAX_SAFE_INTEGER };

/** The later book as it was believed before it was corrected: the prices of the first. */
const BACK = { ...desk(LATER_BOOK), knownAt: day("2026-10-31") };
const LATER = desk(LATER_BOOK);

function apply(clerk: Clerk, plan: Plan, at: Desk): number {
  clerk.desk = at;
  const steps = planSteps(clerk.ledger, plan).map((step) => clerk.do(step));
  return steps.filter(({ kind }) => kind === "post").length;
}

suite("11 rating again", () => {
  test("by the same book changes nothing", () => {
    fc.assert(
      fc.property(usage, (events) => {
        const clerk = new Clerk().take(events);
        const before = clerk.ledger.stateHash();
        assert.equal(apply(clerk, { id: "p", ...ALWAYS }, desk()), 0);
        assert.equal(clerk.ledger.stateHash(), before);
      }),
      runs,
    );
  });

  test("by another book and back restores every balance, and no plan does anything twice", () => {
    fc.assert(
      fc.property(usage, (events) => {
        const clerk = new Clerk().take(events);
        const before = balancesOf(clerk.ledger);
        const there = { id: "there", ...ALWAYS };
        const dry = dryRun(clerk.ledger, there, LATER);
        assert.deepEqual(balancesOf(clerk.ledger), before);
        const cost = clerk.ledger.cost().amountPico;
        assert.equal(apply(clerk, there, LATER), dry.requests);
        assert.equal(clerk.ledger.cost().amountPico, cost + dry.totalPico);
        // What the new book makes of the same events from the start.
        const fresh = new Clerk(LATER).take(events);
        assert.deepEqual(balancesOf(clerk.ledger), balancesOf(fresh.ledger));
        assert.equal(apply(clerk, there, LATER), 0);
        apply(clerk, { id: "back", ...ALWAYS }, BACK);
        assert.deepEqual(balancesOf(clerk.ledger), before);
        assert.deepEqual(recount(clerk.stream), before);
        assert.equal(apply(clerk, there, LATER), 0, "the plan was applied once already");
      }),
      runs,
    );
  });

  test("a reversal takes all of a request back, once; a new rating restores it", () => {
    fc.assert(
      fc.property(usage, fc.nat(), (events, at) => {
        const clerk = new Clerk().take(events);
        const before = balancesOf(clerk.ledger);
        const all = clerk.ledger.requests();
        const { id: request, call } = all[at % all.length]!;
        const cost = clerk.ledger.cost().amountPico;
        const reverse = { type: "reverse", id: "wrong", call, request } as const;
        const { amountPico } = clerk.ledger.request(call, request)!;
        assert.equal(clerk.do(reverse).kind, "post");
        assert.deepEqual(clerk.ledger.request(call, request)!.unrated, {});
        assert.equal(clerk.ledger.request(call, request)!.shares.size, 0);
        assert.equal(clerk.do(reverse).kind, "duplicate");
        assert.equal(clerk.do({ ...reverse, id: "wrong too" }).kind, "duplicate");
        const reversed = clerk.ledger.cost().amountPico;
        assert.equal(
          clerk.ledger.request(call, request)!.amountPico,
          amountPico - (cost - reversed),
        );
        assert.equal(apply(clerk, { id: "p", ...ALWAYS }, desk()), 0, "a plan leaves it alone");
        assert.equal(clerk.do({ type: "rate", id: "right", call, request }).kind, "post");
        assert.deepEqual(balancesOf(clerk.ledger), before);
      }),
      runs,
    );
  });

  test("a plan is for its range alone, and says what changes by model and meter", () => {
    const month = 31 * 86_400_000;
    const clerk = new Clerk().take([
      event({ meters: { inputTokens: 1_000 } }),
      event({ clientRequest: "r2", occurredAt: USED + month, meters: { inputTokens: 1_000 } }),
    ]);
    const plan = { id: "october", from: USED, to: USED + 1 };
    assert.deepEqual(dryRun(clerk.ledger, plan, LATER), {
      requests: 1,
      changes: [
        {
          service: "llm",
          provider: "acme",
          model: "quick",
          meter: "inputTokens",
          beforePico: 150_000_000n,
          afterPico: 140_000_000n,
        },
      ],
      totalPico: -10_000_000n,
      sealed: [],
    });
    apply(clerk, plan, LATER);
    assert.equal(clerk.ledger.cost().amountPico, 290_000_000n);
    assert.equal(clerk.stream.at(-1)!.kind, "rerate");
    assert.equal(clerk.stream.at(-1)!.request?.plan, "october");
  });

  test("by a book that lost a row which something was rated with is an error that names it", () => {
    const minutes = (clientRequest: string) => {
      const meters = { connectionMs: 60_000 };
      const facts = { service: "room", requestModel: "room", resource: "caller" } as const;
      return event({ ...facts, clientRequest, meters });
    };
    const clerk = new Clerk().take([minutes("r1"), minutes("r2")]);
    const other = { priceId: "acme/other", model: "room", pricePico: { connectionMs: "1" } };
    assert.throws(() => apply(clerk, { id: "p", ...ALWAYS }, desk(bookOf(other))), {
      code: "ledger.price",
      message: /acme\/room#connectionMs/,
    });
  });
});
