import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { EffectEnded } from "../../src/events/effect.events.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { requestIdOf, type UsageEvent } from "../../src/events/usage.events.ts";
import { Metering, usageEventsOf } from "../../src/folds/metering.ts";
import { Bill } from "../../src/ledger/bill.ts";
import {
  entriesOf,
  isClosed,
  leaseOf,
  orphanEvent,
  type RequestState,
  totalsOf,
  withEvent,
} from "../../src/ledger/request.ts";
import { CALLS, type ScriptedCall } from "../property/support/calls.ts";
import { type Crash, playCall } from "../property/support/crash.ts";
import { countedRoom } from "../support/priced-call.ts";
import { bookOf, desk } from "./support/books.ts";

/**
 * What whole calls tell the ledger, as they ran and with an owner that died: what was opened is
 * closed, and no sum is lost, doubled or taken back without a reason.
 */
const BOOK = bookOf(
  {
    priceId: "llm",
    provider: "scripted",
    model: "scripted-llm",
    pricePico: { inputTokens: "150000000007", outputTokens: "600000000000" },
  },
  {
    priceId: "tts",
    provider: "scripted",
    model: "scripted-tts",
    services: ["tts"],
    pricePico: { characters: "50000000003", audioMs: "0" },
    perUnits: 1_000,
  },
  {
    priceId: "stt",
    provider: "scripted",
    model: "scripted-stt",
    services: ["stt"],
    pricePico: { audioMs: "4800000001" },
    perUnits: 60_000,
  },
  ...["agent", "participant"].map((model) => ({
    priceId: model,
    provider: "livekit",
    model,
    services: ["room"],
    pricePico: { connectionMs: "500000000" },
    perUnits: 60_000,
    rounding: { quantum: 60_000, scope: "resource" },
  })),
  {
    priceId: "worker",
    provider: "own",
    model: "worker",
    services: ["compute"],
    pricePico: { connectionMs: "1000000000" },
    perUnits: 60_000,
  },
);
const TENANT = "acme";

async function logOf(call: ScriptedCall, crash?: Crash): Promise<readonly LogRecord[]> {
  const media = {
    media: (room: Parameters<typeof countedRoom>[0]) => countedRoom(room, "livekit"),
  };
  await using simulation = await playCall(call, media, crash);
  return Array.fromAsync(simulation.broker.log.read(simulation.host.ref));
}

/** Every request of a log as the ledger has it, with what holds at each of its prefixes. */
function checked(records: readonly LogRecord[]): ReadonlyMap<string, RequestState> {
  const metering = new Metering();
  const requests = new Map<string, RequestState>();
  const ids = new Set<string>();
  for (const record of records) {
    for (const event of metering.apply(record)) {
      assert.ok(!ids.has(event.eventId), "an event is told once");
      ids.add(event.eventId);
      take(requests, event);
    }
    for (const request of requests.values()) if (!isClosed(request)) checkOrphan(request, record);
  }
  for (const request of requests.values()) assert.ok(isClosed(request), shown(request));
  return requests;
}

function take(requests: Map<string, RequestState>, event: UsageEvent): void {
  const id = requestIdOf(event);
  const known = requests.get(id);
  assert.ok(!known || !isClosed(known), "what is closed is heard of no more");
  assert.equal(event.kind === "opened" && known !== undefined, false, "opened at first");
  if (known) assert.equal(event.occurredAt, known.head.occurredAt);
  requests.set(id, withEvent(known, event));
}

/** A prefix that ends here leaves nothing open for good. */
function checkOrphan(request: RequestState, { at }: LogRecord): void {
  assert.ok(request.events.has("opened.0"), shown(request));
  assert.ok(leaseOf(request) > request.head.observedAt && request.head.observedAt <= at);
  const closed = withEvent(request, orphanEvent(request, Math.floor(at)));
  assert.ok(isClosed(closed));
  for (const [meter, quantity] of entriesOf(totalsOf(request)))
    assert.ok((totalsOf(closed)[meter] ?? 0n) >= quantity, "an orphan costs what it had told");
}

function shown({ head }: RequestState): string {
  return `${head.kind} ${head.clientRequest}`;
}

/** Where rows tell of requests their sums are those of the rows; nothing lost is free. */
function checkSums(records: readonly LogRecord[], requests: Iterable<RequestState>): void {
  const all = [...requests];
  for (const { input } of records) {
    if (input.type !== "effect.ended") continue;
    const { effect, how, usage } = input as unknown as EffectEnded;
    const own = all.filter(({ head }) => head.clientRequest.startsWith(`${effect}/`));
    if (usage) assert.deepEqual(told(own), sums(usage.map((row) => [row.meter, row.quantity])));
    if (how === "lost")
      for (const { head } of own.filter(({ head: { kind } }) => kind === "closed"))
        assert.ok(head.billable && (hasUsed(head) || head.occurredAt === head.observedAt));
  }
}

function hasUsed({ meters }: UsageEvent): boolean {
  return Object.keys(meters).length > 0;
}

function told(requests: readonly RequestState[]): ReadonlyMap<string, number> {
  const counted = requests.flatMap((request) => entriesOf(totalsOf(request)));
  return sums(counted.filter(([meter]) => meter !== "requests"));
}

function sums(all: readonly (readonly [string, number | bigint])[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>();
  for (const [meter, quantity] of all)
    if (Number(quantity) > 0) sum.set(meter, (sum.get(meter) ?? 0) + Number(quantity));
  return new Map([...sum].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Told event by event: it falls by estimates alone, and ends at what the ends alone cost. */
function checkBill(events: readonly UsageEvent[]): void {
  const bill = new Bill(TENANT, desk(BOOK));
  const costs = new Map<string, bigint>();
  for (const event of events) {
    const before = bill.totalPico;
    const lines = bill.lines.length;
    bill.add(event);
    const id = requestIdOf(event);
    const fell = before - bill.totalPico;
    // What was believed of this one request, and no more of it.
    assert.ok(fell <= 0n || event.kind === "closed", `${event.kind} ${event.clientRequest}`);
    assert.ok(fell <= (costs.get(id) ?? 0n));
    const added = bill.lines.slice(lines).reduce((sum, one) => sum + one.amountPico, 0n);
    costs.set(id, (costs.get(id) ?? 0n) + added);
    assert.ok(costs.get(id)! >= 0n);
  }
  const sum = bill.lines.reduce((all, { amountPico }) => all + amountPico, 0n);
  assert.equal(bill.totalPico, sum);
  const ends = new Bill(TENANT, desk(BOOK));
  for (const event of events)
    if (event.kind !== "opened" && event.quality !== "provisional") ends.add(event);
  assert.equal(ends.totalPico, sum);
  assert.ok(
    bill.lines.every(({ priceId }) => priceId !== null),
    "all of it has a price",
  );
}

function checkCall(records: readonly LogRecord[]): void {
  const requests = checked(records);
  checkSums(records, requests.values());
  checkBill(usageEventsOf(records));
  assert.deepEqual(usageEventsOf(records), usageEventsOf(structuredClone(records)));
}

suite("what a call tells the ledger", () => {
  test("18 every request that is opened is closed, in any call and prefix", async () => {
    const services = new Set<string>();
    for (const call of CALLS) {
      const records = await logOf(call);
      checkCall(records);
      for (const { service } of usageEventsOf(records)) services.add(service);
    }
    assert.deepEqual([...services].toSorted(), ["compute", "llm", "room", "stt", "tts"]);
  });

  test("18 so it is where the owner dies at any record of a call", async () => {
    const [happy] = CALLS;
    const { length } = await logOf(happy!);
    let lost = 0;
    // The last two stand in the log together.
    for (let seq = 2; seq < length - 1; seq++) {
      const records = await logOf(happy!, { point: "between records", seq });
      checkCall(records);
      lost += usageEventsOf(records).filter(isLostAnswer).length;
    }
    assert.ok(lost > 10, "some died in mid-answer");
  });

  test("18 so it is where the owner dies in the middle of anything else", async () => {
    const points = ["before append", "before ack", "before effect"] as const;
    for (const [index, call] of CALLS.entries()) {
      const { length } = await logOf(call);
      for (let seq = 3 + (index % 5); seq < length; seq += 29)
        checkCall(await logOf(call, { point: points[(index + seq) % 3]!, seq }));
    }
  });
});

function isLostAnswer({ kind, service, status, quality, meters }: UsageEvent): boolean {
  const isLost = kind === "closed" && service === "llm" && status === "failed";
  return isLost && quality === "estimated" && meters.inputTokens !== undefined;
}
