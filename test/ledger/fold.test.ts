import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  type Transaction,
  transactionHash,
  TransactionKind,
} from "../../src/events/ledger.events.ts";
import { decide, decideUsage } from "../../src/ledger/decide.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { linesOf } from "../../src/ledger/lines.ts";
import { isClosed, orphanEvent } from "../../src/ledger/request.ts";
import type { LedgerSnapshot } from "../../src/ledger/snapshot.ts";
import { desk, POSTED } from "./support/books.ts";
import { balancesOf, Clerk, fold, recount, RUNS, runs } from "./support/clerk.ts";
import { mix } from "./support/mixed.ts";
import { event, eventsOf, scripts, shuffled, usage } from "./support/usage.ts";

/** The numbers are those of the ledger's invariants. */
const seed = fc.nat();

/** A transaction as if it stood next in the ledger's stream. */
function asNext(ledger: Ledger, { hash: _, ...body }: Transaction): Transaction {
  const moved = { ...body, seq: ledger.seq + 1, prev: ledger.tail };
  return { ...moved, hash: transactionHash(moved) };
}

function throughJson(snapshot: LedgerSnapshot): LedgerSnapshot {
  return JSON.parse(JSON.stringify(snapshot)) as LedgerSnapshot;
}

suite("the fold of a tenant's transactions", () => {
  test("1 every transaction sums to zero, and every balance is the sum of its lines", () => {
    fc.assert(
      fc.property(usage, (events) => {
        const { ledger, stream } = new Clerk().take(events);
        for (const { entries } of stream)
          assert.equal(
            entries.reduce((sum, { amountPico }) => sum + BigInt(amountPico), 0n),
            0n,
          );
        assert.deepEqual(balancesOf(ledger), recount(stream));
        const lines = stream.flatMap(linesOf);
        assert.equal(new Set(lines.map(({ id }) => id)).size, lines.length);
        const billed = lines.reduce((sum, { amountPico }) => sum + amountPico, 0n);
        assert.equal(ledger.cost().amountPico, billed);
        const byPeriod = new Set(stream.map(({ period }) => period));
        const cost = [...byPeriod].reduce((sum, period) => sum + ledger.periodCost(period), 0n);
        assert.equal(ledger.cost().amountPico, cost);
        const byRequest = ledger.requests().reduce((sum, one) => sum + one.amountPico, 0n);
        assert.equal(ledger.cost().amountPico, byRequest);
      }),
      runs,
    );
  });

  test("2 the stream folded again gives the same state, at any prefix", () => {
    fc.assert(
      fc.property(usage, fc.nat(), (events, at) => {
        const clerk = new Clerk().take(events.slice(0, at % (events.length + 1)));
        const { seq } = clerk.ledger;
        const live = clerk.ledger.stateHash();
        clerk.take(events);
        assert.equal(fold(clerk.stream.slice(0, seq)).stateHash(), live);
        assert.equal(fold(clerk.stream).stateHash(), clerk.ledger.stateHash());
      }),
      runs,
    );
  });

  test("3 a snapshot anywhere and the rest of the stream give the whole", () => {
    fc.assert(
      fc.property(usage, fc.nat(), (events, at) => {
        const { ledger, stream } = new Clerk().take(events);
        const k = at % (stream.length + 1);
        const snapshot = throughJson(fold(stream.slice(0, k)).snapshot());
        const whole = fold(stream.slice(k), Ledger.restore(snapshot));
        assert.equal(whole.stateHash(), ledger.stateHash());
        assert.equal(whole.openRequests().length, ledger.openRequests().length);
        // Nor does it decide otherwise.
        const goingOn = new Clerk(desk(), Ledger.restore(snapshot)).take(events);
        assert.deepEqual(goingOn.stream, stream.slice(k));
      }),
      runs,
    );
  });

  test("1 2 3 hold for every kind of transaction, one after the other", (t) => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(usage, fc.nat(), fc.nat(), (events, chance, at) => {
        const clerk = new Clerk();
        mix(clerk, events, chance);
        const { ledger, stream } = clerk;
        for (const { kind } of stream) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        assert.deepEqual(balancesOf(ledger), recount(stream));
        const { hold = 0n, spent = 0n, budget = 0n } = balancesOf(ledger);
        assert.equal(hold + spent + budget, 0n);
        assert.equal(spent, ledger.budgets.spent("tenant"));
        assert.equal(new Set(stream.map(({ txn }) => txn)).size, stream.length);
        const k = at % (stream.length + 1);
        const prefix = fold(stream.slice(0, k));
        const whole = fold(stream.slice(k), Ledger.restore(throughJson(prefix.snapshot())));
        assert.equal(whole.stateHash(), ledger.stateHash());
        assert.equal(fold(stream.slice(k), prefix).stateHash(), ledger.stateHash());
      }),
      runs,
    );
    const counted = [...kinds].map(([kind, count]) => `${kind} ${count}`);
    t.diagnostic(counted.join(", "));
    if (RUNS >= 100) assert.equal(kinds.size, TransactionKind.options.length, counted.join(", "));
  });

  test("4 duplicates change nothing, and the order of events no balance", () => {
    fc.assert(
      fc.property(usage, seed, fc.nat(3), (events, order, copies) => {
        const { ledger, stream } = new Clerk().take(events);
        const many = Array.from({ length: copies + 1 }, () => events).flat();
        const clerk = new Clerk().take(shuffled(many, order));
        assert.equal(clerk.stream.length, stream.length);
        assert.deepEqual(balancesOf(clerk.ledger), balancesOf(ledger));
        assert.deepEqual(clerk.ledger.cost().unrated.length, ledger.cost().unrated.length);
      }),
      runs,
    );
  });

  test("4 decided together they are posted as one after the other", () => {
    fc.assert(
      fc.property(usage, seed, (events, by) => {
        const told = shuffled([...events, ...events], by);
        const single = new Clerk().take(told);
        const ledger = new Ledger("t1");
        const half = Math.floor(told.length / 2);
        const taken = [told.slice(0, half), told.slice(half)].flatMap((part) => {
          const { count, transactions } = decideUsage(ledger, part, desk());
          assert.equal(count, part.length);
          for (const transaction of transactions) ledger.apply(transaction);
          return transactions;
        });
        assert.deepEqual(taken, single.stream);
        assert.equal(ledger.stateHash(), single.ledger.stateHash());
      }),
      runs,
    );
  });

  test("4 of a group they are taken up to the one that is no plain usage", () => {
    const used = (clientRequest: string, more = {}) => event({ clientRequest, ...more });
    const clerk = new Clerk().take([used("r1", { call: "c9" })]);
    clerk.do({ type: "seal", call: "c9" });
    const again = used("r2", { meters: { inputTokens: 9 } });
    for (const odd of [used("r3", { call: "c9" }), again, used("r3", { tenant: "t2" })]) {
      const { count, transactions } = decideUsage(
        clerk.ledger,
        [used("r2"), used("r2"), odd, used("r4")],
        desk(),
      );
      assert.deepEqual([count, transactions.length], [2, 1]);
    }
  });

  test("5 an event's id that says something else is rejected and changes nothing", () => {
    fc.assert(
      fc.property(usage, seed, (events, at) => {
        const { ledger } = new Clerk().take(events);
        const {
          eventId: _,
          payloadHash: __,
          supersedes: ___,
          type: ____,
          ...facts
        } = events[at % events.length]!;
        const other = event({ ...facts, rawHash: "another answer" });
        const before = ledger.stateHash();
        assert.equal(decide(ledger, { type: "usage", event: other }, desk()).kind, "quarantine");
        assert.equal(ledger.stateHash(), before);
        const seenLater = event({ ...facts, observedAt: facts.observedAt + 1 });
        assert.equal(decide(ledger, { type: "usage", event: seenLater }, desk()).kind, "duplicate");
      }),
      runs,
    );
  });

  test("16 events of one tenant never change another", () => {
    fc.assert(
      fc.property(scripts, (all) => {
        const [ours, theirs] = ["t1", "t2"].map((tenant) =>
          all.flatMap((one, index) => eventsOf(one, index, tenant)),
        );
        const alone = new Clerk().take(ours!);
        const mixed = new Clerk();
        for (const [at, one] of ours!.entries()) {
          mixed.do({ type: "usage", event: one });
          const { kind } = mixed.do({ type: "usage", event: theirs![at]! });
          assert.equal(kind, "refused");
        }
        assert.equal(mixed.ledger.stateHash(), alone.ledger.stateHash());
        const other = new Clerk(desk(), new Ledger("t2")).take(theirs!);
        for (const one of other.stream.slice(0, 1))
          assert.throws(() => fold([one]), { code: "ledger.damaged" });
      }),
      runs,
    );
  });

  test("17 what has no price is in suspense with its quantity, and the cost says so", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1 }), (quantities) => {
        const clerk = new Clerk();
        for (const [at, inputTokens] of quantities.entries()) {
          const meters = { inputTokens };
          const clientRequest = `r${at}`;
          clerk.take([event({ requestModel: "nobody", clientRequest, meters })]);
          const { unrated } = clerk.ledger.cost();
          assert.equal(unrated.length, at + 1);
        }
        const total = clerk.ledger
          .cost()
          .unrated.reduce((sum, one) => sum + one.quantities.inputTokens!, 0n);
        assert.equal(total, BigInt(quantities.reduce((sum, quantity) => sum + quantity, 0)));
        assert.deepEqual(clerk.do({ type: "seal", call: "c1" }).kind, "refused");
      }),
      runs,
    );
  });

  test("18 every opened request is closed in the end, as measured or as estimated", () => {
    const lease = fc.integer({ min: -1_000, max: 1_000 });
    fc.assert(
      fc.property(usage, lease, (events, leaseMs) => {
        const clerk = new Clerk().take(events);
        const { kind } = clerk.do({
          type: "usage",
          event: event({
            kind: "opened",
            clientRequest: "lost",
            meters: { inputTokens: 700 },
            leaseUntil: POSTED + leaseMs,
          }),
        });
        assert.equal(kind, "post");
        const early = clerk.ledger.orphans(POSTED).some((one) => one.head.clientRequest === "lost");
        assert.equal(early, leaseMs <= 0, "a lease that runs is left alone");
        const orphans = clerk.ledger.orphans(POSTED + 1_000);
        clerk.take(orphans.map((one) => orphanEvent(one, POSTED)));
        assert.ok(clerk.ledger.requests().every(isClosed));
        assert.deepEqual(clerk.ledger.openRequests(), []);
        const lost = clerk.ledger.requests().find((one) => one.head.clientRequest === "lost")!;
        // 700 tokens at 0.15 USD a million.
        assert.equal(lost.amountPico, 105_000_000n);
        const truth = event({ clientRequest: "lost", meters: { inputTokens: 500 } });
        clerk.take([truth]);
        const after = clerk.ledger.request("c1", lost.id)!;
        assert.equal(after.amountPico, 75_000_000n, "the real end counts where it still comes");
      }),
      runs,
    );
  });

  test("a transaction that is well chained and says what was said before is refused", () => {
    const clerk = new Clerk().take([event({ meters: { inputTokens: 10 } })]);
    const { id } = clerk.ledger.requests()[0]!;
    clerk.do({ type: "reverse", id: "x", call: "c1", request: id });
    clerk.do({ type: "hold", id: "h", path: ["tenant"], amountPico: 5n, until: POSTED + 1 });
    clerk.do({ type: "settle", hold: "h", spentPico: 5n });
    const [rate, reverse, hold] = clerk.stream as [Transaction, Transaction, Transaction];
    const before = clerk.ledger.stateHash();
    const strange = { ...reverse, request: { ...reverse.request!, id: "nobody's" } };
    const release = {
      ...hold,
      kind: "release",
      hold: { ...hold.hold!, state: "released" },
    } as const;
    for (const one of [rate, strange, hold, release])
      assert.throws(() => clerk.ledger.apply(asNext(clerk.ledger, one)), {
        code: "ledger.damaged",
        message: /before|not known/,
      });
    assert.equal(clerk.ledger.stateHash(), before);
  });

  test("a stream that was changed, cut in its middle or reordered is refused", () => {
    const { stream } = new Clerk().take([
      event({ meters: { inputTokens: 10 } }),
      event({ clientRequest: "r2", meters: { inputTokens: 20 } }),
    ]);
    const [first, second] = stream as [Transaction, Transaction];
    const damaged = { code: "ledger.damaged" };
    assert.throws(() => fold([second]), damaged);
    assert.throws(() => fold([first, first]), damaged);
    assert.throws(() => fold([{ ...first, postedAt: first.postedAt + 1 }]), damaged);
    const ledger = new Ledger("t1");
    const before = ledger.stateHash();
    assert.throws(() => ledger.apply({ ...first, entries: [] }), damaged);
    assert.equal(ledger.stateHash(), before);
  });
});
