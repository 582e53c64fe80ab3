import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { parseUsd } from "../../src/ledger/money.ts";
import { orphanEvent } from "../../src/ledger/request.ts";
import { dryRun, sealedIn } from "../../src/ledger/rerate.ts";
import type { Archive } from "../../src/ledger/snapshot.ts";
import { day, desk, LATER_BOOK, POSTED, USED } from "./support/books.ts";
import { balancesOf, Clerk, fold, runs } from "./support/clerk.ts";
import { event, usage } from "./support/usage.ts";

const LATER = desk(LATER_BOOK);
const CALLS = ["c1", "c2"] as const;

/** Seals what can be sealed; returns the archives, as a store would give them back. */
function seal(clerk: Clerk): ReadonlyMap<string, Archive> {
  clerk.take(clerk.ledger.orphans(POSTED).map((one) => orphanEvent(one, POSTED)));
  const archives = new Map<string, Archive>();
  for (const call of CALLS) {
    const archive = JSON.parse(JSON.stringify(clerk.ledger.archive(call))) as Archive;
    if (clerk.do({ type: "seal", call }).kind === "post") archives.set(call, archive);
  }
  return archives;
}

suite("a sealed call", () => {
  test("keeps its money, and brought back goes on as if it had never been sealed", () => {
    fc.assert(
      fc.property(usage, fc.nat(), (events, at) => {
        const cut = at % (events.length + 1);
        const [early, late] = [events.slice(0, cut), events.slice(cut)];
        const clerk = new Clerk().take(early);
        const archives = seal(clerk);
        const open = new Clerk().take(early);
        open.take(open.ledger.orphans(POSTED).map((one) => orphanEvent(one, POSTED)));
        assert.deepEqual(balancesOf(clerk.ledger), balancesOf(open.ledger));
        for (const call of archives.keys()) assert.equal(clerk.ledger.requests(call).length, 0);
        for (const one of late) {
          const decision = clerk.do({ type: "usage", event: one });
          open.do({ type: "usage", event: one });
          if (decision.kind !== "sealed") continue;
          const archive = archives.get(decision.call)!;
          assert.equal(clerk.do({ type: "restore", call: one.call, archive }).kind, "post");
          assert.notEqual(clerk.do({ type: "usage", event: one }).kind, "sealed");
        }
        assert.deepEqual(balancesOf(clerk.ledger), balancesOf(open.ledger));
        assert.equal(fold(clerk.stream).stateHash(), clerk.ledger.stateHash());
      }),
      runs,
    );
  });

  test("is told of what comes for it, and brought back only by what was kept", () => {
    const usageEvent = event({ meters: { inputTokens: 1_000 } });
    const clerk = new Clerk().take([usageEvent]);
    const { id } = clerk.ledger.requests()[0]!;
    const archive = clerk.ledger.archive("c1");
    assert.equal(clerk.do({ type: "seal", call: "c1" }).kind, "post");
    assert.equal(clerk.do({ type: "seal", call: "c1" }).kind, "duplicate");
    assert.equal(clerk.do({ type: "usage", event: usageEvent }).kind, "sealed");
    const rerate = { type: "rerate", plan: "p", call: "c1", request: id } as const;
    assert.equal(clerk.do(rerate).kind, "sealed");
    const plan = { id: "p", from: USED, to: USED + 1 };
    assert.deepEqual(dryRun(clerk.ledger, plan, LATER).sealed, ["c1"]);
    assert.deepEqual(sealedIn(clerk.ledger, { ...plan, from: USED + 1, to: USED + 2 }), []);
    const wrong = { ...archive, events: {} };
    assert.equal(clerk.do({ type: "restore", call: "c1", archive: wrong }).kind, "refused");
    assert.equal(clerk.do({ type: "restore", call: "c1", archive }).kind, "post");
    assert.equal(clerk.do({ type: "usage", event: usageEvent }).kind, "duplicate");
    assert.deepEqual(sealedIn(clerk.ledger, plan), []);
    clerk.desk = LATER;
    assert.equal(clerk.do(rerate).kind, "post");
    assert.equal(clerk.ledger.cost().amountPico, 140_000_000n);
  });

  test("leaves what is rounded by the month to the calls that come after it", () => {
    const said = (call: string, characters: number) =>
      event({ call, service: "tts", requestModel: "voice", meters: { characters } });
    const clerk = new Clerk().take([said("c1", 400)]);
    assert.equal(clerk.do({ type: "seal", call: "c1" }).kind, "post");
    clerk.take([said("c2", 600)]);
    // A thousand in all, and billed by the thousand.
    assert.equal(clerk.ledger.cost().amountPico, parseUsd("0.05"));
    clerk.take([said("c3", 1)]);
    assert.equal(clerk.ledger.cost().amountPico, parseUsd("0.1"));
  });

  test("has no open request and no open hold", () => {
    const clerk = new Clerk().take([event({ kind: "opened" })]);
    assert.equal(clerk.do({ type: "seal", call: "c1" }).kind, "refused");
    clerk.take([event({ meters: { inputTokens: 1 } })]);
    const hold = { type: "hold", id: "h", path: ["call:c1"], amountPico: 5n, call: "c1" } as const;
    clerk.do({ ...hold, until: POSTED + 1 });
    assert.equal(clerk.do({ type: "seal", call: "c1" }).kind, "refused");
    clerk.do({ type: "release", hold: "h" });
    const archive = clerk.ledger.archive("c1");
    assert.equal(clerk.do({ type: "seal", call: "c1" }).kind, "post");
    assert.equal(clerk.do({ ...hold, id: "h2", until: POSTED + 1 }).kind, "refused");
    clerk.do({ type: "restore", call: "c1", archive });
    assert.equal(clerk.do({ ...hold, until: POSTED + 1 }).kind, "duplicate");
    clerk.do({ type: "correct", hold: "h", spentPico: 3n });
    assert.equal(clerk.ledger.budgets.spent("call:c1"), 3n);
  });
});

suite("a closed month", () => {
  test("is not written again: what comes late counts in the open one, with a link", () => {
    const used = (clientRequest: string, inputTokens: number) =>
      event({ clientRequest, meters: { inputTokens } });
    const clerk = new Clerk().take([used("r1", 1_000)]);
    assert.equal(clerk.do({ type: "close", period: "2026-11" }).kind, "refused");
    assert.equal(clerk.do({ type: "close", period: "2026-10" }).kind, "post");
    assert.equal(clerk.do({ type: "close", period: "2026-10" }).kind, "duplicate");
    // 0.00015 USD is 0.00 on an invoice.
    assert.equal(clerk.ledger.balance("rounding"), -parseUsd("0.00015"));
    clerk.take([used("r2", 2_000)]);
    const { period, late, occurredAt } = clerk.stream.at(-1)!;
    assert.deepEqual([period, late, occurredAt], ["2026-11", "2026-10", USED]);
    assert.equal(clerk.ledger.periodCost("2026-10"), parseUsd("0.00015"));
    // Priced as the long request it is.
    assert.equal(clerk.ledger.periodCost("2026-11"), 600_000_000n);
  });

  test("an adjustment is posted once, with its evidence", () => {
    const clerk = new Clerk();
    const adjust = {
      type: "adjust",
      id: "invoice-7",
      account: "payable:acme",
      amountPico: -parseUsd("0.01"),
      evidence: "hash",
      occurredAt: day("2026-11-01"),
    } as const;
    assert.equal(clerk.do(adjust).kind, "post");
    assert.equal(clerk.do(adjust).kind, "duplicate");
    assert.deepEqual(balancesOf(clerk.ledger), {
      adjustment: parseUsd("0.01"),
      "payable:acme": -parseUsd("0.01"),
    });
    assert.equal(clerk.stream[0]!.evidence, "hash");
  });
});
