import priceFile from "../../../data/prices.json" with { type: "json" };
import { seededRandom } from "../../../src/base/id.ts";
import type { Meter, Service } from "../../../src/events/effect.events.ts";
import type { UsageEvent, UsageFacts } from "../../../src/events/usage.events.ts";
import { event, shuffled } from "./usage.ts";

/**
 * Usage of a tenant as a busy month tells it, and what it costs by a rating of its own: from
 * `data/prices.json` as it stands, without anything of `src/ledger`.
 */
export interface Usage {
  /** Each event once. */
  readonly events: readonly UsageEvent[];
  /** All that is told, in this order: late, twice, and against what was told before. */
  readonly told: readonly UsageEvent[];
  /** Item ids of what contradicts an event that was told before it. */
  readonly conflicts: ReadonlySet<string>;
  readonly requests: readonly Used[];
}

/** What a request came to in the end, however it was told. */
interface Used {
  readonly call: string;
  readonly service: Service;
  readonly provider: string;
  readonly model: string;
  readonly at: number;
  readonly resource?: string;
  readonly meters: Meters;
  readonly events: readonly UsageEvent[];
}

type Meters = Partial<Record<Meter, number>>;

const CALLS = 20;
const CONFLICTS = 3;
/** One of so many events is told again. */
const AGAIN_EVERY = 12;
const FIRST = Date.parse("2026-10-01T00:00:00Z");
const SPAN_MS = 40 * 86_400_000;
/** Somebody answers for a request that is not over. */
const ANSWERED = Date.parse("2100-01-01T00:00:00Z");

export function itemId({ eventId, payloadHash }: UsageEvent): string {
  return `${eventId}.${payloadHash}`;
}

export function usageOf(tenant: string, count: number, seed: number): Usage {
  const next = seededRandom(seed);
  const requests: Used[] = [];
  const events: UsageEvent[] = [];
  while (events.length < count) {
    const request = requestOf(new Dice(next), { tenant, clientRequest: `r${requests.length}` });
    requests.push(request);
    events.push(...request.events);
  }
  const again = events
    .filter((_, i) => i % AGAIN_EVERY === 0)
    .map((one) => ({ ...one, observedAt: one.observedAt + 1 }));
  const told = [...shuffled([...events, ...again], seed)];
  const conflicts = new Set<string>();
  for (let i = 0; i < CONFLICTS; i++) {
    const at = Math.floor(next() * told.length * 0.9);
    const { eventId: _, payloadHash: __, supersedes: ___, type: ____, ...facts } = told[at]!;
    const conflict = event({ ...facts, agent: "an impostor" });
    conflicts.add(itemId(conflict));
    told.splice(at + 1 + Math.floor(next() * (told.length - at)), 0, conflict);
  }
  return { events, told, conflicts, requests };
}

class Dice {
  readonly next: () => number;

  constructor(next: () => number) {
    this.next = next;
  }

  upTo(max: number): number {
    return Math.floor(this.next() * max);
  }

  once(inHowMany: number): boolean {
    return this.upTo(inHowMany) === 0;
  }
}

type Facts = Partial<Omit<UsageFacts, "type" | "supersedes">>;

function requestOf(dice: Dice, named: { tenant: string; clientRequest: string }): Used {
  const at = FIRST + dice.upTo(SPAN_MS);
  const call = `c${dice.upTo(CALLS)}`;
  const facts: Facts = { ...named, call, occurredAt: at, observedAt: at };
  const told = KINDS[dice.upTo(KINDS.length)]!(dice);
  const { service, provider, model, resource, events } = told;
  const base = {
    ...facts,
    service,
    provider,
    requestModel: model,
    ...(resource && { resource }),
  };
  const all = events.map((one) => event({ ...base, ...one }));
  return { ...told, call, at, events: all };
}

type Kind = (dice: Dice) => Omit<Used, "call" | "at" | "events"> & { readonly events: Facts[] };

const answer =
  (provider: string, model: string, promptMax: number): Kind =>
  (dice) => {
    const meters = {
      inputTokens: dice.upTo(promptMax),
      cacheReadTokens: dice.upTo(2_000),
      outputTokens: dice.upTo(500),
    };
    const billable = !dice.once(20);
    const closed: Facts = {
      meters,
      billable,
      ...(dice.once(8) && { status: "cancelled" as const, discarded: true }),
    };
    const told = { service: "llm" as const, provider, model };
    return { ...told, meters: billable ? meters : {}, events: [closed] };
  };

/** Asked for one model, answered by another. */
const substitute: Kind = (dice) => {
  const { meters, events } = answer("openai", "gpt-4.1-nano", 3_000)(dice);
  const closed = { ...events[0]!, requestModel: "gpt-4o-mini", responseModel: "gpt-4.1-nano" };
  return { service: "llm", provider: "openai", model: "gpt-4.1-nano", meters, events: [closed] };
};

/** Running totals, and a measured end below or above the last of them. */
const heard: Kind = (dice) => {
  const lease = { leaseUntil: dice.once(6) ? FIRST : ANSWERED };
  const parts = 1 + dice.upTo(3);
  const progress = Array.from({ length: parts }, (_, segment): Facts => {
    const meters = { audioMs: (segment + 1) * 4_000 };
    return { kind: "progress", segment, quality: "estimated", meters, ...lease };
  });
  const opened: Facts = { kind: "opened", meters: {}, ...lease };
  const measured = dice.upTo(15_000);
  const gone = dice.once(15);
  // Whose owner is gone is closed by the ledger, at the most that it told.
  const open = gone
    ? [opened, ...progress].map((one) => ({ ...one, leaseUntil: FIRST }))
    : [opened, ...progress, { meters: { audioMs: measured } }];
  return {
    service: "stt",
    provider: "deepgram",
    model: "nova-3",
    meters: { audioMs: gone ? parts * 4_000 : measured },
    events: open,
  };
};

/** Sentence by sentence, cut off, and in some cases corrected by the vendor later. */
const said: Kind = (dice) => {
  const lease = { leaseUntil: ANSWERED };
  const sentences = Array.from({ length: 1 + dice.upTo(3) }, () => 1 + dice.upTo(150));
  const whole = sentences.reduce((sum, one) => sum + one, 0);
  const progress = sentences.map((characters, segment): Facts => {
    const meters = { characters };
    return { kind: "progress", segment, semantics: "delta", meters, ...lease };
  });
  const guess = dice.upTo(300);
  const status = "cancelled" as const;
  const end: Facts = { quality: "estimated", status, meters: { characters: guess } };
  const truth = dice.upTo(400);
  const corrected = dice.once(4);
  const late: Facts[] = corrected ? [{ status, revision: 1, meters: { characters: truth } }] : [];
  return {
    service: "tts",
    provider: "elevenlabs",
    model: "eleven_flash_v2_5",
    meters: { characters: corrected ? truth : Math.max(whole, guess) },
    events: [{ kind: "opened", meters: {}, ...lease }, ...progress, end, ...late],
  };
};

/** Minutes of a person who comes and goes are rounded up once. */
const present: Kind = (dice) => {
  const meters = { connectionMs: dice.upTo(200_000) };
  const resource = `person-${dice.upTo(3)}`;
  const told = { service: "room" as const, provider: "livekit", model: "participant" };
  return { ...told, resource, meters, events: [{ meters }] };
};

const unpriced: Kind = (dice) => {
  const meters = { inputTokens: dice.upTo(100) };
  return { service: "llm", provider: "acme", model: "nobody", meters, events: [{ meters }] };
};

const often = (kind: Kind, times: number): readonly Kind[] =>
  Array.from({ length: times }, () => kind);
const KINDS: readonly Kind[] = [
  ...often(answer("openai", "gpt-4o-mini", 3_000), 12),
  ...often(answer("openai", "gpt-5.6-luna", 400_000), 4),
  ...often(answer("anthropic", "claude-sonnet-5-5", 5_000), 4),
  ...often(substitute, 2),
  ...often(heard, 12),
  ...often(said, 12),
  ...often(present, 4),
  unpriced,
];

/** What was used, priced by hand. */
export interface Reckoning {
  readonly totalPico: bigint;
  readonly byService: ReadonlyMap<string, bigint>;
  readonly byProvider: ReadonlyMap<string, bigint>;
  /** Units that no row prices. */
  readonly unpriced: bigint;
}

type Card = (typeof priceFile.prices)[number];

/** Whole units that are rated as one under one row. */
interface Heap {
  readonly card: Card;
  readonly meter: string;
  readonly service: string;
  readonly provider: string;
  units: bigint;
}

export function reckon(requests: readonly Used[]): Reckoning {
  const heaps = new Map<string, Heap>();
  let open = 0n;
  for (const [i, { call, service, provider, model, resource, at, meters }] of requests.entries()) {
    const prompt = (meters.inputTokens ?? 0) + (meters.cacheReadTokens ?? 0);
    for (const [meter, units] of Object.entries(meters)) {
      const card = cardOf(`${provider}/${model}`, { meter, at, prompt });
      if (!card) {
        open += BigInt(units);
        continue;
      }
      const scope = roundingOf(card)?.scope === "resource" ? `${call} ${resource}` : `${i}`;
      const key = JSON.stringify([scope, card.priceId, meter]);
      const heap = heaps.get(key) ?? { card, meter, service, provider, units: 0n };
      heap.units += BigInt(units);
      heaps.set(key, heap);
    }
  }
  const bill = [...heaps.values()].map((heap) => ({ ...heap, pico: priceOf(heap) }));
  return {
    totalPico: bill.reduce((sum, { pico }) => sum + pico, 0n),
    byService: sums(bill.map(({ service, pico }) => [service, pico])),
    byProvider: sums(bill.map(({ provider, pico }) => [provider, pico])),
    unpriced: open,
  };
}

interface Asked {
  readonly meter: string;
  readonly at: number;
  readonly prompt: number;
}

function cardOf(name: string, { meter, at, prompt }: Asked): Card | undefined {
  const from = (day: string | null, open: number): number => (day ? Date.parse(day) : open);
  return priceFile.prices
    .filter((card) => `${card.provider}/${card.model}` === name && meter in card.pricePico)
    .filter((card) => from(card.effectiveFrom, -Infinity) <= at)
    .filter((card) => at < from(card.effectiveTo, Infinity))
    .filter((card) => prompt > thresholdOf(card))
    .toSorted((a, b) => thresholdOf(b) - thresholdOf(a))[0];
}

function thresholdOf(card: Card): number {
  return (card as { threshold?: { above: number } }).threshold?.above ?? -1;
}

function roundingOf(card: Card) {
  return (card as { rounding?: { quantum: number; scope: string } }).rounding;
}

/** Units up to whole quanta, times the price, divided once, half to even. */
function priceOf({ card, meter, units }: Heap): bigint {
  const quantum = BigInt(roundingOf(card)?.quantum ?? 1);
  const billed = ((units + quantum - 1n) / quantum) * quantum;
  const product = billed * BigInt((card.pricePico as Record<string, string>)[meter]!);
  const [over, twice] = [BigInt(card.perUnits), (product % BigInt(card.perUnits)) * 2n];
  const down = product / over;
  return twice > over || (twice === over && down % 2n === 1n) ? down + 1n : down;
}

function sums(pairs: readonly (readonly [string, bigint])[]): ReadonlyMap<string, bigint> {
  const all = new Map<string, bigint>();
  for (const [key, pico] of pairs) all.set(key, (all.get(key) ?? 0n) + pico);
  return new Map([...all].filter(([, pico]) => pico !== 0n));
}
