import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson, digest } from "../../src/base/digest.ts";

const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.string({ unit }));
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "medium" },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.array(tie("value")),
    fc.dictionary(text, tie("value"), { maxKeys: 80 }),
  ),
})).value;

/** The same by the slowest and plainest means. */
function plainly(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainly).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const object = value as Record<string, unknown>;
  const pairs = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${plainly(object[key])}`);
  return `{${pairs.join()}}`;
}

test("canonical JSON is JSON with sorted keys and no white space", () => {
  fc.assert(fc.property(json, (value) => canonicalJson(value) === plainly(value)));
});

test("a digest depends on the value alone, not on key order or identity", () => {
  fc.assert(
    fc.property(json, (value) => {
      const first = digest(value);
      const copy: unknown = JSON.parse(plainly(value));
      return digest(copy) === first && digest(value) === first;
    }),
  );
});

test("what is not JSON is refused", () => {
  const bad = [undefined, Number.NaN, Infinity, 1n, Symbol("s"), () => 1, new Date(0), new Map()];
  for (const value of bad) {
    for (const write of [digest, canonicalJson]) {
      assert.throws(() => write(value), { code: "bug", message: /is not JSON/ });
      assert.throws(() => write([{ inside: value }]), { code: "bug" });
    }
  }
});
