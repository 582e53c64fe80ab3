import assert from "node:assert/strict";
import { suite, test } from "node:test";
import prices from "../../data/prices.json" with { type: "json" };
import type { UsageEvent } from "../../src/events/usage.events.ts";
import { linesOf } from "../../src/ledger/lines.ts";
import { usdText } from "../../src/ledger/money.ts";
import { PriceBook } from "../../src/ledger/price-book.ts";
import { day, desk } from "./support/books.ts";
import { Clerk } from "./support/clerk.ts";
import { event } from "./support/usage.ts";

/** Bills made by hand from the vendors' price pages; the prices are those of `data/prices.json`. */
const SESSION = {
  provider: "livekit",
  services: ["room"],
  pricePico: { connectionMs: "10000000000" },
  perUnits: 60_000,
  effectiveFrom: null,
  effectiveTo: null,
  knownFrom: "2026-01-01",
  source: "a test",
  checkedOn: "2026",
  confidence: "S",
};
const BOOK = new PriceBook({
  free: prices.free,
  prices: [...prices.prices, { ...SESSION, priceId: "livekit/session", model: "session" }],
});

type Facts = Parameters<typeof event>[0];

const AT = day("2026-11-19");
let requests = 0;

function request(facts: Facts): UsageEvent {
  return event({ clientRequest: `bill${requests++}`, occurredAt: AT, observedAt: AT, ...facts });
}

const ear = (audioMs: number): UsageEvent =>
  request({
    service: "stt",
    provider: "deepgram",
    requestModel: "nova-3",
    meters: { audioMs },
  });
const MINI = { provider: "openai", requestModel: "gpt-4o-mini" } as const;
const flash = (characters: number, facts: Facts = {}): UsageEvent =>
  request({
    service: "tts",
    provider: "elevenlabs",
    requestModel: "eleven_flash_v2_5",
    meters: { characters },
    ...facts,
  });
const room = (requestModel: string, connectionMs: number, resource: string): UsageEvent =>
  request({
    service: "room",
    provider: "livekit",
    requestModel,
    resource,
    meters: { connectionMs },
  });
const llm = (model: string, meters: UsageEvent["meters"], facts: Facts = {}): UsageEvent => {
  const provider = model.startsWith("claude") ? "anthropic" : "openai";
  return request({ provider, requestModel: model, meters, ...facts });
};

interface Bill {
  readonly what: string;
  readonly events: readonly UsageEvent[];
  /** USD, by account. */
  readonly cost: Readonly<Record<string, string>>;
  readonly total: string;
}

const JULY = { occurredAt: day("2026-07-29") };
const before = { occurredAt: day("2026-10-06") };

const BILLS: readonly Bill[] = [
  {
    what: "a voice turn: 6 s heard, 3,000 + 300 tokens, 1,200 characters said, 10 s of a session",
    events: [
      ear(6_000),
      llm("gpt-4o-mini", { inputTokens: 3_000, outputTokens: 300 }),
      flash(1_200),
      room("session", 10_000, "agent"),
    ],
    cost: {
      "cost:stt": "0.00048",
      "cost:llm": "0.00063",
      "cost:tts": "0.06",
      "cost:room": "0.001666666667",
    },
    total: "0.062776666667",
  },
  {
    what: "each resource is rounded up to whole minutes before they are added",
    events: [
      room("agent-session", 10_000, "a"),
      room("agent-session", 70_000, "b"),
      room("agent-session", 5_000, "a"),
      room("participant", 61_000, "caller"),
    ],
    cost: { "cost:room": "0.031" },
    total: "0.031",
  },
  {
    what: "300,000 tokens of input are a long request, all of it, at the prices of its day",
    events: [
      llm("gpt-5.6-luna", { inputTokens: 300_000, outputTokens: 1_000 }, JULY),
      llm("gpt-5.6-luna", { inputTokens: 272_000, outputTokens: 1_000 }, JULY),
      llm("gpt-5.6-luna", { inputTokens: 300_000, outputTokens: 1_000 }),
      llm("gpt-5.6-luna", { inputTokens: 272_000, outputTokens: 1_000 }),
    ],
    // 0.6 + 0.009, 0.272 + 0.006, 0.12 + 0.0018, 0.0544 + 0.0012
    cost: { "cost:llm": "1.0644" },
    total: "1.0644",
  },
  {
    what: "cached input counts to the length of a request, at its own price",
    events: [
      llm("gpt-5.6-luna", { inputTokens: 1_000, cacheReadTokens: 271_001, cacheWriteTokens: 0 }),
    ],
    // 1,000 at 0.40 and 271,001 at 0.04 a million.
    cost: { "cost:llm": "0.01124004" },
    total: "0.01124004",
  },
  {
    what: "a price that changed on 2026-10-07 holds from its first moment",
    events: [
      llm("claude-sonnet-5-5", { cacheReadTokens: 1_000_000 }, before),
      llm("claude-sonnet-5-5", { cacheReadTokens: 1_000_000 }, { occurredAt: day("2026-10-07") }),
    ],
    cost: { "cost:llm": "0.3" },
    total: "0.3",
  },
  {
    what: "text and pixels of one image are two quantities of one request",
    events: [
      request({
        service: "embedding",
        provider: "voyage",
        requestModel: "voyage-multimodal-3.5",
        meters: { inputTokens: 100, pixels: 2_000_000 },
      }),
    ],
    cost: { "cost:embedding": "0.001212" },
    total: "0.001212",
  },
  {
    what: "an interrupted answer, one thrown away, a failed try and what answered instead",
    events: [
      llm(
        "gpt-4o-mini",
        { inputTokens: 3_000, outputTokens: 40 },
        {
          status: "cancelled",
          quality: "estimated",
        },
      ),
      flash(300, { status: "cancelled", quality: "estimated" }),
      llm("gpt-4o-mini", { inputTokens: 2_900, outputTokens: 300 }, { discarded: true }),
      llm("gpt-4o-mini", { inputTokens: 3_000 }, { status: "failed", clientRequest: "again" }),
      llm(
        "gpt-6-luna",
        { inputTokens: 3_000, outputTokens: 50 },
        {
          attempt: 2,
          clientRequest: "again",
        },
      ),
    ],
    // 0.00045 + 0.000024, 0.000435 + 0.00018, 0.00045, 0.0003 + 0.000025; 0.015 said.
    cost: { "cost:llm": "0.001864", "cost:tts": "0.015" },
    total: "0.016864",
  },
];

suite("hand-made bills", () => {
  for (const { what, events, cost, total } of BILLS)
    test(`bill: ${what}`, () => {
      const { ledger } = new Clerk(desk(BOOK)).take(events);
      const posted = [...ledger.balances()].filter(([account]) => account.startsWith("cost:"));
      const usd = Object.fromEntries(posted.map(([account, pico]) => [account, usdText(pico)]));
      assert.deepEqual(usd, cost);
      assert.equal(usdText(ledger.cost().amountPico), total);
      assert.deepEqual(ledger.cost().unrated, []);
    });

  test("the vendor's own count corrects an estimate, and both stand in the stream", () => {
    const facts = { ...MINI, occurredAt: AT, status: "cancelled" } as const;
    const clerk = new Clerk(desk(BOOK)).take([
      event({ ...MINI, occurredAt: AT, kind: "opened", meters: { inputTokens: 3_000 } }),
      event({ ...facts, quality: "estimated", meters: { inputTokens: 3_000, outputTokens: 40 } }),
      event({ ...facts, revision: 1, meters: { inputTokens: 2_990, outputTokens: 51 } }),
    ]);
    const costs = clerk.stream.map(({ entries }) =>
      entries.filter(({ rated }) => rated).map(({ amountPico }) => usdText(BigInt(amountPico))),
    );
    assert.deepEqual(costs, [[], ["0.00045", "0.000024"], ["-0.0000015", "0.0000066"]]);
    assert.equal(usdText(clerk.ledger.cost().amountPico), "0.0004791");
  });

  test("the lines of a stream are its bill: each says call, turn, model and price", () => {
    const turn = "turn.2";
    const said = flash(1_200, { turn });
    const clerk = new Clerk(desk(BOOK)).take([said, llm("gpt-next", { inputTokens: 7 })]);
    const line = {
      kind: "rate",
      call: "c1",
      turn,
      agent: "desk",
      service: "tts",
      provider: "elevenlabs",
      model: "eleven_flash_v2_5",
      meter: "characters",
      quantity: 1_200n,
      billed: 1_200n,
      amountPico: 60_000_000_000n,
      priceId: "elevenlabs/eleven_flash_v2_5#characters",
      quality: "measured",
      discarded: false,
      period: "2026-11",
    };
    const [first, unrated] = clerk.stream.flatMap(linesOf);
    assert.deepEqual({ ...first, ...line }, first);
    assert.equal(unrated?.priceId, null);
    assert.equal(unrated?.quantity, 7n);
    const { request } = first!;
    clerk.do({ type: "reverse", id: "wrong", call: "c1", request });
    const back = clerk.stream.flatMap(linesOf).at(-1)!;
    const taken = { kind: "reverse", quantity: -1_200n, billed: -1_200n, request };
    assert.deepEqual({ ...back, ...line, ...taken, amountPico: -60_000_000_000n }, back);
    assert.notEqual(back.id, first!.id);
  });

  test("a line says what it is for: event, quantity, price row and what was left over", () => {
    const clerk = new Clerk(desk(BOOK)).take([room("session", 10_000, "agent")]);
    const { event: cause, entries, book } = clerk.stream[0]!;
    const { rated } = entries[0]!;
    assert.equal(cause?.meters.connectionMs, 10_000);
    assert.equal(book, BOOK.version);
    assert.equal(rated?.measured, "10000");
    assert.equal(rated?.priceId, "livekit/session#connectionMs");
    // 10^14 / 60,000 leaves -20,000 beside 1,666,666,667.
    assert.equal(rated?.remainder, "-20000");
    assert.equal(BOOK.row(rated!.priceId!)!.source, "a test");
  });

  test("a service tier without a price of its own is not billed as the usual one", () => {
    const clerk = new Clerk(desk(BOOK)).take([
      llm("gpt-4o-mini", { inputTokens: 1_000 }, { tier: "priority" }),
    ]);
    assert.equal(clerk.ledger.cost().amountPico, 0n);
    assert.deepEqual(clerk.ledger.cost().unrated[0]?.quantities, { inputTokens: 1_000n });
  });

  test("what a vendor does not bill is free beside what it bills, and only there", () => {
    const meters = { inputTokens: 1_000, requests: 1, images: 2 };
    const clerk = new Clerk(desk(BOOK)).take([
      llm("gpt-4o-mini", meters),
      flash(100, { meters: { characters: 100, audioMs: 5_000 } }),
    ]);
    assert.deepEqual(clerk.ledger.cost(), { amountPico: 5_150_000_000n, unrated: [] });
    clerk.take([llm("gpt-next", { requests: 1 })]);
    assert.deepEqual(clerk.ledger.cost().unrated[0]?.quantities, { requests: 1n });
    clerk.take([llm("gpt-4o-mini", { inputTokens: 1, cacheWriteTokens: 5 })]);
    assert.deepEqual(clerk.ledger.cost().unrated[1]?.quantities, { cacheWriteTokens: 5n });
  });

  test("what has no price yet is billed once the book has it", () => {
    const clerk = new Clerk(desk(BOOK)).take([llm("gpt-next", { inputTokens: 1_000 })]);
    const [one] = clerk.ledger.requests();
    const card = { ...SESSION, provider: "openai", services: ["llm"], priceId: "next" };
    const next = { ...card, model: "gpt-next", perUnits: 1, pricePico: { inputTokens: "7" } };
    clerk.desk = desk(new PriceBook({ free: prices.free, prices: [...prices.prices, next] }));
    const rerate = { type: "rerate", plan: "priced", call: "c1", request: one!.id } as const;
    assert.equal(clerk.do(rerate).kind, "post");
    assert.equal(clerk.ledger.cost().amountPico, 7_000n);
    assert.deepEqual(clerk.ledger.cost().unrated, []);
  });
});
