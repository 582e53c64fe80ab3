import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Allotment } from "../../src/ledger/allotment.ts";
import { budgetPath } from "../../src/ledger/budgets.ts";
import type { Command } from "../../src/ledger/decide.ts";
import { settlementOf } from "../../src/ledger/holds.ts";
import { BOOK, desk, POSTED } from "./support/books.ts";
import { balancesOf, Clerk, fold, runs } from "./support/clerk.ts";
import { event } from "./support/usage.ts";

/** Plain arithmetic beside the ledger: what it must agree with after every step. */
class Model {
  readonly limits = new Map<string, bigint>();
  readonly holds = new Map<string, { path: readonly string[]; held: bigint; spent: bigint }>();
  readonly resolved = new Set<string>();

  sum(node: string, of: "held" | "spent"): bigint {
    let sum = 0n;
    for (const hold of this.holds.values()) if (hold.path.includes(node)) sum += hold[of];
    return sum;
  }

  available(node: string): bigint | undefined {
    const limit = this.limits.get(node);
    return limit === undefined
      ? undefined
      : limit - this.sum(node, "held") - this.sum(node, "spent");
  }
}

const PATHS = [
  budgetPath({ agent: "a", call: "c1", turn: "turn.1" }),
  budgetPath({ agent: "a", call: "c1", turn: "turn.2" }),
  budgetPath({ agent: "a", call: "c2" }),
  budgetPath({ agent: "b", call: "c3" }),
];
const NODES = [...new Set(PATHS.flat())];

const amount = fc.bigInt({ min: 0n, max: 60n });
const id = fc.constantFrom("h1", "h2", "h3", "h4", "h5", "h6");
const ops = fc.array(
  fc.oneof(
    fc.record({ op: fc.constant("hold" as const), id, path: fc.constantFrom(...PATHS), amount }),
    fc.record({ op: fc.constantFrom("settle" as const, "expire" as const), id, amount }),
    fc.record({ op: fc.constant("release" as const), id }),
    fc.record({ op: fc.constant("correct" as const), id, amount }),
    fc.record({
      op: fc.constant("limit" as const),
      node: fc.constantFrom(...NODES),
      amount: fc.bigInt({ min: 0n, max: 200n }),
    }),
  ),
  { maxLength: 40 },
);
type Op = typeof ops extends fc.Arbitrary<(infer T)[]> ? T : never;

function commandOf(op: Op, at: number): Command {
  if (op.op === "limit")
    return { type: "limit", id: `l${at}`, node: op.node, amountPico: op.amount };
  if (op.op === "hold") {
    const { id: hold, path, amount: amountPico } = op;
    return { type: "hold", id: hold, path, amountPico, until: POSTED + at + 1 };
  }
  if (op.op === "release") return { type: "release", hold: op.id };
  return { type: op.op, hold: op.id, spentPico: op.amount };
}

/** What the model says of an operation: true = it is done, and it has done it. */
function step(model: Model, op: Op): boolean {
  if (op.op === "limit") {
    model.limits.set(op.node, op.amount);
    return true;
  }
  const hold = model.holds.get(op.id);
  if (op.op === "hold") {
    const left = (node: string): bigint => model.available(node) ?? op.amount;
    // What asks for nothing fits, whatever was spent.
    const fits = op.amount === 0n || op.path.every((node) => left(node) >= op.amount);
    if (hold || !fits) return false;
    model.holds.set(op.id, { path: op.path, held: op.amount, spent: 0n });
    return true;
  }
  if (!hold || model.resolved.has(op.id) !== (op.op === "correct")) return false;
  const spent = op.op === "release" ? 0n : op.amount;
  if (op.op === "correct" && hold.spent === spent) return false;
  hold.held = 0n;
  hold.spent = spent;
  model.resolved.add(op.id);
  return true;
}

suite("13 holds", () => {
  test("agree with plain arithmetic under any sequence, and resolve at most once", () => {
    fc.assert(
      fc.property(ops, (list) => {
        const model = new Model();
        const clerk = new Clerk();
        for (const [at, op] of list.entries()) {
          clerk.desk = desk(undefined, POSTED + at + (op.op === "expire" ? 100 : 0));
          const decision = clerk.do(commandOf(op, at));
          const done = step(model, op);
          assert.equal(
            decision.kind === "post",
            done,
            `${op.op}: ${JSON.stringify(decision, big)}`,
          );
          const { budgets } = clerk.ledger;
          for (const node of NODES) {
            assert.equal(budgets.available(node), model.available(node), node);
            assert.ok(model.sum(node, "held") >= 0n);
          }
          const { hold = 0n, spent = 0n, budget = 0n } = balancesOf(clerk.ledger);
          assert.equal(hold, model.sum("tenant", "held"));
          assert.equal(spent, model.sum("tenant", "spent"));
          assert.equal(hold + spent + budget, 0n);
        }
        assert.equal(fold(clerk.stream).stateHash(), clerk.ledger.stateHash());
      }),
      runs,
    );
  });

  test("keep N callers that race for one budget within the bound", () => {
    const slice = fc.record({
      held: fc.bigInt({ min: 1n, max: 50n }),
      cost: fc.bigInt({ min: 0n, max: 70n }),
    });
    const callers = fc.array(fc.array(slice, { minLength: 1, maxLength: 4 }), {
      minLength: 2,
      maxLength: 10,
    });
    const order = fc.array(fc.nat(9), { minLength: 20, maxLength: 120 });
    const limit = fc.bigInt({ min: 0n, max: 200n });
    fc.assert(
      fc.property(callers, order, limit, (all, turns, limitPico) => {
        const clerk = new Clerk();
        clerk.do({ type: "limit", id: "l", node: "tenant", amountPico: limitPico });
        const open = new Map<string, { held: bigint; cost: bigint }>();
        let excess = 0n;
        for (const [at, turn] of turns.entries()) {
          const mine = all[turn % all.length]!;
          const hold = `caller${turn % all.length}`;
          const key = [...open.keys()].find((one) => one.startsWith(`${hold}/`));
          if (key !== undefined) {
            clerk.do({ type: "settle", hold: key, spentPico: open.get(key)!.cost });
            open.delete(key);
          } else {
            const { held, cost } = mine[at % mine.length]!;
            const name = `${hold}/${at}`;
            const path = budgetPath({ agent: "a", call: hold });
            const until = POSTED + 1;
            const type = "hold";
            const decision = clerk.do({ type, id: name, path, amountPico: held, until });
            if (decision.kind === "post") {
              open.set(name, { held, cost });
              excess = [...open.values()].reduce((sum, one) => {
                return sum + (one.cost > one.held ? one.cost - one.held : 0n);
              }, 0n);
            }
          }
          const spent = clerk.ledger.budgets.spent("tenant");
          assert.ok(spent <= limitPico + excess, `${spent} of ${limitPico} and ${excess}`);
        }
      }),
      runs,
    );
  });

  test("leased to calls keep the same bound, whatever they do and when they are gone", () => {
    const act = fc.record({
      call: fc.nat(3),
      op: fc.constantFrom("lease", "take", "take", "part", "end", "roll"),
      held: fc.bigInt({ min: 1n, max: 40n }),
      over: fc.bigInt({ min: -20n, max: 10n }),
      laterMs: fc.nat(40),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
        const limitPico = 300n;
        const clerk = new Clerk();
        clerk.do({ type: "limit", id: "l", node: "tenant", amountPico: limitPico });
        const calls = [0, 1, 2, 3].map((call) => ({
          path: ["platform", "tenant", `call:c${call}`],
          allotment: new Allotment(),
          open: new Map<string, { held: bigint; cost: bigint }>(),
        }));
        let now = POSTED;
        let excess = 0n;
        const total = (): bigint => calls.reduce((sum, one) => sum + one.allotment.costPico, 0n);
        for (const [at, { call, op, held, over, laterMs }] of acts.entries()) {
          clerk.desk = desk(undefined, (now += laterMs));
          const { path, allotment, open } = calls[call]!;
          if (op === "lease") {
            const lease = { id: `lease${at}`, amountPico: 100n, until: now + 200 };
            const placed = clerk.do({ type: "hold", path, ...lease });
            if (placed.kind === "post") allotment.lease(lease);
          }
          if (op === "take") {
            const before = allotment.available(now);
            const taken = allotment.take(`slice${at}`, held, now);
            assert.equal(taken, held <= before);
            if (taken) open.set(`slice${at}`, { held, cost: 0n });
          }
          const [first] = open;
          if (first && (op === "part" || op === "end")) {
            const [slice, known] = first;
            const more = op === "part" ? held / 4n : known.held + over - known.cost;
            const cost = more < 0n ? 0n : more;
            allotment.spend(slice, cost);
            const sum = known.cost + cost;
            const beyond = (one: bigint): bigint => (one > known.held ? one - known.held : 0n);
            excess += beyond(sum) - beyond(known.cost);
            open.set(slice, { ...known, cost: sum });
            if (op === "end") {
              allotment.drop(slice);
              open.delete(slice);
            }
          }
          const settled = op === "roll" && open.size === 0 ? allotment.settleOldest() : undefined;
          if (settled) assert.equal(clerk.do({ type: "settle", ...settled }).kind, "post");
          const spent = total();
          assert.ok(spent <= limitPico + excess, `${spent} of ${limitPico} and ${excess}`);
        }
        for (const { allotment } of calls) {
          assert.ok(!allotment.take("late", 1n, now + 1_000), "a lease that is over pays");
          for (let one = allotment.settleOldest(); one; one = allotment.settleOldest())
            assert.equal(clerk.do({ type: "settle", ...one }).kind, "post");
        }
        for (const [call, { allotment, path }] of calls.entries()) {
          if (allotment.unsettledPico === 0n) {
            const { budgets } = clerk.ledger;
            assert.equal(budgets.spent(path[2]!), allotment.costPico, `call ${call}`);
          }
        }
        assert.equal(clerk.ledger.balance("hold"), 0n);
      }),
      runs,
    );
  });

  test("are refused whole by the narrowest budget, which is named", () => {
    const clerk = new Clerk();
    const path = PATHS[0]!;
    const hold = { type: "hold", id: "h", path, until: POSTED + 1 } as const;
    clerk.do({ type: "limit", id: "l1", node: "tenant", amountPico: 100n });
    clerk.do({ type: "limit", id: "l2", node: "call:c1", amountPico: 10n });
    const no = clerk.do({ ...hold, amountPico: 11n });
    assert.deepEqual(no, {
      kind: "refused",
      why: "the budget does not hold it",
      node: "call:c1",
    });
    assert.equal(clerk.do({ ...hold, amountPico: 10n }).kind, "post");
    assert.equal(clerk.do({ ...hold, amountPico: 10n }).kind, "duplicate");
    assert.equal(clerk.do({ ...hold, amountPico: 9n }).kind, "quarantine");
    assert.equal(clerk.do({ type: "expire", hold: "h" }).kind, "refused");
    assert.equal(clerk.do({ type: "settle", hold: "h", spentPico: -1n }).kind, "refused");
    assert.equal(clerk.do({ type: "settle", hold: "none", spentPico: 1n }).kind, "refused");
    assert.equal(clerk.do({ ...hold, id: "h0", amountPico: -1n }).kind, "refused");
    assert.equal(clerk.do({ ...hold, id: "h0", amountPico: 1n, until: POSTED }).kind, "refused");
    assert.equal(clerk.do({ type: "settle", hold: "h", spentPico: 12n }).kind, "post");
    assert.equal(clerk.stream.at(-1)!.kind, "overage");
    assert.equal(clerk.do({ type: "settle", hold: "h", spentPico: 12n }).kind, "duplicate");
    assert.equal(clerk.do({ type: "release", hold: "h" }).kind, "refused");
    assert.equal(clerk.ledger.budgets.available("call:c1"), -2n);
    assert.equal(clerk.ledger.budgets.available("tenant"), 88n);
  });

  test("expired without an estimate count whole, until it is known what they cost", () => {
    const clerk = new Clerk();
    clerk.do({ type: "limit", id: "l", node: "tenant", amountPico: 100n });
    const until = POSTED + 5;
    clerk.do({ type: "hold", id: "h", path: ["tenant"], amountPico: 40n, until });
    clerk.desk = desk(undefined, until);
    assert.equal(clerk.do({ type: "expire", hold: "h" }).kind, "post");
    assert.equal(clerk.ledger.budgets.available("tenant"), 60n);
    clerk.do({ type: "correct", hold: "h", spentPico: 25n });
    assert.equal(clerk.ledger.budgets.available("tenant"), 75n);
    clerk.do({ type: "correct", hold: "h", spentPico: 45n });
    assert.equal(clerk.ledger.budgets.available("tenant"), 55n);
    assert.deepEqual(
      clerk.stream.slice(2).map(({ kind }) => kind),
      ["expire", "adjust", "overage"],
    );
  });
});

suite("a request's hold", () => {
  const prices = { book: BOOK };
  const path = ["tenant"];

  /** Everything a request says, with its hold settled or corrected after each. */
  function run(clerk: Clerk, ...facts: readonly Parameters<typeof event>[0][]): void {
    for (const one of facts) {
      clerk.take([event({ ...one, hold: "h" })]);
      const [request] = clerk.ledger.requests();
      const command = settlementOf(clerk.ledger, request!, prices);
      if (command) clerk.do(command);
      assert.equal(settlementOf(clerk.ledger, clerk.ledger.requests()[0]!, prices), undefined);
    }
  }

  function opened(limitPico: bigint): Clerk {
    const clerk = new Clerk();
    clerk.do({ type: "limit", id: "l", node: "tenant", amountPico: limitPico });
    clerk.do({ type: "hold", id: "h", path, amountPico: 500_000_000n, until: POSTED + 1 });
    return clerk;
  }

  test("is settled to what it cost when it is closed, and corrected by what comes after", () => {
    const clerk = opened(1_000_000_000n);
    run(clerk, { kind: "opened", meters: { inputTokens: 1_000 } });
    assert.equal(clerk.ledger.budgets.available("tenant"), 500_000_000n);
    const cancelled = { status: "cancelled", quality: "estimated" } as const;
    run(clerk, { ...cancelled, meters: { inputTokens: 1_000 } });
    assert.equal(clerk.ledger.budgets.spent("tenant"), 150_000_000n);
    run(clerk, { revision: 1, meters: { inputTokens: 900 } });
    assert.equal(clerk.ledger.budgets.spent("tenant"), 135_000_000n);
    assert.equal(clerk.ledger.budgets.spent("tenant"), clerk.ledger.cost().amountPico);
  });

  test("counts what has no price at the dearest of its service", () => {
    const clerk = opened(1_000_000_000n);
    run(clerk, { requestModel: "nobody", meters: { inputTokens: 1_000 } });
    // The dearest input of the book is that of long requests.
    assert.equal(clerk.ledger.budgets.spent("tenant"), 300_000_000n);
  });

  test("leaves what is held for the farewell alone", () => {
    const clerk = opened(600_000_000n);
    const more = { type: "hold", path, until: POSTED + 1 } as const;
    const farewell = { ...more, id: "farewell", amountPico: 100_000_000n };
    assert.equal(clerk.do(farewell).kind, "post");
    assert.equal(clerk.do({ ...more, id: "h2", amountPico: 1n }).kind, "refused");
    run(clerk, { meters: { inputTokens: 10_000 } });
    assert.equal(clerk.ledger.budgets.available("tenant")! < 0n, true);
    assert.equal(clerk.do({ type: "settle", hold: "farewell", spentPico: 1n }).kind, "post");
  });
});

function big(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
