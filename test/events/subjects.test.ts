import assert from "node:assert/strict";
import { test } from "node:test";
import { fromToken, subjects, toToken } from "../../src/events/subjects.ts";

test("any room name becomes one safe token, and comes back", () => {
  for (const name of ["tenant_acme_m1", "front desk", "a.b*>c", "Büro 3", "=41", "", "日本"]) {
    const token = toToken(name);
    assert.match(token, /^[A-Za-z0-9_=-]*$/, name);
    assert.equal(fromToken(token), name);
  }
});

test("different names never share a token", () => {
  const names = ["a b", "a=20b", "a_b", "a.b", "A b"];
  assert.equal(new Set(names.map(toToken)).size, names.length);
});

test("subjects carry the prefix, the tenant and the call", () => {
  const names = subjects("tf");
  assert.equal(names.events("acme", "c1", "turn.2"), "tf.events.acme.c1.turn.2");
  assert.equal(names.join("acme", "front desk"), "tf.join.acme.front=20desk");
  assert.equal(names.log(3, "acme", "c1"), "tf.log.3.acme.c1");
});
