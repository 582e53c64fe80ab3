import assert from "node:assert/strict";
import { suite, test } from "node:test";
import priceFile from "../../data/prices.json" with { type: "json" };
import { LedgerActor } from "../../src/books/ledger-actor.ts";
import { Rerating } from "../../src/books/rerating.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { AppError } from "../../src/base/errors.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import type { Stream } from "../../src/broker/stream.port.ts";
import { parsePriceFile } from "../../src/events/prices.events.ts";
import type { UsageEvent } from "../../src/events/usage.events.ts";
import { PriceBook } from "../../src/ledger/price-book.ts";
import type { Prices } from "../../src/ledger/rating.ts";
import { usageOf } from "../ledger/support/month.ts";
import { day } from "../ledger/support/books.ts";
import { balancesOf, recount } from "../ledger/support/clerk.ts";
import { shuffled } from "../ledger/support/usage.ts";
import { posted, tell, TENANT } from "./support/ledger-stage.ts";

/** A month and some days of usage: estimates, corrections, orphans and what has no price. */
const EVENTS = shuffled(usageOf(TENANT, 3_000, 1).events, 2);
const OCTOBER = { from: day("2026-10-01"), to: day("2026-11-01") };
const REVERSED_EVERY = 40;

const CHANGED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "openai/gpt-4o-mini": { inputTokens: "140000000001" },
  "elevenlabs/eleven_flash_v2_5": { characters: "60000000000" },
  "livekit/participant": { connectionMs: "400000003" },
};

/** On 22 November it is known that three prices were others from 10 October on. */
const LATER = new PriceBook({
  ...priceFile,
  prices: parsePriceFile(priceFile, "data/prices.json").prices.flatMap((card) => {
    const price = CHANGED[card.priceId];
    if (!price) return [card];
    const now = { ...card, knownFrom: "2026-11-22" };
    return [
      { ...card, revokedAt: "2026-11-22" },
      { ...now, priceId: `${card.priceId}/before`, effectiveTo: "2026-10-10" },
      {
        ...now,
        priceId: `${card.priceId}/after`,
        effectiveFrom: "2026-10-10",
        pricePico: { ...card.pricePico, ...price },
      },
    ];
  }),
});
const BEFORE: Prices = { book: LATER, knownAt: day("2026-11-21") };
const AFTER: Prices = { book: LATER };

type Ground = Pick<Broker, "usage" | "cost" | "kv" | "blobs">;

const clock = new SimulatedClock(day("2026-11-23"));
const open = (broker: Ground, prices: Prices): Promise<LedgerActor> =>
  LedgerActor.open({ tenant: TENANT, broker, clock, prices: () => prices });

async function reratingOf(broker: Ground, prices: Prices) {
  const actor = await open(broker, prices);
  const rerating = new Rerating(actor, { tenant: TENANT, broker, clock, prices });
  return { actor, rerating, balances: () => balancesOf(actor.ledger) };
}

/** All of the usage posted by one book, some of it taken back by hand. */
async function month(prices: Prices, events: readonly UsageEvent[] = EVENTS): Promise<Ground> {
  const broker = openMemory({ clock });
  await tell(broker.usage, ...events);
  const actor = await open(broker, prices);
  await actor.catchUp();
  const requests = actor.ledger.requests().toSorted((a, b) => (a.id < b.id ? -1 : 1));
  for (const [i, { id: request, call }] of requests.entries())
    if (i % REVERSED_EVERY === 0)
      await actor.do({ type: "reverse", id: "complaint", call, request });
  return broker;
}

/** A stream that breaks off at some append, which lands or does not. */
function breaking(cost: Stream, after: number, lands: boolean): Stream {
  let left = after;
  const append: Stream["append"] = async (key, expect, item) => {
    if (left-- > 0) return cost.append(key, expect, item);
    if (lands) await cost.append(key, expect, item);
    throw new AppError("broker.unavailable", "planted");
  };
  return { append, read: (key, from) => cost.read(key, from), tail: (key) => cost.tail(key) };
}

suite("a month rated again by plan", () => {
  test("there it is what the new book makes of it, and back it is what it was", async () => {
    const broker = await month(BEFORE);
    const there = await reratingOf(broker, AFTER);
    const [before, end] = [there.balances(), await broker.cost.tail({ tenant: TENANT })];
    const plan = there.rerating.plan({ from: 0, to: day("2027-01-01") });
    const diff = await there.rerating.dryRun(plan);
    assert.equal(await broker.cost.tail({ tenant: TENANT }), end, "a dry run posts nothing");
    assert.deepEqual(there.balances(), before);
    assert.ok(diff.requests > 300);
    const models = new Set(diff.changes.map(({ provider, model }) => `${provider}/${model}`));
    assert.deepEqual(
      models,
      new Set(["openai/gpt-4o-mini", "elevenlabs/eleven_flash_v2_5", "livekit/participant"]),
    );

    assert.equal(await there.rerating.apply(plan), diff.requests);
    const fresh = await open(await month(AFTER), AFTER);
    assert.deepEqual(there.balances(), balancesOf(fresh.ledger));
    assert.deepEqual(recount(await posted(broker.cost)), there.balances());
    assert.equal(await there.rerating.apply(plan), 0, "it was carried out already");

    const back = await reratingOf(broker, BEFORE);
    await back.rerating.apply(back.rerating.plan(plan));
    assert.deepEqual(back.balances(), before);
    const again = await reratingOf(broker, AFTER);
    assert.equal((await again.rerating.dryRun(again.rerating.plan(plan))).requests, diff.requests);
  });

  test("says by model and meter what the difference is, of its range alone", async () => {
    const broker = await month(BEFORE);
    const { actor, rerating } = await reratingOf(broker, AFTER);
    const cost = actor.ledger.cost().amountPico;
    const diff = await rerating.dryRun(rerating.plan(OCTOBER));
    const sums = diff.changes.map(({ beforePico, afterPico }) => afterPico - beforePico);
    assert.equal(
      sums.reduce((all, one) => all + one, 0n),
      diff.totalPico,
    );
    await rerating.apply(rerating.plan(OCTOBER));
    assert.equal(actor.ledger.cost().amountPico, cost + diff.totalPico);
    const kinds = (await posted(broker.cost)).filter(({ kind }) => kind === "rerate");
    assert.equal(kinds.length, diff.requests);
    for (const { occurredAt } of kinds)
      assert.ok(OCTOBER.from <= occurredAt && occurredAt < OCTOBER.to);
  });

  for (const [where, lands] of [
    ["behind", true],
    ["before", false],
  ] as const)
    test(`broken off ${where} a posting and resumed it ends the same`, async () => {
      const broker = await month(BEFORE);
      const whole = await reratingOf(await month(BEFORE), AFTER);
      const { rerating } = await reratingOf(
        { ...broker, cost: breaking(broker.cost, 100, lands) },
        AFTER,
      );
      const plan = rerating.plan(OCTOBER);
      await assert.rejects(rerating.apply(plan), { code: "broker.unavailable" });
      const next = await reratingOf(broker, AFTER);
      const requests = await whole.rerating.apply(whole.rerating.plan(OCTOBER));
      assert.equal(await next.rerating.apply(plan), requests - 100 - (lands ? 1 : 0));
      assert.deepEqual(next.balances(), whole.balances());
    });

  test("sealed calls are brought back for it and sealed again; what is gone is named", async () => {
    const broker = await month(
      BEFORE,
      EVENTS.filter(({ requestModel }) => requestModel !== "nobody"),
    );
    const whole = await reratingOf(broker, AFTER);
    const all = await whole.rerating.dryRun(whole.rerating.plan(OCTOBER));
    for (const call of ["c1", "c2", "c3"]) {
      const decision = await whole.actor.seal(call);
      assert.equal(decision.kind, "post", JSON.stringify(decision));
    }
    const { actor, rerating } = await reratingOf(broker, AFTER);
    const plan = rerating.plan(OCTOBER);
    const diff = await rerating.dryRun(plan);
    assert.deepEqual(
      [diff.requests, diff.totalPico, diff.sealed],
      [all.requests, all.totalPico, []],
    );
    const { archive } = actor.ledger.sealed("c2")!;
    await broker.kv.delete(`ledger.${TENANT}.archive.${archive}`);
    assert.deepEqual((await rerating.dryRun(plan)).sealed, ["c2"]);
    const cost = actor.ledger.cost().amountPico;
    const { requests, totalPico } = await rerating.dryRun(plan);
    assert.ok(requests < all.requests);
    assert.equal(await rerating.apply(plan), requests);
    assert.equal(actor.ledger.cost().amountPico, cost + totalPico);
    assert.deepEqual([...actor.ledger.sealedCalls().keys()].toSorted(), ["c1", "c2", "c3"]);
  });
});
