import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { LogReading } from "../../src/broker/event-log.port.ts";
import { ledgerLeases, type Leases } from "../../src/books/ledger-budgets.ts";
import { streamAnswer } from "../../src/actors/effects/answer-stream.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import type { Llm } from "../../src/providers/llm.port.ts";
import { ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";
import type { Simulation } from "../../src/testing/simulation.ts";
import {
  BudgetBench,
  CENT,
  endOf,
  FairLlm,
  measuresOf,
  saidBy,
  talk,
} from "./support/budget-bench.ts";

async function begin(bench: BudgetBench, options = {}): Promise<Simulation> {
  const call = await bench.call(options);
  call.enter();
  await call.run(1_000);
  return call;
}

async function finish(call: Simulation): Promise<void> {
  await call.host.command({ name: "end", reason: "over" }, "test");
  await call.run(10_000);
  assert.equal(endOf(call), "over");
}

/** Nothing is held, and what the call was charged is what it has cost. */
async function checkBooks(bench: BudgetBench): Promise<void> {
  const { ledger } = await bench.told();
  assert.equal(ledger.balance("hold"), 0n);
  assert.equal(ledger.budgets.spent("call:c1"), ledger.cost().amountPico);
}

/** The bench's own, but for some of it. */
const leasesOf =
  (bench: BudgetBench, other: (own: Leases) => Partial<Leases>) => (): Promise<Leases> => {
    const own = ledgerLeases(bench.ledger);
    return Promise.resolve({ ...own, ...other(own) });
  };

/** Its ledger answers before a log is read to its end. */
function readSlowly({ broker: { log } }: BudgetBench): void {
  const read = log.read.bind(log);
  const slowly = async function* (reading: LogReading) {
    for await (const record of reading) {
      await Promise.resolve();
      yield record;
    }
  };
  log.read = (...of) => {
    const reading = read(...of);
    return Object.assign(slowly(reading), { tornBytes: reading.tornBytes });
  };
}

/** How long each answer took to its first word, in ms. */
function waitsOf(call: Simulation): readonly number[] {
  return call.records.flatMap(({ input }) => {
    const { type, ttftMs } = (input["event"] ?? {}) as { type?: string; ttftMs?: number };
    return type === "reply.segment" && ttftMs !== undefined ? [ttftMs] : [];
  });
}

suite("the money of a call", () => {
  test("is as it was for a new owner, however long the log is", async () => {
    await using bench = await BudgetBench.open({ tenant: 60n * CENT });
    await using call = await begin(bench);
    while (measuresOf(call).length === 0) await talk(call, 1);
    const before = measuresOf(call);
    readSlowly(bench);
    await call.takeover();
    call.enter();
    await call.run(1_000);
    assert.deepEqual(measuresOf(call), before);
    assert.equal(endOf(call), undefined);
    await finish(call);
    await checkBooks(bench);
  });

  test("the last words are said, whatever was on its way before them", async () => {
    await using bench = await BudgetBench.open({ tenant: CENT / 10n });
    const known = Promise.withResolvers<Leases>();
    await using call = await bench.call({ leases: () => known.promise });
    const late = { node: "tenant", limitPico: "1", spentPico: "0", heldPico: "0" };
    call.supervisor.onRecord((_, { input }) => {
      if (input.type !== "budget.changed" || input["measure"] !== "farewell") return;
      void call.host.offer({ input: { type: "budget.changed", measure: "warn", ...late } });
    });
    known.resolve(ledgerLeases(bench.ledger));
    call.enter();
    await call.run(30_000);
    assert.ok(measuresOf(call).includes("warn"));
    assert.deepEqual(saidBy(call), ["The budget is used up.", "Goodbye."]);
    assert.equal(endOf(call), "budget");
  });

  test("waits once for a ledger that does not answer", async () => {
    await using bench = await BudgetBench.open({ tenant: 100n * CENT });
    await using quick = await begin(bench, { name: "c2" });
    await talk(quick, 2);
    const leases = () => new Promise<Leases>(() => {});
    await using call = await begin(bench, { leases });
    await talk(call, 2);
    assert.deepEqual(waitsOf(call), waitsOf(quick));
  });

  test("waits once for a ledger that answers no more", async () => {
    await using bench = await BudgetBench.open({ tenant: 100n * CENT });
    await using quick = await begin(bench, { name: "c2" });
    await talk(quick, 3);
    let takes = 0;
    const leases = leasesOf(bench, (own) => ({
      take: (lease, of) => (takes++ === 0 ? own.take(lease, of) : new Promise(() => {})),
    }));
    await using call = await begin(bench, { leases });
    await talk(call, 3);
    assert.ok(takes > 1);
    assert.deepEqual(waitsOf(call).slice(1), waitsOf(quick).slice(1));
    assert.deepEqual(measuresOf(call), []);
  });

  test("is not kept for an effect that ended while its ledger was asked", async () => {
    await using bench = await BudgetBench.open({ tenant: 100n * CENT });
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    let isSlow = false;
    const leases = leasesOf(bench, (own) => ({
      take: async (lease, of) => {
        if (isSlow) asked.resolve();
        if (isSlow) await answered.promise;
        return own.take(lease, of);
      },
    }));
    await using call = await begin(bench, { leases });
    isSlow = true;
    const budget = bench.budgets[0]!;
    const ask = {
      turn: 9,
      voices: [new ScriptedTts(bench.clock)],
      characters: 400,
      isFixed: false,
    };
    const first = budget.admitSpeech({ ...ask, effect: "e1" });
    await asked.promise;
    await call.host.offer({ input: { type: "effect.ended", effect: "e1", how: "lost" } });
    answered.resolve();
    assert.equal(await first, false);
    // What was leased for it is there for another, without the ledger.
    isSlow = false;
    const open = bench.ledger.ledger.budgets.openHolds().length;
    assert.equal(await budget.admitSpeech({ ...ask, effect: "e2" }), true);
    assert.equal(bench.ledger.ledger.budgets.openHolds().length, open);
  });

  test("what is free is let out, however much is spent", async () => {
    await using bench = await BudgetBench.open({ tenant: CENT / 10n });
    await using _ = await begin(bench);
    const [budget] = bench.budgets;
    const ask = { effect: "e1", turn: 9, characters: 400, voices: [new ScriptedTts(bench.clock)] };
    assert.equal(await budget!.admitSpeech({ ...ask, isFixed: true }), true);
    const free = { ...ask, voices: [], isFixed: false };
    assert.equal(await budget!.admitSpeech(free), true);
  });

  test("is not counted twice where a lease was not renewed", async () => {
    await using bench = await BudgetBench.open({ tenant: 50n * CENT });
    let isAway = false;
    const leases = leasesOf(bench, (own) => ({
      renew: (id, until) => (isAway ? Promise.resolve(false) : own.renew(id, until)),
    }));
    const silence = { awayAfter: 600_000, prompts: 0, hangUpAfter: 600_000 };
    await using call = await begin(bench, { leases, settings: { silence } });
    await talk(call, 3);
    isAway = true;
    for (let n = 0; n < 12; n++) {
      await call.run(30_000);
      await talk(call, 1);
      await bench.told();
    }
    isAway = false;
    const { ledger } = bench.ledger;
    assert.ok(ledger.budgets.spent("tenant") > 15n * CENT);
    await call.run(30_000);
    await talk(call, 1);
    assert.deepEqual(measuresOf(call), []);
    await finish(call);
    await checkBooks(bench);
  });

  test("is not charged twice where its ledger counts what a dead owner has used", async () => {
    await using bench = await BudgetBench.open({ tenant: 100n * CENT });
    let toTell: (() => Promise<unknown>) | undefined;
    const leases = leasesOf(bench, (own) => ({
      take: async (lease, of) => {
        const tell = toTell;
        toTell = undefined;
        await tell?.();
        return own.take(lease, of);
      },
    }));
    await using call = await begin(bench, { leases });
    await talk(call, 3);
    call.supervisor.abandonAll("the worker died");
    await bench.clock.advance(6 * 60_000);
    await bench.ledger.catchUp();
    toTell = () => bench.told();
    await call.takeover();
    call.enter();
    await call.run(1_000);
    await talk(call, 1);
    await finish(call);
    await checkBooks(bench);
  });

  test("is charged where its ledger was away until the call was over", async () => {
    await using bench = await BudgetBench.open({ tenant: 100n * CENT });
    let isAway = true;
    const leases = async (): Promise<Leases> => {
      if (isAway) throw new AppError("broker.unavailable", "the ledger is away");
      return ledgerLeases(bench.ledger);
    };
    await using call = await begin(bench, { leases });
    await talk(call, 2);
    await finish(call);
    isAway = false;
    await bench.clock.advance(30_000);
    await checkBooks(bench);
    assert.ok(bench.ledger.ledger.budgets.spent("tenant") > 3n * CENT);
  });

  test("is held for no model that is not asked", async () => {
    const clock = new SimulatedClock();
    const admitted: string[] = [];
    const ended: string[] = [];
    const answerOf = async (...of: readonly Llm[]): Promise<void> => {
      const answer = streamAnswer(
        { messages: [], tools: [] },
        {
          models: of,
          clock,
          signal: new AbortController().signal,
          awaited: Promise.resolve(),
          firstTokenMs: 1_000,
          totalMs: 1_000,
          guard: {
            enter: ({ model }) =>
              model === "down" ? undefined : { end: (how) => void ended.push(`${model} ${how}`) },
          },
          admit: async ({ model }) => {
            if (model === "poor") throw new AppError("budget.spent", "nothing left");
            return void admitted.push(model);
          },
          random: () => 0,
          onAsk: () => {},
          onRetry: () => {},
          onSwitch: () => {},
          onFailure: () => {},
          onUsage: () => {},
        },
      );
      for await (const _ of answer);
    };
    const model = (name: string): Llm => new FairLlm(clock, "Yes.", name);
    const given = answerOf(model("down"), model("up"));
    await clock.advance(1_000);
    await given;
    assert.deepEqual(admitted, ["up"]);
    await assert.rejects(answerOf(model("poor")), { code: "budget.spent" });
    assert.deepEqual(ended, ["up ok", "poor void"]);
  });

  test("of a turn that is too small for any answer still leaves it the apology", async () => {
    await using bench = await BudgetBench.open();
    const texts = { apology: "Sorry, not now.", overBudget: "Goodbye." };
    await using call = await begin(bench, { texts, limits: { turnPico: "1000000" } });
    await talk(call, 2);
    assert.deepEqual(saidBy(call), ["Sorry, not now.", "Sorry, not now."]);
    assert.equal(endOf(call), undefined);
    assert.deepEqual(measuresOf(call), []);
  });
});
