import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { budgetPath } from "../../src/ledger/budgets.ts";
import { USED } from "../ledger/support/books.ts";
import { event } from "../ledger/support/usage.ts";
import { ledgerStage, posted, tell } from "./support/ledger-stage.ts";

const TOKEN = 600_000n;
const PATH = budgetPath({ agent: "desk", call: "c1" });
const used = (request: string, outputTokens: number, call = "c1") =>
  event({ clientRequest: request, call, meters: { outputTokens } });

const hold = (id: string, tokens: number, more = {}) =>
  ({
    type: "hold",
    id,
    path: PATH,
    amountPico: TOKEN * BigInt(tokens),
    until: USED + 60_000,
    call: "c1",
    ...more,
  }) as const;

suite("holds whose owner is gone", () => {
  test("keep what they hold until their end, then count what their call has cost", async () => {
    const { broker, clock, open } = ledgerStage();
    const actor = await open();
    const { budgets } = actor.ledger;
    await actor.do({ type: "limit", id: "l1", node: "tenant", amountPico: TOKEN * 1_000n });
    await actor.do(hold("h1", 100));
    await tell(broker.usage, used("r1", 30), used("r2", 7, "c2"));
    await actor.catchUp();
    assert.equal(budgets.available("tenant"), TOKEN * 900n);
    await clock.advance(60_000);
    await actor.catchUp();
    const { state, spentPico } = budgets.hold("h1")!;
    assert.deepEqual([state, spentPico], ["expired", TOKEN * 30n]);
    assert.equal(budgets.available("tenant"), TOKEN * 970n);
    const before = (await posted(broker.cost)).length;
    await actor.catchUp();
    assert.equal((await posted(broker.cost)).length, before);
  });

  test("count at most their amount at their end, and the rest once no other holds", async () => {
    const { broker, clock, open } = ledgerStage();
    const actor = await open();
    const { budgets } = actor.ledger;
    await actor.do(hold("h1", 10));
    await actor.do(hold("h2", 10, { until: USED + 90_000 }));
    await tell(broker.usage, used("r1", 50));
    await clock.advance(60_000);
    await actor.catchUp();
    assert.equal(budgets.hold("h1")?.spentPico, TOKEN * 10n);
    assert.equal(budgets.hold("h2")?.state, "open");
    await clock.advance(30_000);
    await actor.catchUp();
    assert.equal(budgets.spent("call:c1"), TOKEN * 50n);
    await tell(broker.usage, used("r2", 5));
    await actor.catchUp();
    assert.equal(budgets.spent("tenant"), TOKEN * 55n);
    assert.equal(actor.ledger.balance("spent"), TOKEN * 55n);
    const kinds = (await posted(broker.cost)).map(({ kind }) => kind);
    const wanted = ["hold", "hold", "rate", "expire", "expire", "overage", "rate", "overage"];
    assert.deepEqual(kinds, wanted);
  });

  test("of no call count whole", async () => {
    const { clock, open } = ledgerStage();
    const actor = await open();
    await actor.do(hold("h1", 10, { call: undefined, path: ["tenant"] }));
    await clock.advance(60_000);
    const other = await open();
    await Promise.all([actor.catchUp(), other.catchUp()]);
    await actor.refresh();
    assert.equal(actor.ledger.budgets.spent("tenant"), TOKEN * 10n);
    assert.equal(actor.ledger.stateHash(), other.ledger.stateHash());
  });
});
