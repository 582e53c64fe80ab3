import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { seededRandom } from "../../src/base/id.ts";
import { openFaulty } from "../../src/broker/faulty/faulty-broker.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { Stream } from "../../src/broker/stream.port.ts";
import type { UsageEvent } from "../../src/events/usage.events.ts";
import { BOOK, USED } from "../ledger/support/books.ts";
import { RUNS } from "../ledger/support/clerk.ts";
import { usage } from "../ledger/support/usage.ts";
import { checkStream, tell, TENANT } from "./support/ledger-stage.ts";
import { type Ground, mortal } from "./support/mortal-broker.ts";

const FAULTS = {
  ackLost: 0.06,
  ackLate: 0.06,
  appendLost: 0.06,
  landedLater: 0.06,
  conflict: 0.06,
  staleTail: 0.2,
  staleRead: 0.2,
};

/** How long each process of a place lives; the one after the last has no end. */
const lives = fc.array(fc.record({ steps: fc.nat(40), after: fc.boolean() }), { maxLength: 6 });
const run = fc.record({ events: usage, lives: fc.tuple(lives, lives), seed: fc.nat() });
type Run = typeof run extends fc.Arbitrary<infer T> ? T : never;

/** Two places where a ledger runs, each killed and started again as its lives say. */
async function compete({ events, lives: all, seed }: Run, wrap = (cost: Stream) => cost) {
  const clock = new SimulatedClock(USED);
  const inner = openMemory({ clock });
  const random = seededRandom(seed);
  const open = (ground: Ground) =>
    LedgerActor.open({
      tenant: TENANT,
      broker: ground,
      clock,
      prices: () => ({ book: BOOK }),
      snapshotEvery: 3,
    });
  const work = async (ground: Ground): Promise<void> => {
    const actor = await open(ground);
    for (let quiet = 0; quiet < 3;) quiet = (await actor.catchUp()) === 0 ? quiet + 1 : 0;
  };
  const place = async (own: (typeof all)[0]): Promise<void> => {
    const faulty = openFaulty(
      { ...inner, cost: wrap(inner.cost) },
      { random, clock, faults: FAULTS },
    );
    for (const life of own) {
      const { ground, death } = mortal(faulty, { ...life });
      await Promise.race([work(ground), death]);
    }
    await work(faulty);
  };
  const told = async (): Promise<void> => {
    for (const event of events) {
      await tell(inner.usage, event);
      if (random() < 0.3) await clock.advance(0);
    }
  };
  const over = Promise.all([told(), ...all.map(place)]);
  const state = { done: false };
  void over.catch(() => undefined).finally(() => (state.done = true));
  while (!state.done) await clock.advance(500);
  await over;
  await checkAgainst(inner, events, open);
}

async function checkAgainst(
  inner: Ground,
  events: readonly UsageEvent[],
  open: (ground: Ground) => Promise<LedgerActor>,
): Promise<void> {
  const last = await open(inner);
  await last.catchUp();
  await checkStream(inner.cost, events);
  const { kv } = inner;
  for (const key of await kv.keys("ledger.")) await kv.delete(key);
  // Folded from the beginning, without any snapshot.
  assert.equal((await open(inner)).ledger.stateHash(), last.ledger.stateHash());
}

/** Appends at the end whatever was expected there. */
const careless = (cost: Stream): Stream => ({
  read: (key, after) => cost.read(key, after),
  tail: (key) => cost.tail(key),
  append: async (key, _, item) => cost.append(key, await cost.tail(key), item),
});

suite("two actors of one ledger on a broker that fails", () => {
  test("14, 15 killed between any steps they lose nothing and double nothing", async () => {
    await fc.assert(
      fc.asyncProperty(run, (one) => compete(one)),
      { numRuns: RUNS },
    );
  });

  test("15 without the compare-and-set the same run fails", async () => {
    const planted = fc.asyncProperty(run, (one) => compete(one, careless));
    const found = await fc.check(planted, { numRuns: RUNS, endOnFailure: true });
    assert.ok(found.failed);
    assert.match(
      String(found.errorInstance),
      /it does not follow|its event was taken before|posted twice/,
    );
  });
});
