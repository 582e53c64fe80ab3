import type { Meter } from "../events/effect.events.ts";
import {
  requestIdOf,
  type UsageEvent,
  usageEvent,
  type UsageKind,
} from "../events/usage.events.ts";
import type { Quantities, Share, Subject } from "./rating.ts";

/**
 * What the ledger knows of one request. It is a function of the set of its events and not of their
 * order: of each event the highest revision holds, and the last word says what ran.
 */
export interface RequestState {
  readonly id: string;
  readonly call: string;
  /** The event that says what ran: the closing one, else the latest. */
  readonly head: UsageEvent;
  /** By slot; the head is among them. */
  readonly events: ReadonlyMap<string, UsageEvent>;
  /** What is posted, by share key. */
  readonly shares: ReadonlyMap<string, Share>;
  readonly unrated: Quantities;
  /** What this request's transactions posted as cost. */
  readonly amountPico: bigint;
  /** Taken back; only a new rating makes it cost again. */
  readonly reversed: boolean;
  /** Ids of the transactions that reversed it or rated it again. */
  readonly steps: readonly string[];
}

const RANK: Readonly<Record<UsageKind, number>> = {
  opened: 0,
  progress: 1,
  orphaned: 2,
  closed: 3,
};

/** The request with one more event in it; nothing of it is posted yet. */
export function withEvent(request: RequestState | undefined, event: UsageEvent): RequestState {
  const key = slotOf(event);
  const known = request?.events.get(key);
  const events = new Map(request?.events);
  if (!known || known.revision < event.revision) events.set(key, event);
  const head = request && !isLater(event, request.head) ? request.head : event;
  return {
    id: requestIdOf(event),
    call: event.call,
    shares: new Map(),
    unrated: {},
    amountPico: 0n,
    reversed: false,
    steps: [],
    ...request,
    head,
    events,
  };
}

/** Where an event and its revisions stand in their request. */
export function slotOf({ kind, segment }: UsageEvent): string {
  return `${kind}.${segment}`;
}

function isLater(event: UsageEvent, head: UsageEvent): boolean {
  const by = RANK[event.kind] - RANK[head.kind] || event.segment - head.segment;
  return (by || event.revision - head.revision) > 0;
}

/** What a request has used, by meter. One that is not paid for has used nothing. */
export function totalsOf({ head, events }: RequestState): Quantities {
  if (!head.billable) return {};
  const told: Quantities = {};
  const high: Quantities = {};
  const isClosed = events.has("closed.0");
  for (const event of events.values()) {
    if (event.kind !== "progress") continue;
    // What it was for, the closing event tells.
    if (isClosed && event.quality === "provisional") continue;
    const into = event.semantics === "delta" ? told : high;
    for (const [meter, quantity] of metersOf(event))
      into[meter] =
        event.semantics === "delta"
          ? (into[meter] ?? 0n) + quantity
          : max(into[meter] ?? 0n, quantity);
  }
  for (const [meter, quantity] of entriesOf(high)) told[meter] = (told[meter] ?? 0n) + quantity;
  const end = events.get("closed.0") ?? events.get("orphaned.0");
  return end ? withEnd(told, end) : told;
}

/**
 * A measured end is the truth of the meters it names, even below what was told before; an
 * estimated one may have missed what came late.
 */
function withEnd(told: Quantities, end: UsageEvent): Quantities {
  const totals = { ...told };
  for (const [meter, quantity] of metersOf(end)) {
    const before = told[meter] ?? 0n;
    if (end.semantics === "delta") totals[meter] = before + quantity;
    else totals[meter] = end.quality === "measured" ? quantity : max(before, quantity);
  }
  return totals;
}

export function subjectOf({ id, head }: RequestState): Subject {
  return {
    request: id,
    call: head.call,
    resource: head.resource,
    tenant: head.tenant,
    service: head.service,
    provider: head.provider,
    model: head.responseModel ?? head.requestModel,
    tier: head.tier,
    region: head.region,
    plan: head.plan,
    at: head.occurredAt,
  };
}

export function isClosed({ events }: RequestState): boolean {
  return events.has("closed.0") || events.has("orphaned.0");
}

/** Until when somebody answers for an open request, Unix ms: the latest lease that was told. */
export function leaseOf({ events }: RequestState): number {
  return Math.max(0, ...[...events.values()].map(({ leaseUntil }) => leaseUntil ?? 0));
}

function metersOf({ meters }: UsageEvent): readonly (readonly [Meter, bigint])[] {
  return Object.entries(meters).map(([meter, count]) => [meter as Meter, BigInt(count)]);
}

export function entriesOf(quantities: Quantities): readonly (readonly [Meter, bigint])[] {
  return Object.entries(quantities) as [Meter, bigint][];
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/**
 * The end of a request whose owner is gone: what it had told, or at least what was known when it
 * went out. The real end may still come and then counts instead.
 */
export function orphanEvent(request: RequestState, atMs: number): UsageEvent {
  const { eventId: _, payloadHash: __, supersedes: ___, type: ____, ...facts } = request.head;
  const meters: Partial<Record<Meter, number>> = {};
  const known = [...metersOf(request.events.get("opened.0") ?? request.head)];
  for (const [meter, quantity] of [...known, ...entriesOf(totalsOf(request))])
    meters[meter] = Math.max(meters[meter] ?? 0, Number(quantity));
  return usageEvent({
    ...facts,
    kind: "orphaned",
    segment: 0,
    revision: 0,
    meters,
    semantics: "cumulative",
    quality: "estimated",
    observedAt: atMs,
  });
}
