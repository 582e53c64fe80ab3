import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { EffectHow, Meter, Service, type Usage } from "../../src/events/effect.events.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { requestIdOf, type UsageEvent } from "../../src/events/usage.events.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { usageOf } from "../../src/folds/usage.ts";
import {
  entriesOf,
  isClosed,
  type RequestState,
  totalsOf,
  withEvent,
} from "../../src/ledger/request.ts";
import { ScriptedLlm } from "../../src/providers/scripted/scripted-mouth.ts";
import { Simulation } from "../../src/testing/simulation.ts";
import { readRecords } from "../support/recorded-call.ts";

/** What a call's log tells the ledger: each row once, whatever became of its request. */
const LLM = { service: "llm", provider: "acme", model: "quick" } as const;

const row = (meter: Usage["meter"], quantity: number, more: Partial<Usage> = {}): Usage => ({
  ...LLM,
  meter,
  quantity,
  estimated: false,
  ...more,
});

interface Given {
  readonly actor?: string;
  readonly input: object;
  readonly state?: object;
  readonly effects?: readonly unknown[];
}

function log(...given: readonly Given[]): readonly LogRecord[] {
  const header = { tenant: "acme", call: "c1", room: "desk", agent: { name: "main" } };
  const opened = { input: { type: "call.opened", header: { ...header, agents: { night: {} } } } };
  return [opened, ...given].map(
    ({ actor = "room", input, state = {}, effects = [] }: Given, i) =>
      ({
        seq: i + 1,
        at: 1_000 + i,
        actor,
        input,
        outcome: { state, emitted: [], effects },
      }) as unknown as LogRecord,
  );
}

interface End {
  readonly effect?: string;
  readonly usage: readonly Usage[];
  readonly how?: string;
  readonly actor?: string;
}

const ended = ({ effect = "2.0.reply", usage, how = "done", actor = "turn.1" }: End) => ({
  actor,
  input: { type: "effect.ended", effect, how, usage },
});

/** Without the time of the call's owner, which each of them has. */
function metered(records: readonly LogRecord[]): readonly UsageEvent[] {
  return usageEventsOf(records).filter(({ provider }) => provider !== "own");
}

test("the rows of one request are one event, with all it is about", () => {
  const [event, ...others] = metered(
    log(ended({ usage: [row("inputTokens", 90), row("outputTokens", 7.2)] })),
  );
  assert.deepEqual(others, []);
  const { eventId: _, payloadHash: __, ...said } = event!;
  assert.deepEqual(said, {
    type: "usage.v1",
    tenant: "acme",
    call: "c1",
    agent: "main",
    room: "desk",
    turn: "turn.1",
    service: "llm",
    provider: "acme",
    requestModel: "quick",
    responseModel: "quick",
    clientRequest: "2.0.reply/llm/acme/quick/1/done",
    attempt: 1,
    kind: "closed",
    segment: 0,
    revision: 0,
    meters: { inputTokens: 90, outputTokens: 8 },
    semantics: "cumulative",
    quality: "measured",
    status: "completed",
    billable: true,
    discarded: false,
    occurredAt: 1_001,
    observedAt: 1_001,
  });
});

const CASES: readonly (readonly [string, readonly Usage[], readonly unknown[]])[] = [
  [
    "a try that failed and the one after it are two",
    [row("requests", 1, { how: "failed" }), row("inputTokens", 5, { attempt: 2 })],
    [
      ["failed", 1, "measured", { requests: 1 }],
      ["completed", 2, "measured", { inputTokens: 5 }],
    ],
  ],
  [
    "what was cut off is cancelled, and costs",
    [row("inputTokens", 5, { how: "stopped", estimated: true })],
    [["cancelled", 1, "estimated", { inputTokens: 5 }]],
  ],
  [
    "what was counted stays measured beside what was not",
    [row("inputTokens", 5), row("outputTokens", 3, { estimated: true })],
    [
      [undefined, 1, "measured", { inputTokens: 5 }],
      ["completed", 1, "estimated", { outputTokens: 3 }],
    ],
  ],
  [
    "a request that counts nothing was made all the same",
    [row("inputTokens", 0), row("outputTokens", 0)],
    [["completed", 1, "measured", { requests: 1 }]],
  ],
  [
    "models and services apart",
    [row("inputTokens", 5), row("characters", 9, { service: "tts", model: "voice" })],
    [
      ["completed", 1, "measured", { inputTokens: 5 }],
      ["completed", 1, "measured", { characters: 9 }],
    ],
  ],
];

for (const [name, usage, expected] of CASES)
  test(`an effect's end: ${name}`, () => {
    const events = metered(log(ended({ usage, how: "stopped" })));
    assert.deepEqual(
      events.map(({ status, attempt, quality, meters }) => [status, attempt, quality, meters]),
      expected,
    );
  });

test("what is of the whole call has no turn; words of an outage are metered", () => {
  const stt = row("audioMs", 900, { service: "stt" });
  const said = row("characters", 12, { service: "tts" });
  const events = metered(
    log(ended({ effect: "2.0.stt", usage: [stt], how: "stopped", actor: "track.a" }), {
      input: { type: "outage.spoken", usage: [said] },
    }),
  );
  assert.deepEqual(
    events.map(({ turn, meters }) => [turn, meters]),
    [
      [undefined, { audioMs: 900 }],
      [undefined, { characters: 12 }],
    ],
  );
});

test("a reply that was asked ahead is thrown away unless it is told to speak", () => {
  const ahead = {
    input: { type: "x" },
    state: { "turn.1": { listening: "waiting" } },
    effects: [["start", "2.0.reply", "reply", ""]],
  };
  const commit = { input: { type: "x" }, effects: [["tell", "2.0.reply", "commit"]] };
  const end = ended({ usage: [row("inputTokens", 5)], how: "stopped" });
  const after = { ...ahead, state: { "turn.1": { answering: "thinking" } } };
  const discarded = (...given: Given[]) => metered(log(...given))[0]?.discarded;
  assert.equal(discarded(ahead, end), true);
  assert.equal(discarded(ahead, commit, end), false);
  assert.equal(discarded(after, end), false);
});

test("an agent that was handed the call pays for what it began", () => {
  const handed = (to: string, how = "done") => ({
    actor: "room",
    input: { type: "effect.ended", effect: "2.0.tool", how, result: { handoff: to } },
  });
  const start = (id: string) => ({
    input: { type: "x" },
    effects: [["start", id, "reply", ""]],
  });
  const agents = (to: string, how?: string) =>
    metered(
      log(
        start("a.reply"),
        handed(to, how),
        start("b.reply"),
        ended({ effect: "a.reply", usage: [row("inputTokens", 5)] }),
        ended({ effect: "b.reply", usage: [row("inputTokens", 5)] }),
      ),
    ).map(({ agent }) => agent);
  assert.deepEqual(agents("night"), ["main", "night"]);
  assert.deepEqual(agents("nobody"), ["main", "main"]);
  assert.deepEqual(agents("night", "failed"), ["main", "main"]);
});

test("an end that is told twice counts once", () => {
  const end = ended({ usage: [row("inputTokens", 5)] });
  assert.equal(metered(log(end, end)).length, 1);
});

const name = fc.oneof(fc.constantFrom("a", "b", ""), fc.string({ maxLength: 300 }));
const anyRow: fc.Arbitrary<Usage> = fc
  .record({
    service: fc.constantFrom(...Service.options),
    provider: name,
    model: name,
    meter: fc.constantFrom(...Meter.options),
    quantity: fc.nat(100_000),
    estimated: fc.boolean(),
    attempt: fc.option(fc.integer({ min: 2, max: 4 }), { nil: undefined }),
    how: fc.option(fc.constantFrom("stopped" as const, "failed" as const), { nil: undefined }),
  })
  .map(({ attempt, how, ...rest }) => ({
    ...rest,
    ...(attempt && { attempt }),
    ...(how && { how }),
  }));
const anyEnd = fc.record({
  usage: fc.array(anyRow, { maxLength: 8 }),
  how: fc.constantFrom(...EffectHow.options),
  actor: fc.constantFrom("room", "turn.1", "turn.2", "track.a"),
});

test("any rows: nothing is lost or told twice, and the same log tells the same", () => {
  fc.assert(
    fc.property(fc.array(anyEnd, { maxLength: 5 }), (ends) => {
      const records = log(
        ...ends.map(({ usage, how, actor }, i) =>
          ended({ effect: `${i}.reply`, usage, how, actor }),
        ),
      );
      const events = metered(records);
      assert.deepEqual(metered(structuredClone(records)), events);
      assert.equal(new Set(events.map(({ eventId }) => eventId)).size, events.length);
      const told = sums(requestsOf(events).flatMap((request) => entriesOf(totalsOf(request))));
      const all = ends.flatMap(({ usage }) => usage);
      const real = sums(all.map(({ meter, quantity }) => [meter, quantity]));
      assert.ok(requestsOf(events).every(isClosed));
      // A request without a count is told as one request, and as nothing else.
      for (const meter of Meter.options)
        if (meter !== "requests") assert.equal(told.get(meter) ?? 0, real.get(meter) ?? 0);
      assert.ok((told.get("requests") ?? 0) >= (real.get("requests") ?? 0));
    }),
    { numRuns: Number(process.env["RUNS"] ?? 200) },
  );
});

/** As the ledger takes them. */
function requestsOf(events: readonly UsageEvent[]): readonly RequestState[] {
  const requests = new Map<string, RequestState>();
  for (const event of events) {
    const id = requestIdOf(event);
    requests.set(id, withEvent(requests.get(id), event));
  }
  return [...requests.values()];
}

function sums(all: readonly (readonly [string, number | bigint])[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>();
  for (const [meter, quantity] of all) sum.set(meter, (sum.get(meter) ?? 0) + Number(quantity));
  return sum;
}

test("a call with a takeover: each row of its log once, whoever wrote it", async () => {
  await using simulation = await Simulation.open({
    texts: { greeting: "Hello." },
    otherLlms: (clock) => [new ScriptedLlm(clock, () => ({ text: "From the other." }), "other")],
    answer: (_, index) => (index < 4 ? { fails: true } : { text: "We open at nine. Come by." }),
  });
  simulation.enter();
  await simulation.quiet();
  simulation.say("what are your opening hours");
  await simulation.run(5_000);
  await simulation.quiet();
  await simulation.takeover();
  simulation.enter();
  simulation.say("and on sundays please");
  await simulation.quiet();
  const { records, host, broker } = simulation;
  const stored: LogRecord[] = [];
  for await (const record of broker.log.read(host.ref, 1)) stored.push(record);
  assert.ok(records.length > 0 && stored.some(({ epoch }) => epoch === 2));
  const events = usageEventsOf(stored);
  assert.ok(events.some(({ status }) => status === "failed"));
  const rows = usageOf(stored).filter(({ quantity }) => quantity > 0);
  const all = sums(rows.map(({ service, meter, quantity }) => [`${service}.${meter}`, quantity]));
  const byRows = ["llm", "tts"];
  const told = sums(
    requestsOf(events)
      .filter(({ head }) => byRows.includes(head.service))
      .flatMap((request) =>
        entriesOf(totalsOf(request)).map(
          ([meter, count]) => [`${request.head.service}.${meter}`, count] as const,
        ),
      ),
  );
  assert.ok(all.size > 2);
  assert.deepEqual(told, all);
});

test("the recorded call of the golden files gives its rows", async () => {
  const file = new URL("../golden/calls/room-1-track-1-turn-1.jsonl", import.meta.url);
  const records = await readRecords(fileURLToPath(file));
  const events = usageEventsOf(records);
  assert.ok(events.length > 0);
  assert.deepEqual(events, usageEventsOf(records.map((record) => structuredClone(record))));
});
