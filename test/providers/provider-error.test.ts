import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { AppError } from "../../src/base/errors.ts";
import { providerError } from "../../src/providers/provider-error.ts";

const KEY = "sk-0123456789";
const vendor = { provider: "acme", keyName: "ACME_API_KEY", key: KEY };

function thrown(fields: object, message = "no"): Error {
  return Object.assign(new Error(message), fields);
}

describe("what a vendor's SDK throws", () => {
  it("is left as it is where it is ours", () => {
    const ours = new AppError("provider.refused", "ours");
    assert.equal(providerError(vendor, ours), ours);
  });

  it("is told by its status, by the vendor's own word, or by the network's", () => {
    const body = { error: { error: { type: "billing_error" } } };
    const cases = [
      [thrown({ status: 498 }), "provider.limited"],
      [thrown({ status: 429, code: "insufficient_quota" }), "provider.rejected"],
      [
        thrown({ status: 429, error: { error: { code: "insufficient_quota" } } }),
        "provider.rejected",
      ],
      [
        thrown({ status: 400 }, '{"error":{"details":[{"reason":"API_KEY_INVALID"}]}}'),
        "provider.rejected",
      ],
      [thrown({ type: "rate_limit_error" }), "provider.limited"],
      [thrown(body), "provider.rejected"],
      [thrown({ type: "overloaded_error" }), "provider.failed"],
      [thrown({ cause: thrown({ code: "ECONNREFUSED" }) }), "provider.unavailable"],
      [thrown({}, "Incomplete JSON segment at the end"), "provider.unavailable"],
      [thrown({ name: "APIConnectionTimeoutError" }), "provider.timeout"],
      [new SyntaxError("Unexpected token <"), "provider.garbled"],
      [new DOMException("aborted", "AbortError"), "effect.stopped"],
      ["a string", "provider.failed"],
    ] as const;
    for (const [error, code] of cases)
      assert.equal(providerError(vendor, error).code, code, inspect(error));
  });

  it("says when to come again, from the headers or the body", () => {
    const after = (error: Error): unknown => providerError(vendor, error).detail["retryAfterMs"];
    assert.equal(after(thrown({ status: 429, headers: { "retry-after": "1.5" } })), 1500);
    const headers = new Headers({ "retry-after-ms": "20", "retry-after": "1" });
    assert.equal(after(thrown({ status: 429, headers })), 20);
    const told = '{"error":{"details":[{"retryDelay":"2.25s"}]}}';
    assert.equal(after(thrown({ status: 429 }, told)), 2250);
    assert.equal(after(thrown({ status: 429 })), undefined);
  });

  it("is told in the vendor's words, without its wrapping and without the key", () => {
    const wrapped = `400 {"error":{"message":"no model for ${KEY}"}}`;
    const error = providerError(vendor, thrown({ status: 400 }, wrapped));
    assert.equal(error.message, "acme: no model for ***");
    assert.ok(!inspect(error, { depth: 9 }).includes(KEY));
    assert.equal(providerError(vendor, thrown({}, "{half")).message, "acme: {half");
  });

  it("names where the line broke, not only that it did", () => {
    const refused = thrown({ code: "ECONNREFUSED" }, "connect ECONNREFUSED 127.0.0.1:9");
    const tried = thrown(
      { cause: thrown({ cause: refused }, "fetch failed") },
      "Connection error.",
    );
    const message = "acme: Connection error: connect ECONNREFUSED 127.0.0.1:9";
    assert.equal(providerError(vendor, tried).message, message);
    const both = thrown({ cause: thrown({ code: "ECONNREFUSED" }, "") }, "fetch failed");
    assert.equal(providerError(vendor, both).message, "acme: fetch failed: ECONNREFUSED");
  });

  it("is one line, whatever the body", () => {
    const told = 'Status code: 401\nBody: {\n  "detail": { "message": "Invalid API key" }\n}';
    const rejected = providerError(vendor, thrown({ statusCode: 401 }, told));
    assert.equal(rejected.message, "acme: Invalid API key (see ACME_API_KEY)");
    const short = 'Status code: 401\nBody: { "err_msg": "Invalid credentials." }';
    assert.match(providerError(vendor, thrown({}, short)).message, /^acme: Invalid credentials\.$/);
    const other = providerError(vendor, thrown({}, 'Status code: 418\nBody: {\n  "tea": 1\n}'));
    assert.equal(other.message, 'acme: Status code: 418 Body: { "tea": 1 }');
  });

  it("names the variable of a key that is not accepted", () => {
    const { message } = providerError(vendor, thrown({ status: 401 }, "who are you"));
    assert.equal(message, "acme: who are you (see ACME_API_KEY)");
  });
});
