import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { Bookkeeper, type BookkeeperOptions, type Projector } from "../../src/books/bookkeeper.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openFaulty } from "../../src/broker/faulty/faulty-broker.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import { type CallRef, EMPTY_TAIL, type LogRecord } from "../../src/events/record.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { record } from "../contract/bench.ts";
import { bookOf, USED } from "../ledger/support/books.ts";
import { RUNS } from "../ledger/support/clerk.ts";
import { postedOf, TENANT } from "./support/ledger-stage.ts";
import { mortal } from "./support/mortal-broker.ts";

const REF: CallRef = { tenant: TENANT, call: "c1" };
const BOOK = bookOf(
  { priceId: "acme/quick", model: "quick", pricePico: { outputTokens: "600000000000" } },
  {
    priceId: "own/worker",
    provider: "own",
    model: "worker",
    services: ["compute"],
    pricePico: { connectionMs: "60000" },
    perUnits: 60_000,
  },
);
const SEAL_MS = 12 * 60_000;

/** A call's log from its header to its end, with so many replies that used something. */
function callLog(replies: number, ref = REF): readonly LogRecord[] {
  const header = { ...ref, room: "desk", agent: { name: "main" }, agents: {} };
  const row = { service: "llm", provider: "acme", model: "quick", estimated: false };
  const ends = Array.from({ length: replies }, (_, i) => {
    const usage = [{ ...row, meter: "outputTokens", quantity: 10 * (i + 1) }];
    return { type: "effect.ended", effect: `${i + 1}.0.reply`, how: "done", usage };
  });
  const inputs: LogRecord["input"][] = [{ type: "call.opened", header }, ...ends];
  inputs.push({ type: "call.ended", reason: "left" });
  return inputs.map((input, i) =>
    record(i + 1, { input, at: USED + i, actor: i === 0 ? "room" : "turn.1" }),
  );
}

async function write(broker: Pick<Broker, "log">, records: readonly LogRecord[], ref = REF) {
  const { seq, hash } = await broker.log.tail(ref);
  await broker.log.append(ref, seq === 0 ? EMPTY_TAIL : { seq, hash }, records);
}

/** What of these calls is posted: every event, each once. */
async function checkPosted(broker: Broker, ...logs: (readonly LogRecord[])[]): Promise<void> {
  const stream = await postedOf(broker.cost, TENANT);
  const told = stream.flatMap(({ event }) => (event && event.kind !== "orphaned" ? [event] : []));
  const wanted = logs.flatMap((records) => usageEventsOf(records));
  const ids = (all: readonly { eventId: string }[]) => all.map(({ eventId }) => eventId).toSorted();
  assert.ok(wanted.length > 0);
  assert.deepEqual(ids(told), ids(wanted));
}

function stage() {
  const clock = new SimulatedClock(USED);
  const broker = openMemory({ clock });
  const logged: { level: string; message: string }[] = [];
  const logger = {
    log: (level: string, message: string) => void logged.push({ level, message }),
  };
  const open = (more: Partial<BookkeeperOptions> = {}) =>
    new Bookkeeper({ broker, clock, logger, prices: () => ({ book: BOOK }), ...more });
  return { clock, broker, logged, open };
}

suite("the bookkeeper", () => {
  test("posts what a record used as soon as it is told, and no call waits for it", async () => {
    const { clock, broker, open } = stage();
    const posted: string[] = [];
    const projector: Projector = {
      posted: (tenant) => void posted.push(tenant),
      idle: async () => undefined,
      problem: undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
    await using books = open({ projector });
    await books.start();
    const [first, ...rest] = callLog(3);
    await write(broker, [first!]);
    books.offer(REF, first!);
    await clock.advance(0);
    const before = posted.length;
    const usageOf = async () =>
      (await postedOf(broker.cost, TENANT)).filter(({ event }) => event?.service === "llm");
    await write(broker, rest);
    for (const one of rest) books.offer(REF, one);
    assert.deepEqual(await usageOf(), []);
    // Without the second after which a ledger looks by itself.
    await books.idle();
    await checkPosted(broker, callLog(3));
    assert.ok(posted.length > before);
    assert.equal(clock.now(), USED);
    const ledger = await books.ledgerOf(TENANT);
    assert.equal(ledger, await books.ledgerOf(TENANT));
    assert.equal(ledger.ledger.balance("cost:llm"), 60n * 600_000n);
  });

  test("finds at its start what nobody has told", async () => {
    const { clock, broker, open } = stage();
    await write(broker, callLog(2));
    const other = { tenant: "t2", call: "c2" };
    await write(broker, callLog(1, other), other);
    await using books = open();
    await books.start();
    await clock.advance(1_000);
    await checkPosted(broker, callLog(2));
    assert.ok((await postedOf(broker.cost, "t2")).length > 0);
  });

  test("goes on where the store was away, and posts each event once", async () => {
    const { clock, broker, logged, open } = stage();
    const reach = { away: true };
    const away = <T extends object>(port: T): T =>
      new Proxy(port, {
        get: (target, name) => {
          const method = Reflect.get(target, name) as unknown;
          if (typeof method !== "function") return method;
          return (...given: unknown[]) => {
            if (reach.away) throw new AppError("broker.unavailable", "nobody there");
            return method.apply(target, given) as unknown;
          };
        },
      });
    const { usage, cost, kv, log } = broker;
    const parts = { usage: away(usage), cost: away(cost), kv: away(kv), log: away(log) };
    await using books = open({ broker: { ...broker, ...parts } });
    const started = books.start();
    const records = callLog(3);
    await write(broker, records);
    for (const one of records) books.offer(REF, one);
    await clock.advance(20_000);
    assert.deepEqual(await postedOf(broker.cost, TENANT), []);
    assert.ok(logged.every(({ level }) => level === "warn"));
    reach.away = false;
    await clock.advance(5_000);
    await started;
    await checkPosted(broker, records);
  });

  test("stops a ledger that is damaged, loudly, and no other", async () => {
    const { clock, broker, logged, open } = stage();
    const other = { tenant: "t2", call: "c2" };
    await broker.cost.append({ tenant: "t2" }, 0, { id: "x", value: { transactions: [1] } });
    await write(broker, callLog(1));
    await write(broker, callLog(1, other), other);
    await using books = open();
    await books.start();
    await clock.advance(30_000);
    await checkPosted(broker, callLog(1));
    const loud = logged.filter(({ level }) => level === "error");
    assert.deepEqual(
      loud.map(({ message }) => message),
      ["a ledger is damaged: nothing of it is posted"],
    );
    await assert.rejects(books.ledgerOf("t2"), { code: "ledger.damaged" });
  });

  test("forgets a call that is long over and told, and no other", async () => {
    const { clock, broker, open } = stage();
    await using books = open();
    await books.start();
    const open2 = { tenant: TENANT, call: "c2" };
    const going = callLog(2, open2).slice(0, -1);
    await write(broker, callLog(2));
    await write(broker, going, open2);
    for (const one of callLog(2)) books.offer(REF, one);
    for (const one of going) books.offer(open2, one);
    await clock.advance(9 * 60_000);
    const { ledger } = await books.ledgerOf(TENANT);
    assert.deepEqual(ledger.calls().toSorted(), ["c1", "c2"]);
    await clock.advance(SEAL_MS - 9 * 60_000);
    assert.deepEqual(ledger.calls(), ["c2"]);
    assert.ok(ledger.sealed("c1"));
    await checkPosted(broker, callLog(2), going);
  });
});

suite("bookkeepers that share a tenant", () => {
  test("leave its usage to one of them; another takes over when that one is gone", async () => {
    const { clock, broker, open } = stage();
    const appends = new Set<string>();
    const counting = (owner: string): Broker => {
      const cost = Object.create(broker.cost) as Broker["cost"];
      cost.append = (...given) => {
        appends.add(owner);
        return broker.cost.append(...given);
      };
      cost.read = (...given) => broker.cost.read(...given);
      cost.tail = (...given) => broker.cost.tail(...given);
      return { ...broker, cost };
    };
    const life = { steps: 1_000_000, after: true };
    const { ground } = mortal(counting("a"), life);
    const dying = open({ owner: "a", broker: { ...broker, ...ground } });
    await dying.start();
    const [first, ...rest] = callLog(4);
    await write(broker, [first!]);
    dying.offer(REF, first!);
    await clock.advance(2_000);
    await using other = open({ owner: "b", broker: counting("b") });
    await other.start();
    await write(broker, rest.slice(0, 2));
    // Told by the one, taken by the other.
    for (const one of rest.slice(0, 2)) other.offer(REF, one);
    await clock.advance(5_000);
    assert.deepEqual([...appends], ["a"]);
    const reading = await other.ledgerOf(TENANT);
    assert.equal(reading.ledger.seq, (await postedOf(broker.cost, TENANT)).length);
    life.steps = 0;
    await write(broker, rest.slice(2));
    for (const one of rest.slice(2)) other.offer(REF, one);
    await clock.advance(20_000);
    assert.ok(appends.has("b"));
    await checkPosted(broker, callLog(4));
  });

  test("hand it over at once where one stops", async () => {
    const { clock, broker, open } = stage();
    const first = open({ owner: "a" });
    await write(broker, callLog(1));
    await first.start();
    await clock.advance(1_000);
    await using second = open({ owner: "b" });
    await second.start();
    await clock.advance(1_000);
    await first[Symbol.asyncDispose]();
    const other = { tenant: TENANT, call: "c2" };
    await write(broker, callLog(2, other), other);
    for (const one of callLog(2, other)) second.offer(other, one);
    await clock.advance(4_000);
    await checkPosted(broker, callLog(1), callLog(2, other));
  });

  const run = fc.record({
    calls: fc.integer({ min: 1, max: 4 }),
    lives: fc.array(fc.record({ steps: fc.nat(120), after: fc.boolean() }), { maxLength: 4 }),
    seed: fc.nat(),
  });

  test("lose nothing and double nothing, whoever dies whenever on a store that fails", async () => {
    const compete = async ({
      calls,
      lives,
      seed,
    }: typeof run extends fc.Arbitrary<infer T> ? T : never) => {
      const { clock, broker: inner, open } = stage();
      const random = seededRandom(seed);
      const faults = { ackLost: 0.05, appendLost: 0.05, landedLater: 0.05, conflict: 0.05 };
      const faulty = openFaulty(inner, { random, clock, faults });
      const refs = Array.from({ length: calls }, (_, i) => ({ tenant: TENANT, call: `c${i}` }));
      const logs = refs.map((ref) => callLog(3, ref));
      for (const [i, ref] of refs.entries()) await write(inner, logs[i]!, ref);
      for (const [i, life] of lives.entries()) {
        const { ground } = mortal(faulty, { ...life });
        const dying = open({ owner: `dying-${i}`, broker: { ...faulty, ...ground } });
        void dying.start();
        const some = refs.flatMap((ref, at) =>
          logs[at]!.filter(() => random() < 0.7).map((one) => ({ ref, one })),
        );
        for (const { ref, one } of some) dying.offer(ref, one);
        await clock.advance(random() < 0.5 ? 3_000 : 15_000);
      }
      await using last = open({ owner: "last", broker: { ...faulty } });
      void last.start();
      await clock.advance(3 * 60_000);
      await checkPosted(inner, ...logs);
    };
    await fc.assert(fc.asyncProperty(run, compete), { numRuns: Math.min(RUNS, 60) });
  });
});
