import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { openNatsBench } from "./support.ts";

/** What a server answers to a second deletion depends on what else lies in the bucket. */
const ROUNDS = 10;

for (const version of NATS_VERSIONS) {
  const found = await findNats(version);
  suite(`keys on NATS ${version}`, { skip: "missing" in found && found.missing }, () => {
    if ("missing" in found) return;
    for (const others of ["none", "older", "newer"])
      test(`deleted twice at once, ${others} beside it: gone, and no error`, async () => {
        await using server = await NatsServer.start(found);
        await using one = await openNatsBench(server.url);
        await using other = await openNatsBench(server.url, { prefix: one.prefix });
        for (let i = 0; i < ROUNDS; i++) {
          if (others === "older") await one.broker.kv.put(`older.${i}`, i);
          await one.broker.kv.put("a", i);
          if (others === "newer") await one.broker.kv.put(`newer.${i}`, i);
          const both = [one, other].map(({ broker }) => broker.kv.delete("a"));
          await Promise.all(both);
          assert.equal(await other.broker.kv.get("a"), undefined);
        }
      });
  });
}
