import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parseUrl } from "../../src/broker/nats/connection.ts";
import { Layout } from "../../src/broker/nats/layout.ts";
import {
  pack,
  packLines,
  seal,
  unpack,
  unseal,
  withTexts,
} from "../../src/broker/nats/packed-message.ts";
import { compareVersions } from "../../src/broker/nats/server-checks.ts";
import { record, rejects } from "../contract/bench.ts";

/** What of the NATS broker needs no server. */
const KEY = { id: "k", bytes: Buffer.alloc(16, 7) };
const NONCE = Buffer.alloc(12, 1);

suite("a packed message", () => {
  const spoken = { textDigest: "d", text: { salt: "s", value: "my secret, Grüße" } };
  const given = [record(1), record(2, spoken), record(3)];
  const { lines, texts } = packLines(given);
  const { data } = pack(lines, seal(texts, KEY, NONCE));

  test("gives back its records, with the key their texts, without it the rest", () => {
    const { records, sealed } = unpack(data);
    assert.deepEqual(withTexts(records, unseal(sealed!, KEY)), given);
    const { text: _, ...erased } = given[1]!;
    assert.deepEqual(records, [given[0], erased, given[2]]);
    assert.equal(Object.keys(withTexts(records, texts)[1]!).at(-1), "hash");
  });

  test("holds no word of a text in the clear, nor opens when a byte was changed", () => {
    assert.ok(!Buffer.from(data).includes("secret"));
    const { sealed } = unpack(data);
    for (let i = 0; i < sealed!.length; i++) {
      const changed = Uint8Array.from(sealed!);
      changed[i]! ^= 1;
      assert.throws(() => unseal(changed, KEY), `byte ${i}`);
    }
  });

  test("is known by its records alone: packed again it has the same id", () => {
    const again = pack(lines, seal(texts, KEY, Buffer.alloc(12, 2)));
    assert.equal(again.id, pack(lines, undefined).id);
    assert.notEqual(again.id, pack(packLines([record(1)]).lines, undefined).id);
  });

  test("refuses a record that is too large by its text, in bytes", async () => {
    const text = { salt: "s", value: "日".repeat(25_000) };
    await rejects("record.tooLarge", () => packLines([record(1, { text })]));
  });
});

test("versions are ordered by number, and one that is being made is before its release", () => {
  const sorted = ["2.9.10", "2.12.2", "2.12.15-RC.1", "2.12.15", "2.15.0"];
  assert.deepEqual(sorted.toReversed().sort(compareVersions), sorted);
});

test("NATS_URL: several servers, a login, and what is no address", () => {
  assert.deepEqual(parseUrl("nats://a:p%40ss@host1, host2:4333"), {
    servers: ["nats://host1:4222", "nats://host2:4333"],
    user: "a",
    pass: "p@ss",
  });
  assert.deepEqual(parseUrl("tls://host").servers, ["tls://host:4222"]);
  for (const bad of ["", "nats://", "a b"])
    assert.throws(() => parseUrl(bad), { code: "config.invalid" });
});

test("calls are spread over all shards, each always to the same", () => {
  const layout = new Layout("tf", 4, 1);
  const refs = Array.from({ length: 200 }, (_, i) => ({ tenant: "acme", call: `c${i}` }));
  const counts = new Map<string, number>();
  for (const ref of refs) {
    const { stream, subject } = layout.placeOf(ref);
    assert.deepEqual(layout.placeOf(ref), { stream, subject });
    const shard = stream.split("_").at(-1);
    assert.equal(subject, `tf.log.${shard}.acme.${ref.call}`);
    counts.set(stream, (counts.get(stream) ?? 0) + 1);
  }
  assert.equal(counts.size, 4);
  assert.ok([...counts.values()].every((count) => count > 25));
});
