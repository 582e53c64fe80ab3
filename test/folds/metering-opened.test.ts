import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Usage } from "../../src/events/effect.events.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { requestIdOf, type UsageEvent } from "../../src/events/usage.events.ts";
import { usageEventsOf } from "../../src/folds/metering.ts";
import { type RequestState, totalsOf, withEvent } from "../../src/ledger/request.ts";

/** Requests from the record that tells of them to their end. */
const START = 1_000_000;
const MINUTE = 60_000;

interface Given {
  readonly ms: number;
  readonly actor?: string;
  readonly input: object;
  readonly effects?: readonly unknown[];
}

function log(...given: readonly Given[]): readonly LogRecord[] {
  const header = { tenant: "acme", call: "c1", room: "desk", agent: { name: "main" }, agents: {} };
  const opened = { ms: 0, input: { type: "call.opened", header } };
  return [opened, ...given].map(
    ({ ms, actor = "turn.1", input, effects = [] }: Given, i) =>
      ({
        seq: i + 1,
        at: START + ms,
        actor,
        input,
        outcome: { state: {}, emitted: [], effects },
      }) as unknown as LogRecord,
  );
}

interface End {
  readonly effect?: string;
  readonly usage?: readonly Usage[];
}

const progress = (ms: number, event: object, effect = "2.0.reply"): Given => ({
  ms,
  input: { type: "effect.progress", effect, event },
});
const end = (ms: number, how: string, of: End = {}): Given => {
  const { effect = "2.0.reply", usage } = of;
  return { ms, input: { type: "effect.ended", effect, how, ...(usage && { usage }) } };
};
const asked = (ms: number, model = "quick", inputTokens = 50) =>
  progress(ms, { type: "reply.requested", provider: "acme", model, inputTokens });
const said = (ms: number, chars: number, voice?: string) =>
  progress(ms, {
    type: "reply.segment",
    chars,
    ...(voice && { voice: { provider: "acme", model: voice } }),
  });
const retried = (ms: number, attempt: number, of = "quick"): Given => {
  const why = { why: "late", waitMs: 500 };
  return progress(ms, { type: "reply.retried", what: "model", of, attempt, ...why });
};
const llm = (meter: string, quantity: number, more: object = {}) =>
  ({
    service: "llm",
    provider: "acme",
    model: "quick",
    estimated: false,
    meter,
    quantity,
    ...more,
  }) as Usage;
const tts = (quantity: number, more: object = {}) =>
  llm("characters", quantity, { service: "tts", model: "flash", ...more });

type Line = readonly [
  ms: number,
  kind: string,
  what: string,
  meters: object,
  quality: string,
  status?: string,
];

/** Without the time of the call's owner; `what` is service/model/attempt. */
function told(records: readonly LogRecord[], of = "acme"): readonly Line[] {
  return usageEventsOf(records)
    .filter(({ provider }) => provider === of)
    .map((event) => {
      const { observedAt, kind, service, requestModel, attempt, meters, quality } = event;
      const status = event.billable ? event.status : "unused";
      const line = [
        observedAt - START,
        kind,
        `${service}/${requestModel}/${attempt}`,
        meters,
        quality,
      ] as const;
      return status === undefined ? line : [...line, status];
    });
}

/** By request, what it used. */
function used(records: readonly LogRecord[]): Readonly<Record<string, object>> {
  const requests = new Map<string, RequestState>();
  for (const event of usageEventsOf(records)) {
    if (event.provider !== "acme") continue;
    const id = requestIdOf(event);
    requests.set(id, withEvent(requests.get(id), event));
  }
  return Object.fromEntries(
    [...requests.values()].map((request) => [
      request.head.clientRequest,
      Object.fromEntries(
        Object.entries(totalsOf(request)).map(([meter, sum]) => [meter, Number(sum)]),
      ),
    ]),
  );
}

suite("an answer", () => {
  test("is opened when the model is asked, and closed by its row", () => {
    assert.deepEqual(
      told(
        log(
          asked(10),
          end(900, "done", { usage: [llm("inputTokens", 44), llm("outputTokens", 9)] }),
        ),
      ),
      [
        [10, "opened", "llm/quick/1", { inputTokens: 50 }, "estimated"],
        [
          900,
          "closed",
          "llm/quick/1",
          { inputTokens: 44, outputTokens: 9 },
          "measured",
          "completed",
        ],
      ],
    );
  });

  test("has one identity and one time in all its events, and a lease while it is open", () => {
    const events = usageEventsOf(
      log(
        asked(10),
        said(500, 40, "flash"),
        end(900, "done", { usage: [llm("inputTokens", 44), tts(40)] }),
      ),
    ).filter(({ provider }) => provider === "acme");
    const by = Map.groupBy(events, requestIdOf);
    assert.deepEqual(
      [...by.values()].map((own) => own.map(({ kind }) => kind)),
      [
        ["opened", "progress", "closed"],
        ["opened", "progress", "closed"],
      ],
    );
    const times = (own: readonly UsageEvent[]) => own.map(({ occurredAt }) => occurredAt - START);
    assert.deepEqual([...by.values()].map(times), [
      [10, 10, 10],
      [500, 500, 500],
    ]);
    for (const { kind, observedAt, leaseUntil } of events)
      assert.equal(leaseUntil, kind === "closed" ? undefined : observedAt + 15 * MINUTE);
  });

  test("whose process died costs the request, and its sentences twice: written and spoken", () => {
    assert.deepEqual(
      told(log(asked(10), said(500, 40, "flash"), said(600, 21), end(9_000, "lost"))),
      [
        [10, "opened", "llm/quick/1", { inputTokens: 50 }, "estimated"],
        [500, "opened", "tts/flash/1", {}, "estimated"],
        [500, "progress", "llm/quick/1", { inputTokens: 50, outputTokens: 10 }, "provisional"],
        [500, "progress", "tts/flash/1", { characters: 40 }, "provisional"],
        [600, "progress", "llm/quick/1", { inputTokens: 50, outputTokens: 16 }, "provisional"],
        [600, "progress", "tts/flash/1", { characters: 61 }, "provisional"],
        [
          9_000,
          "closed",
          "llm/quick/1",
          { inputTokens: 50, outputTokens: 16 },
          "estimated",
          "failed",
        ],
        [9_000, "closed", "tts/flash/1", { characters: 61 }, "estimated", "failed"],
      ],
    );
  });

  test("of which nothing was told is a request all the same; what never started is none", () => {
    const bare = progress(10, { type: "reply.requested", provider: "acme", model: "quick" });
    const closing = (...given: Given[]) =>
      told(log(...given)).filter(([, kind]) => kind === "closed");
    assert.deepEqual(closing(bare, end(90, "lost")), [
      [90, "closed", "llm/quick/1", { requests: 1 }, "estimated", "failed"],
    ]);
    assert.deepEqual(
      told(log(end(90, "lost"), end(95, "never-started", { effect: "3.0.reply" }))),
      [],
    );
    // The second try was still being waited for.
    assert.deepEqual(closing(asked(10), retried(50, 2), end(549, "lost")), [
      [549, "closed", "llm/quick/1", { inputTokens: 50 }, "estimated", "failed"],
      [549, "closed", "llm/quick/2", {}, "measured", "unused"],
    ]);
    assert.deepEqual(closing(asked(10), retried(50, 2), end(550, "lost"))[1]?.[3], {
      inputTokens: 50,
    });
  });

  test("that is tried again and then asked of another model is three requests", () => {
    const usage = [
      llm("requests", 1, { how: "failed" }),
      llm("inputTokens", 7, { attempt: 2, how: "failed", estimated: true }),
      llm("inputTokens", 9, { model: "other" }),
    ];
    const records = log(
      asked(10),
      retried(50, 2),
      retried(60, 3, "nobody"),
      asked(300, "other"),
      end(900, "done", { usage }),
    );
    assert.deepEqual(used(records), {
      "2.0.reply/llm/acme/quick/1": { requests: 1 },
      "2.0.reply/llm/acme/quick/2": { inputTokens: 7 },
      "2.0.reply/llm/acme/other/1": { inputTokens: 9 },
    });
  });

  test("by a model that names its version is the request that was opened", () => {
    const [opened, closed, ...more] = usageEventsOf(
      log(
        asked(10),
        end(900, "done", { usage: [llm("inputTokens", 44, { model: "quick-2026" })] }),
      ),
    ).filter(({ provider }) => provider === "acme");
    assert.equal(requestIdOf(opened!), requestIdOf(closed!));
    assert.deepEqual([closed!.requestModel, closed!.responseModel], ["quick", "quick-2026"]);
    assert.deepEqual(more, []);
  });

  test("which a voice was not asked for is not paid, unless nobody can say so", () => {
    const spoken = (how: string, usage?: readonly Usage[]) =>
      told(log(said(500, 40, "flash"), end(900, how, usage ? { usage } : {}))).at(-1);
    assert.deepEqual(spoken("stopped", [])?.at(-1), "unused");
    assert.deepEqual(spoken("done")?.at(-1), "unused");
    for (const how of ["lost", "unknown", "failed", "stopped"])
      assert.deepEqual(spoken(how)?.slice(3), [{ characters: 40 }, "estimated", "failed"]);
  });
});

suite("what a voice said", () => {
  test("is the sum of its rows, whatever was believed before and however they ended", () => {
    const rows = [
      [tts(40), tts(21, { how: "stopped", estimated: true })],
      [tts(40, { estimated: true }), tts(3, { attempt: 2 })],
      [tts(30), tts(10, { estimated: true }), tts(21, { how: "failed" })],
      [tts(200, { estimated: true })],
      [tts(1)],
    ];
    for (const usage of rows) {
      const records = log(said(500, 40, "flash"), said(600, 21), end(900, "done", { usage }));
      const sum = Object.values(used(records)).reduce(
        (all, one) => all + ((one as { characters?: number }).characters ?? 0),
        0,
      );
      assert.equal(
        sum,
        usage.reduce((all, { quantity }) => all + quantity, 0),
      );
    }
  });

  test("and another went on with is two requests", () => {
    const records = log(
      said(500, 40, "flash"),
      said(600, 20, "slow"),
      said(700, 2),
      end(900, "lost"),
    );
    assert.deepEqual(used(records), {
      "2.0.reply/tts/acme/flash/1": { characters: 40 },
      "2.0.reply/tts/acme/slow/1": { characters: 22 },
    });
  });
});

suite("what goes on", () => {
  const heard = (ms: number, model: string) =>
    progress(ms, { type: "stt.opened", provider: "acme", model }, "2.0.stt");
  const tick = (ms: number): Given => ({ ms, input: { type: "timer.fired" } });

  test("is told at each whole minute of which there is a record, and renews its lease", () => {
    const records = log(
      heard(500, "ear"),
      tick(MINUTE + 499),
      tick(MINUTE + 500),
      tick(MINUTE + 900),
      tick(4 * MINUTE),
      tick(4 * MINUTE + 500),
    );
    const lines = told(records).filter(([, kind]) => kind === "progress");
    assert.deepEqual(
      lines.map(([ms, , , meters]) => [ms, meters]),
      [
        [MINUTE + 500, { audioMs: MINUTE }],
        [4 * MINUTE, { audioMs: 4 * MINUTE - 500 }],
        [4 * MINUTE + 500, { audioMs: 4 * MINUTE }],
      ],
    );
    const leases = usageEventsOf(records)
      .filter(({ provider }) => provider === "acme")
      .map(({ leaseUntil }) => leaseUntil! - START);
    assert.deepEqual(
      leases,
      [500, MINUTE + 500, 4 * MINUTE, 4 * MINUTE + 500].map((ms) => ms + 15 * MINUTE),
    );
  });

  test("rests while another goes on in its place", () => {
    const records = log(
      heard(0, "ear"),
      heard(1_000, "other"),
      heard(4_000, "ear"),
      end(4_500, "lost", { effect: "2.0.stt" }),
    );
    assert.deepEqual(used(records), {
      "2.0.stt/stt/acme/ear/1": { audioMs: 1_500 },
      "2.0.stt/stt/acme/other/1": { audioMs: 3_000 },
    });
    const row = { service: "stt", provider: "acme", model: "ear", meter: "audioMs" } as const;
    const counted = log(
      heard(0, "ear"),
      tick(2 * MINUTE),
      end(3 * MINUTE, "stopped", {
        effect: "2.0.stt",
        usage: [{ ...row, quantity: 90, estimated: false }],
      }),
    );
    assert.deepEqual(used(counted), { "2.0.stt/stt/acme/ear/1": { audioMs: 90 } });
  });

  const CONNECTION = "1.0.connection";
  const room = (ms: number, event: object) => progress(ms, event, CONNECTION);
  const joined = (ms: number, provider?: string) =>
    room(ms, { type: "room.joined", ...(provider && { provider }) });
  const came = (ms: number, identity: string) => room(ms, { type: "participant.joined", identity });
  const left = (ms: number, identity: string) => room(ms, { type: "participant.left", identity });

  test("in a room is each one's stay, the agent's too", () => {
    const records = log(
      joined(0, "acme"),
      came(100, "ann"),
      came(150, "ann"),
      left(400, "ann"),
      came(1_000, "ann"),
      left(1_100, "nobody"),
      end(2_000, "stopped", { effect: CONNECTION }),
    );
    const closed = told(records).filter(([, kind]) => kind === "closed");
    assert.deepEqual(closed, [
      [400, "closed", "room/participant/1", { connectionMs: 300 }, "measured", "completed"],
      [2_000, "closed", "room/agent/1", { connectionMs: 2_000 }, "measured", "completed"],
      [2_000, "closed", "room/participant/1", { connectionMs: 1_000 }, "measured", "completed"],
    ]);
    const stays = usageEventsOf(records).flatMap(({ resource }) => resource ?? []);
    assert.equal(new Set(stays).size, 3);
    assert.ok(stays.every((stay) => !stay.includes("ann")));
  });

  test("in a room that nobody counts is nothing", () => {
    assert.deepEqual(told(log(joined(0), came(100, "ann"), left(400, "ann"))), []);
    const services = usageEventsOf(log(joined(0), came(100, "ann"))).map(({ service }) => service);
    assert.deepEqual(services, ["compute"]);
  });

  test("is closed where another owner takes the call, and opened anew", () => {
    const taken = { ms: 70_000, actor: "room", input: { type: "owner.changed", epoch: 2 } };
    const over = { ms: 80_000, actor: "room", input: { type: "call.ended" } };
    const records = log(
      joined(0, "acme"),
      taken,
      end(70_000, "lost", { effect: CONNECTION }),
      progress(71_000, { type: "room.joined", provider: "acme" }, "4.0.connection"),
      over,
    );
    const ends = (of: string) => told(records, of).filter(([, kind]) => kind === "closed");
    assert.deepEqual(ends("acme"), [
      [70_000, "closed", "room/agent/1", { connectionMs: 70_000 }, "estimated", "failed"],
      [80_000, "closed", "room/agent/1", { connectionMs: 9_000 }, "estimated", "failed"],
    ]);
    assert.deepEqual(ends("own"), [
      [70_000, "closed", "compute/worker/1", { connectionMs: 70_000 }, "estimated", "failed"],
      [80_000, "closed", "compute/worker/1", { connectionMs: 10_000 }, "measured", "completed"],
    ]);
  });

  test("after its end is heard of no more", () => {
    const late = log(
      asked(10),
      end(90, "done", { usage: [llm("inputTokens", 5)] }),
      asked(95),
      said(96, 9, "flash"),
    );
    assert.deepEqual(
      told(late).map(([ms]) => ms),
      [10, 90],
    );
  });
});

test("what has a row and was not told of is of when its effect began", () => {
  const start = { ms: 40, input: { type: "x" }, effects: [["start", "2.0.tool", "tool", ""]] };
  const usage = [llm("inputTokens", 5, { service: "vision" })];
  const [event] = usageEventsOf(log(start, end(900, "done", { usage, effect: "2.0.tool" }))).filter(
    ({ provider }) => provider === "acme",
  );
  assert.deepEqual([event!.occurredAt - START, event!.observedAt - START], [40, 900]);
});
