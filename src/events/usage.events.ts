import { z } from "zod";
import { canonicalJson, shortHash } from "../base/digest.ts";
import { AppError } from "../base/errors.ts";
import { Meter, Service } from "./effect.events.ts";
import { Token } from "./record.ts";

/**
 * What the ledger is told of one request to a provider. U1: an event's id follows from what it is
 * about and is fixed before the request goes out, so that a retry of the report is the same event.
 * U2: its hash covers all it says but when it was seen. U3: meters are disjoint, and one that is
 * missing is unknown, not zero.
 */
export const UsageKind = z.enum(["opened", "progress", "orphaned", "closed"]);
export type UsageKind = z.infer<typeof UsageKind>;

const Count = z.int().nonnegative();
const Name = z.string().min(1).max(256);

const FIELDS = {
  type: z.literal("usage.v1"),
  tenant: Token,
  call: Token,
  agent: Name,
  room: Name.optional(),
  /** Address of the turn, as in `turn.2`; requests of the whole call have none. */
  turn: Name.optional(),
  /** The event of the request that this one was made for, as a tool's own model call. */
  parent: Name.optional(),
  /** Opaque reference to the vendor account that pays; never a part of a key. */
  billingAccount: Name.optional(),
  service: Service,
  provider: Name,
  requestModel: Name,
  /** The model that really answered; it is the one that is priced. */
  responseModel: Name.optional(),
  tier: Name.optional(),
  region: Name.optional(),
  plan: Name.optional(),
  /** Our id of the request, minted before dispatch; the vendor's is not known then. */
  clientRequest: Name,
  attempt: z.int().positive(),
  /** What is rounded as one where that is more than a request, as a participant of a room. */
  resource: Name.optional(),
  kind: UsageKind,
  /** Counts the progress of a request; 0 for the others. */
  segment: Count,
  /** Counts the corrections of one event; the highest holds. */
  revision: Count,
  meters: z.partialRecord(Meter, Count),
  /** Cumulative = since the request began. */
  semantics: z.enum(["delta", "cumulative"]),
  /** Provisional = an estimate that stands until the request is closed. */
  quality: z.enum(["measured", "estimated", "provisional"]),
  status: z.enum(["completed", "cancelled", "failed"]).optional(),
  billable: z.boolean(),
  /** Its answer was thrown away, as of a speculative request; it costs all the same. */
  discarded: z.boolean(),
  /** Unix ms when the request went out: the moment of its price, the same in all its events. */
  occurredAt: Count,
  /** Until when somebody answers for the request, Unix ms; without one it is an orphan at once. */
  leaseUntil: Count.optional(),
  hold: Name.optional(),
  /** Id of the event that this revision corrects. */
  supersedes: Name.optional(),
  /** Hash of what the vendor said, word for word. */
  rawHash: Name.optional(),
} as const;

const UsageFacts = z.strictObject({ ...FIELDS, observedAt: Count });
export type UsageFacts = z.infer<typeof UsageFacts>;

export const UsageEvent = z
  .strictObject({ ...FIELDS, observedAt: Count, eventId: Name, payloadHash: Name })
  .refine(({ kind, status }) => (kind === "closed") === (status !== undefined), {
    message: "closed, and nothing else, has a status",
  })
  .refine(({ kind, leaseUntil }) => kind !== "opened" || leaseUntil !== undefined, {
    message: "somebody answers for what is opened, until leaseUntil",
  })
  .refine(({ kind, segment }) => kind === "progress" || segment === 0, {
    message: "only progress has segments",
  })
  .refine((event) => event.supersedes === (event.revision ? priorId(event) : undefined), {
    message: "a revision names the one before it",
  })
  .refine((event) => event.eventId === eventIdOf(event), { message: "the id is another event's" })
  .refine((event) => event.payloadHash === payloadHashOf(event), {
    message: "the hash is another payload's",
  });
export type UsageEvent = z.infer<typeof UsageEvent>;

/** Unlike a joined text, no two tuples give the same: every field brings its length. */
export function lengthPrefixed(fields: readonly string[]): string {
  return fields.map((field) => `${field.length}:${field}`).join("");
}

type Identity = Pick<
  UsageFacts,
  | "tenant"
  | "call"
  | "turn"
  | "service"
  | "provider"
  | "clientRequest"
  | "attempt"
  | "kind"
  | "segment"
  | "revision"
>;

const requestFields = (of: Identity): readonly string[] => [
  of.tenant,
  of.call,
  of.turn ?? "",
  of.service,
  of.provider,
  of.clientRequest,
  String(of.attempt),
];

/** Id of the request, which all its events share. */
export function requestIdOf(of: Identity): string {
  return shortHash(lengthPrefixed(requestFields(of)));
}

export function eventIdOf(of: Identity): string {
  const own = [of.kind, String(of.segment), String(of.revision)];
  return shortHash(lengthPrefixed([...requestFields(of), ...own]));
}

function priorId(of: Identity): string {
  return eventIdOf({ ...of, revision: of.revision - 1 });
}

/** Hash of all that an event says, whenever and however often it was seen (U2). */
export function payloadHashOf(facts: UsageFacts): string {
  const known = Object.entries(facts).filter(
    ([key, value]) =>
      value !== undefined && key !== "observedAt" && key !== "eventId" && key !== "payloadHash",
  );
  return shortHash(canonicalJson(Object.fromEntries(known)));
}

/** Tokens as vendors with inclusive totals tell them: cached ones stand within the input. */
export interface InclusiveTokens {
  readonly input: number;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
  readonly output: number;
  readonly reasoning?: number | undefined;
}

/** The same tokens in disjoint meters (U3). A part that is larger than its whole leaves it at 0. */
export function disjointTokens(told: InclusiveTokens) {
  const { input, cacheRead = 0, cacheWrite = 0, output, reasoning = 0 } = told;
  return {
    inputTokens: Math.max(0, input - cacheRead - cacheWrite),
    outputTokens: Math.max(0, output - reasoning),
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    reasoningTokens: reasoning,
  };
}

/** An event with its id and hash, and with its forerunner named where it is a revision. */
export function usageEvent(facts: Omit<UsageFacts, "type" | "supersedes">): UsageEvent {
  const prior = facts.revision > 0 ? { supersedes: priorId(facts) } : {};
  const full: UsageFacts = { type: "usage.v1", ...facts, ...prior };
  return parseUsageEvent({
    ...full,
    eventId: eventIdOf(full),
    payloadHash: payloadHashOf(full),
  });
}

/** Throws `input.invalid`, which names the field. */
export function parseUsageEvent(value: unknown): UsageEvent {
  const parsed = UsageEvent.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError("input.invalid", `usage event: ${z.prettifyError(parsed.error)}`);
}
