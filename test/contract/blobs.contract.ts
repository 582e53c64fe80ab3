import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { suite, test } from "node:test";
import { type Adapter, rejects } from "./bench.ts";

export function blobsContract({ name, open }: Adapter): void {
  suite(`blobs on ${name}`, () => {
    test("gives back the bytes under their SHA-256", async () => {
      await using bench = await open();
      const { blobs } = bench.broker;
      for (const size of [0, 1, 1_000_000]) {
        const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) % 256);
        const digest = await blobs.put(bytes);
        assert.equal(digest, hash("sha256", bytes, "hex"));
        assert.equal(await blobs.put(bytes), digest);
        assert.ok(Buffer.from(await blobs.get(digest)).equals(bytes));
      }
    });

    test("the same bytes put twice at once are one blob", async () => {
      await using bench = await open();
      const { blobs } = bench.broker;
      const bytes = new TextEncoder().encode("twice at once");
      const [a, b] = await Promise.all([blobs.put(bytes), blobs.put(bytes)]);
      assert.equal(a, b);
      assert.deepEqual([...(await blobs.get(a))], [...bytes]);
    });

    test("an unknown digest is not found, and a strange one neither", async () => {
      await using bench = await open();
      const { blobs } = bench.broker;
      await rejects("blob.notFound", () => blobs.get("0".repeat(64)));
      await rejects("blob.notFound", () => blobs.get("../owner.lock"));
    });
  });
}
