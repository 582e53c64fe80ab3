import fc from "fast-check";
import { seededRandom } from "../../../src/base/id.ts";
import type { Meter } from "../../../src/events/effect.events.ts";
import { type UsageEvent, type UsageFacts, usageEvent } from "../../../src/events/usage.events.ts";
import { USED } from "./books.ts";

type Facts = Partial<Omit<UsageFacts, "type" | "supersedes">>;

/** One event; what is not said is a measured end of an LLM request. */
export function event(facts: Facts = {}): UsageEvent {
  const kind = facts.kind ?? "closed";
  return usageEvent({
    tenant: "t1",
    call: "c1",
    agent: "desk",
    service: "llm",
    provider: "acme",
    requestModel: "quick",
    clientRequest: "r1",
    attempt: 1,
    kind,
    segment: 0,
    revision: 0,
    meters: {},
    semantics: "cumulative",
    quality: "measured",
    billable: true,
    discarded: false,
    occurredAt: USED,
    observedAt: USED,
    ...(kind === "closed" && { status: "completed" as const }),
    ...(kind === "opened" && { leaseUntil: USED }),
    ...facts,
  });
}

const WHAT = [
  { service: "llm", requestModel: "quick", meters: ["inputTokens", "outputTokens"] },
  { service: "llm", requestModel: "quick", meters: ["cacheReadTokens", "reasoningTokens"] },
  { service: "llm", requestModel: "steps", meters: ["outputTokens"] },
  { service: "llm", requestModel: "nobody", meters: ["inputTokens"] },
  { service: "stt", requestModel: "ear", meters: ["audioMs"] },
  { service: "room", requestModel: "room", meters: ["connectionMs"] },
  { service: "tts", requestModel: "voice", meters: ["characters"] },
] as const;

const count = fc.oneof(fc.nat(200), fc.nat(200_000));
const counts = fc.array(count, { minLength: 2, maxLength: 2 });

/** What is told of one request, in the order it happens. */
const script = fc.record({
  call: fc.constantFrom("c1", "c2"),
  what: fc.constantFrom(...WHAT),
  attempt: fc.integer({ min: 1, max: 2 }),
  resource: fc.constantFrom(undefined, "caller", "agent"),
  day: fc.nat(40),
  opened: fc.boolean(),
  semantics: fc.constantFrom("delta" as const, "cumulative" as const),
  progress: fc.array(counts, { maxLength: 4 }),
  believed: fc.constantFrom("measured" as const, "provisional" as const),
  end: fc.option(
    fc.record({
      counts,
      quality: fc.constantFrom("measured" as const, "estimated" as const),
      status: fc.constantFrom("completed" as const, "cancelled" as const, "failed" as const),
      billable: fc.constantFrom(true, true, true, false),
      truth: fc.option(counts),
    }),
  ),
});
export type Script = typeof script extends fc.Arbitrary<infer T> ? T : never;

export function eventsOf(one: Script, index: number, tenant = "t1"): readonly UsageEvent[] {
  const { call, what, attempt, resource, day, semantics } = one;
  const base: Facts = {
    tenant,
    call,
    service: what.service,
    requestModel: what.requestModel,
    clientRequest: `r${index}`,
    attempt,
    occurredAt: USED + day * 86_400_000,
    observedAt: USED + day * 86_400_000,
    ...(resource !== undefined && { resource }),
  };
  const events: UsageEvent[] = [];
  if (one.opened) events.push(event({ ...base, kind: "opened", meters: metersOf(what, [9, 9]) }));
  for (const [segment, told] of one.progress.entries()) {
    const meters = metersOf(what, told);
    const quality = one.believed;
    events.push(event({ ...base, kind: "progress", segment, semantics, quality, meters }));
  }
  if (!one.end) return events;
  const { truth, counts: told, ...end } = one.end;
  events.push(event({ ...base, ...end, meters: metersOf(what, told) }));
  if (truth)
    events.push(
      event({ ...base, ...end, quality: "measured", revision: 1, meters: metersOf(what, truth) }),
    );
  return events;
}

function metersOf(what: Script["what"], told: readonly number[]): Partial<Record<Meter, number>> {
  return Object.fromEntries(what.meters.map((meter, at) => [meter, told[at]!]));
}

export const scripts = fc.array(script, { minLength: 1, maxLength: 6 });

/** Events of several requests in the order they happened. */
export const usage = scripts
  .map((all) => all.flatMap((one, index) => eventsOf(one, index)))
  .filter((events) => events.length > 0);

export function shuffled<T>(list: readonly T[], seed: number): readonly T[] {
  const next = seededRandom(seed);
  return list
    .map((value) => ({ value, key: next() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ value }) => value);
}
