import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { lengthPrefixed, parseUsageEvent } from "../../src/events/usage.events.ts";
import { event } from "../ledger/support/usage.ts";

suite("a usage event", () => {
  test("has an id of its own for every tuple of what it is about", () => {
    const fields = fc.array(fc.string());
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        assert.equal(lengthPrefixed(a) === lengthPrefixed(b), same);
      }),
    );
    assert.notEqual(lengthPrefixed(["a:1", "b"]), lengthPrefixed(["a", "1:b"]));
    assert.notEqual(lengthPrefixed(["a-b", "c"]), lengthPrefixed(["a", "b-c"]));
  });

  test("keeps its id and hash however it is seen, and changes its hash with what it says", () => {
    const one = event({ meters: { inputTokens: 1 } });
    const later = event({ meters: { inputTokens: 1 }, observedAt: one.observedAt + 9 });
    const other = event({ meters: { inputTokens: 2 } });
    assert.deepEqual([later.eventId, later.payloadHash], [one.eventId, one.payloadHash]);
    assert.equal(other.eventId, one.eventId);
    assert.notEqual(other.payloadHash, one.payloadHash);
    for (const facts of [
      { turn: "turn.2" },
      { call: "c2" },
      { attempt: 2 },
      { revision: 1 },
      { provider: "other" },
      { clientRequest: "r2" },
      { kind: "progress", segment: 1 },
    ] as const)
      assert.notEqual(event(facts).eventId, one.eventId, JSON.stringify(facts));
  });

  test("is refused where it contradicts itself", () => {
    const good = event({ meters: { inputTokens: 1 } });
    assert.deepEqual(parseUsageEvent(JSON.parse(JSON.stringify(good))), good);
    const bad = [
      { ...good, eventId: "another" },
      { ...good, payloadHash: "another" },
      { ...good, meters: { inputTokens: 2 } },
      { ...good, meters: { inputTokens: -1 } },
      { ...good, meters: { inputTokens: 1.5 } },
      { ...good, meters: { seconds: 1 } },
      { ...good, tenant: "a.b" },
      { ...good, extra: true },
    ];
    for (const value of bad)
      assert.throws(() => parseUsageEvent(value), { code: "input.invalid" }, JSON.stringify(value));
    assert.throws(() => event({ kind: "opened", status: "completed" }), { code: "input.invalid" });
    assert.throws(() => event({ kind: "opened", segment: 1 }), { code: "input.invalid" });
    const { leaseUntil: _, ...nobodys } = event({ kind: "opened" });
    assert.throws(() => parseUsageEvent(nobodys), { code: "input.invalid", message: /answers/ });
  });

  test("names the one it corrects", () => {
    assert.equal(event({ revision: 1 }).supersedes, event().eventId);
    const { supersedes: _, ...without } = event({ revision: 1 });
    assert.throws(() => parseUsageEvent(without), { code: "input.invalid" });
  });
});
