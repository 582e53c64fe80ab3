import assert from "node:assert/strict";
import { setImmediate as turnOfLoop } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import type { Ended, Pass } from "../../src/providers/breaker.port.ts";
import { Breakers } from "../../src/providers/breakers.ts";

const MODEL = { service: "llm", provider: "acme", model: "large" } as const;

/** The process's time, moved by hand, and what the breaker says of itself. */
function open(t: TestContext, rules = {}) {
  t.mock.timers.enable({ apis: ["Date"], now: 1_750_000_000_000 });
  const breakers = new Breakers(rules);
  const told: string[] = [];
  breakers.onChange(({ state }) => told.push(state));
  const end = async (pass: Pass | undefined, how: Ended): Promise<void> => {
    assert.ok(pass, "it was refused");
    pass.end(how);
    await turnOfLoop();
  };
  return {
    breakers,
    told,
    end,
    enter: () => breakers.enter(MODEL),
    pass: (ms: number) => t.mock.timers.tick(ms),
    ask: async (...hows: Ended[]) => {
      for (const how of hows) await end(breakers.enter(MODEL), how);
    },
    get state() {
      return breakers.states().find(({ model }) => model === MODEL.model)?.state;
    },
  };
}

const fails = (count: number): Ended[] => Array.from({ length: count }, () => "failed");
const either = (count: number): Ended[] =>
  Array.from({ length: count }, (_, i) => (i % 2 === 0 ? "ok" : "failed"));

/** S1-51. `state` is what the breaker is after these ends, each `every` ms behind the last. */
const OPENING: readonly {
  readonly what: string;
  readonly ends: readonly Ended[];
  readonly every?: number;
  readonly state: "closed" | "open";
}[] = [
  { what: "4 failures in a row", ends: fails(4), state: "closed" },
  { what: "5 failures in a row", ends: fails(5), state: "open" },
  { what: "5 failures in a row, a minute apart", ends: fails(5), every: 60_000, state: "open" },
  { what: "4, a success, 4", ends: [...fails(4), "ok", ...fails(4)], state: "closed" },
  { what: "half of 9 calls", ends: either(9), state: "closed" },
  { what: "half of 10 calls in 30 s", ends: either(10), every: 2_900, state: "open" },
  { what: "half of 10 calls over 40 s", ends: either(10), every: 4_000, state: "closed" },
  {
    what: "a third of 12 calls",
    ends: Array.from({ length: 12 }, (_, i) => (i % 3 === 2 ? "failed" : "ok")),
    state: "closed",
  },
  { what: "stopped ones between failures", ends: [...fails(4), "void", "failed"], state: "open" },
  { what: "stopped ones alone", ends: Array.from({ length: 20 }, () => "void"), state: "closed" },
];

for (const { what, ends, every = 0, state } of OPENING)
  test(`S1-51: a breaker after ${what} is ${state}`, async (t) => {
    const one = open(t);
    for (const how of ends) {
      await one.ask(how);
      one.pass(every);
    }
    assert.equal(one.state, state);
    assert.equal(one.enter() === undefined, state === "open" && every < 30_000);
    assert.equal(one.told.filter((told) => told === "open").length, state === "open" ? 1 : 0);
  });

test("S1-51: after 30 s one request tries; the others are refused at once", async (t) => {
  const one = open(t);
  await one.ask(...fails(5));
  one.pass(29_999);
  assert.equal(one.enter(), undefined);
  one.pass(1);
  const probe = one.enter();
  assert.ok(probe);
  assert.equal(one.state, "half-open");
  assert.equal(one.enter(), undefined);
  await one.end(probe, "ok");
  assert.equal(one.state, "closed");
  assert.deepEqual(one.told, ["open", "half-open", "closed"]);
  // It begins anew: four failures more do not open it, a fifth does.
  await one.ask(...fails(4));
  assert.equal(one.state, "closed");
  await one.ask("failed");
  assert.equal(one.state, "open");
});

test("S1-51: a failed try opens it for another 30 s", async (t) => {
  const one = open(t);
  await one.ask(...fails(5));
  one.pass(30_000);
  await one.ask("failed");
  assert.equal(one.state, "open");
  one.pass(29_999);
  assert.equal(one.enter(), undefined);
  one.pass(1);
  await one.ask("ok");
  assert.deepEqual(one.told, ["open", "half-open", "open", "half-open", "closed"]);
});

test("a try that was stopped tells nothing: the next request tries", async (t) => {
  const one = open(t);
  await one.ask(...fails(5));
  one.pass(30_000);
  await one.ask("void");
  assert.equal(one.state, "open");
  await one.ask("ok");
  assert.deepEqual(one.told, ["open", "half-open", "open", "half-open", "closed"]);
});

test("what was asked before it opened neither closes it nor opens it again", async (t) => {
  const one = open(t);
  const [good, bad] = [one.enter(), one.enter()];
  await one.ask(...fails(5));
  await one.end(good, "ok");
  assert.equal(one.state, "open");
  one.pass(30_000);
  const probe = one.enter();
  await one.end(bad, "failed");
  assert.equal(one.state, "half-open");
  await one.end(probe, "ok");
  assert.equal(one.state, "closed");
});

test("a pass ends once, and each model has a breaker of its own", async (t) => {
  const one = open(t, { inRow: 2 });
  const pass = one.enter();
  await one.end(pass, "failed");
  await one.end(pass, "failed");
  assert.equal(one.state, "closed");
  await one.ask("failed");
  assert.equal(one.state, "open");
  assert.ok(one.breakers.enter({ ...MODEL, model: "small" }));
  assert.deepEqual(
    one.breakers.states().map(({ model, state }) => [model, state]),
    [
      ["large", "open"],
      ["small", "closed"],
    ],
  );
});

test("who no longer wants to know is told nothing", async (t) => {
  const one = open(t, { inRow: 1 });
  const seen: string[] = [];
  one.breakers.onChange(({ state }) => seen.push(state))();
  await one.ask("failed");
  assert.deepEqual([one.told, seen], [["open"], []]);
});
