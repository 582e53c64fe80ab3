import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Bookkeeper } from "../../src/books/bookkeeper.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { seededIds } from "../../src/base/id.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import { AppError } from "../../src/base/errors.ts";
import { budgetPath } from "../../src/ledger/budgets.ts";
import { usdText } from "../../src/ledger/money.ts";
import { ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";
import { Simulation } from "../../src/testing/simulation.ts";
import {
  BudgetBench,
  CENT,
  endOf,
  FairLlm,
  GOODBYE,
  measuresOf,
  PER_CHARACTER,
  PRICES,
  saidBy,
  talk,
  USD,
} from "./support/budget-bench.ts";

/** That nothing is held any more, and what was spent of the budgets is what the ledger has. */
async function checkBooks(bench: BudgetBench, ...calls: readonly string[]): Promise<void> {
  const ledger = (await bench.told()).ledger;
  assert.equal(ledger.balance("hold"), 0n);
  let sum = 0n;
  for (const call of calls) sum += ledger.budgets.spent(`call:${call}`);
  assert.equal(sum, ledger.cost().amountPico);
  assert.equal(ledger.budgets.spent("tenant"), sum);
}

suite("a call's budget", () => {
  test("holds the worst case of what goes out, and is charged with what it has cost", async () => {
    await using bench = await BudgetBench.open({ tenant: 100n * USD });
    const llm = new FairLlm(bench.clock, "Yes, of course.");
    await using call = await bench.call({ llm });
    call.enter();
    await call.run(1_000);
    await talk(call, 3);
    assert.equal(llm.requests.length, 3);
    assert.equal(llm.requests[0]!.maxOutputTokens, 1_000);
    assert.deepEqual(measuresOf(call), []);
    await call.host.command({ name: "end", reason: "over" }, "test");
    await call.run(10_000);
    assert.equal(endOf(call), "over");
    await checkBooks(bench, "c1");
    assert.ok(bench.ledger.ledger.budgets.spent("tenant") > 3n * 15n * (USD / 1_000n));
  });

  test("that nothing bounds is asked for nothing", async () => {
    await using bench = await BudgetBench.open({ "agent:another": 1n });
    const llm = new FairLlm(bench.clock, "Yes, of course.");
    await using call = await bench.call({ llm });
    call.enter();
    await call.run(1_000);
    await talk(call, 1);
    assert.equal(llm.requests[0]!.maxOutputTokens, undefined);
    await call.host.command({ name: "end", reason: "over" }, "test");
    await call.run(10_000);
    assert.equal((await bench.told()).ledger.budgets.spent("call:c1"), 0n);
  });

  test("that runs out warns, saves, and ends the call with words", async () => {
    await using bench = await BudgetBench.open({ tenant: 100n * CENT });
    const dear = new FairLlm(bench.clock, "Yes, of course. That is so. Quite.");
    const cheap = new FairLlm(bench.clock, "Yes, of course. That is so. Quite.", "cheap");
    await using call = await bench.call({ llm: dear, otherLlms: () => [cheap] });
    call.enter();
    await call.run(1_000);
    await talk(call, 60);
    await call.run(30_000);
    assert.equal(endOf(call), "budget");
    const said = saidBy(call);
    assert.deepEqual(said.slice(-2), ["The budget is used up.", "Goodbye."]);
    assert.ok(said.length > 8, "it has answered before");
    const measures = measuresOf(call);
    assert.equal(measures.at(-1), "farewell");
    assert.ok(measures.includes("cheaperModel"), measures.join());
    assert.ok(cheap.requests.length > 0, "the cheaper model was asked");
    const short = cheap.requests.filter(({ maxOutputTokens }) => maxOutputTokens! <= 120);
    assert.ok(short.length > 0, "short answers were asked for");
    const last = short.at(-1)!.messages.map((one) => ("text" in one ? one.text : ""));
    assert.ok(last.includes("Answer in one short sentence."));
    await checkBooks(bench, "c1");
    assert.ok(bench.ledger.ledger.budgets.available("tenant")! >= 0n);
  });

  test("of the call itself is its agent's, and of a turn ends the answer alone", async () => {
    await using bench = await BudgetBench.open();
    const limits = { callPico: String(100n * CENT), turnPico: String((55n * CENT) / 10n) };
    const say = "This is the first one of them. This is the second. And a third.";
    await using call = await bench.call({ say, limits });
    call.enter();
    await call.run(1_000);
    await talk(call, 2);
    assert.equal(endOf(call), undefined);
    const first = ["This is the first one of them."];
    assert.deepEqual(saidBy(call).filter((text) => text === first[0]).length, 2);
    assert.ok(!saidBy(call).includes("And a third."), saidBy(call).join(" | "));
    assert.equal(bench.ledger.ledger.budgets.limit("call:c1"), 100n * CENT);
  });

  test("that is small leaves an answer what it takes to say it", async () => {
    await using bench = await BudgetBench.open();
    // The tokens that an answer may have would take all of a turn's budget, and its voice had none.
    const limits = { callPico: String(3n * USD), turnPico: String(USD) };
    const say = "Yes, of course. That is so.";
    const llm = new FairLlm(bench.clock, say, "dearest");
    await using call = await bench.call({ llm, limits });
    call.enter();
    await call.run(1_000);
    await talk(call, 2);
    const answer = ["Yes, of course.", "That is so."];
    assert.deepEqual(saidBy(call), [...answer, ...answer]);
    const allowed = llm.requests.map(({ maxOutputTokens }) => maxOutputTokens!);
    assert.ok(
      allowed.every((tokens) => tokens > 40 && tokens < 500),
      allowed.join(),
    );
    assert.equal(endOf(call), undefined);
  });

  test("says which budget asks for a measure: the one with the least share left", async () => {
    await using bench = await BudgetBench.open({ tenant: 10n * USD });
    const { ledger } = bench;
    const hold = { call: "other", path: budgetPath({ agent: "desk", call: "other" }) };
    const until = bench.clock.now() + 600_000;
    await ledger.do({ type: "hold", id: "h1", amountPico: (83n * USD) / 10n, until, ...hold });
    await using call = await bench.call({ limits: { callPico: String(USD) } });
    call.enter();
    await call.run(1_000);
    const told = call.records.find(({ input }) => input.type === "budget.changed")?.input;
    assert.deepEqual([told?.["measure"], told?.["node"]], ["warn", "tenant"]);
  });

  test("that is empty from the beginning lets nothing out but the farewell", async () => {
    await using bench = await BudgetBench.open({ tenant: CENT / 10n });
    const llm = new FairLlm(bench.clock, "Yes, of course.");
    await using call = await bench.call({ llm });
    call.enter();
    await call.run(1_000);
    await talk(call, 1);
    await call.run(30_000);
    assert.equal(endOf(call), "budget");
    assert.deepEqual(saidBy(call).join(" "), GOODBYE);
    assert.equal(llm.requests.length, 0);
  });

  test("goes over to the next owner with what was leased and spent", async () => {
    await using bench = await BudgetBench.open({ tenant: 100n * USD });
    await using call = await bench.call();
    call.enter();
    await call.run(1_000);
    await talk(call, 2);
    call.say("What do you think of that?");
    await call.run(2_600);
    await call.takeover();
    call.enter();
    await call.run(1_000);
    await talk(call, 2);
    await call.host.command({ name: "end", reason: "over" }, "test");
    await call.run(10_000);
    assert.equal(endOf(call), "over");
    await checkBooks(bench, "c1");
  });

  test("counts what lasts while nothing is said", async () => {
    await using bench = await BudgetBench.open({ tenant: 12n * CENT });
    await using call = await bench.call();
    call.enter();
    await call.run(1_000);
    await talk(call, 1);
    await call.host.command({ name: "mute" }, "test");
    await call.run(5 * 3_600_000);
    assert.equal(endOf(call), "budget");
    await checkBooks(bench, "c1");
    assert.ok(bench.ledger.ledger.budgets.available("tenant")! >= 0n);
  });

  test("silences nobody where its ledger cannot be asked", async () => {
    await using bench = await BudgetBench.open({ tenant: CENT });
    const away = () => Promise.reject(new AppError("broker.unavailable", "the ledger is away"));
    await using call = await bench.call({ leases: away });
    call.enter();
    await call.run(1_000);
    await talk(call, 2);
    assert.equal(saidBy(call).filter((text) => text === "Yes, of course.").length, 2);
    assert.deepEqual(measuresOf(call), []);
  });

  test("is kept by the books of its process, beside the call", async () => {
    const clock = new SimulatedClock();
    await using broker = openMemory({ clock });
    await using books = new Bookkeeper({ broker, clock, prices: () => PRICES });
    await books.start();
    const actor = await books.ledgerOf("acme");
    await actor.do({ type: "limit", id: "l", node: "agent:simulated", amountPico: 30n * CENT });
    const voicesOf = () => [new ScriptedTts(clock)];
    const call = await Simulation.open({
      clock,
      broker: () => Promise.resolve(broker),
      llm: new FairLlm(clock, "Yes, of course."),
      texts: { overBudget: GOODBYE },
      budgetFor: (ref, offer) => books.budgetOf(ref, { offer, voicesOf, ids: seededIds(3) }),
    });
    call.supervisor.onRecord((ref, record) => books.offer(ref, record));
    books.offer(call.host.ref, call.records[0]!);
    call.enter();
    await call.run(1_000);
    await talk(call, 30);
    await call.run(30_000);
    assert.equal(endOf(call), "budget");
    assert.equal(saidBy(call).slice(-2).join(" "), GOODBYE);
    await books.idle();
    const { budgets } = actor.ledger;
    assert.equal(budgets.spent("agent:simulated"), actor.ledger.cost().amountPico);
    assert.ok(budgets.available("agent:simulated")! >= 0n);
    assert.equal(actor.ledger.balance("hold"), 0n);
  });

  test("that 50 calls race for is kept, and each has its farewell", async (t) => {
    const { spentPico, limitPico } = await race(200n * CENT);
    t.diagnostic(`spent ${usdText(spentPico)} of ${usdText(limitPico)} USD`);
    assert.ok(spentPico <= limitPico, "what was held for each was enough");
    assert.ok(spentPico * 10n >= limitPico * 9n, "what was there was used");
  });

  test("that is too small for 50 farewells is passed by those farewells alone", async (t) => {
    const { spentPico, limitPico } = await race(60n * CENT);
    const boundPico = limitPico + 50n * BigInt(GOODBYE.length) * PER_CHARACTER;
    const [spent, limit, bound] = [spentPico, limitPico, boundPico].map(usdText);
    t.diagnostic(`spent ${spent} of ${limit} USD, bound ${bound} USD`);
    assert.ok(spentPico <= boundPico);
  });
});

/** 50 calls of two workers that want more than there is. */
async function race(limitPico: bigint): Promise<{ spentPico: bigint; limitPico: bigint }> {
  await using bench = await BudgetBench.open({ tenant: limitPico });
  const other = await bench.otherLedger();
  await using calls = new AsyncDisposableStack();
  const all: Simulation[] = [];
  for (let n = 0; n < 50; n++) {
    const ledger = n % 2 === 0 ? bench.ledger : other;
    all.push(calls.use(await bench.call({ name: `c${n}`, ledger })));
  }
  const live = (): readonly Simulation[] => all.filter((call) => endOf(call) === undefined);
  for (const call of all) call.enter();
  for (let turn = 0; turn < 40 && live().length > 0; turn++) {
    for (const [n, call] of live().entries()) {
      await bench.clock.advance(n % 7);
      call.say("What do you think of that?");
    }
    await bench.clock.advance(8_000);
  }
  await bench.clock.advance(60_000);
  for (const call of all) {
    assert.equal(endOf(call), "budget");
    assert.equal(saidBy(call).slice(-2).join(" "), GOODBYE);
  }
  await other.catchUp();
  const { ledger } = await bench.told();
  const spentPico = ledger.cost().amountPico;
  assert.equal(ledger.budgets.spent("tenant"), spentPico);
  assert.equal(ledger.balance("hold"), 0n);
  return { spentPico, limitPico };
}
