import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { TenantBudgets } from "../../src/books/tenant-budgets.ts";
import { seededIds } from "../../src/base/id.ts";
import { budgetPath } from "../../src/ledger/budgets.ts";
import { ledgerStage, posted, TENANT, tell } from "./support/ledger-stage.ts";
import { event } from "../ledger/support/usage.ts";

/** Budgets as people see and set them. */
const PATH = budgetPath({ agent: "desk", call: "c1", turn: "turn.1" });

function stage() {
  const ledger = ledgerStage();
  const desk = new TenantBudgets({ ledgerOf: () => ledger.open() }, seededIds(1));
  return { ...ledger, desk };
}

suite("a tenant's budgets", () => {
  test("say what is left of each, the widest first, and what is done for want of it", async () => {
    const { desk, open, clock } = stage();
    const limits = [
      { node: "call:c1", limitPico: "100" },
      { node: "platform", limitPico: "1000" },
      { node: "agent:desk", limitPico: null },
    ];
    await desk.set(TENANT, { limits });
    const actor = await open();
    const hold = { until: clock.now() + 1_000, call: "c1", path: PATH };
    await actor.do({ type: "hold", id: "h1", amountPico: 60n, ...hold });
    await actor.do({ type: "hold", id: "h2", amountPico: 25n, ...hold });
    await actor.do({ type: "settle", hold: "h1", spentPico: 62n });
    const { nodes } = await desk.read(TENANT);
    const rows = nodes.map(({ node, limitPico, spentPico, heldPico, availablePico, measures }) => [
      node,
      limitPico,
      spentPico,
      heldPico,
      availablePico,
      measures,
    ]);
    assert.deepEqual(rows, [
      ["platform", "1000", "62", "25", "913", []],
      ["tenant", null, "62", "25", null, []],
      ["agent:desk", null, "62", "25", null, []],
      ["call:c1", "100", "62", "25", "13", ["warn", "cheaperModel"]],
    ]);
  });

  test("the same wish again changes nothing, and another one does", async () => {
    const { desk, broker } = stage();
    const wish = { id: "w1", limits: [{ node: "tenant", limitPico: "5" }] };
    await desk.set(TENANT, wish);
    const again = await desk.set(TENANT, { ...wish, limits: [{ node: "tenant", limitPico: "9" }] });
    assert.equal(again.nodes[0]?.limitPico, "5");
    assert.equal((await posted(broker.cost)).length, 1);
    // Without a name of its own each is one more, also back to what was.
    await desk.set(TENANT, { limits: [{ node: "tenant", limitPico: "9" }] });
    const back = await desk.set(TENANT, { limits: [{ node: "tenant", limitPico: "5" }] });
    assert.equal(back.nodes[0]?.limitPico, "5");
    assert.equal((await posted(broker.cost)).length, 3);
  });

  test("that have no limit any more and were never used are not told", async () => {
    const { desk } = stage();
    await desk.set(TENANT, { limits: [{ node: "tenant", limitPico: "5" }] });
    const cleared = await desk.set(TENANT, { limits: [{ node: "tenant", limitPico: null }] });
    assert.deepEqual(cleared.nodes, []);
  });

  test("of a call that was forgotten are refused, and nothing is set beside it", async () => {
    const { desk, open, broker } = stage();
    await tell(broker.usage, event({ meters: { inputTokens: 1 } }));
    const actor = await open();
    await actor.catchUp();
    assert.equal((await actor.seal("c1")).kind, "post");
    const limits = ["tenant", "call:c1"].map((node) => ({ node, limitPico: "5" }));
    await assert.rejects(desk.set(TENANT, { limits }), {
      code: "input.invalid",
      message: /call:c1: the call is over/,
    });
    assert.deepEqual((await desk.read(TENANT)).nodes, []);
  });
});
