import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { parsePosting } from "../../src/events/ledger.events.ts";
import type { Json } from "../../src/events/record.ts";
import { usageEvent } from "../../src/events/usage.events.ts";
import { DataFolder } from "../broker/embedded-bench.ts";
import { collect } from "../contract/bench.ts";
import { USED } from "../ledger/support/books.ts";
import { event } from "../ledger/support/usage.ts";
import { checkStream, ledgerStage, posted, tell, TENANT } from "./support/ledger-stage.ts";

const said = (request: string, outputTokens: number, more = {}) =>
  event({ clientRequest: request, meters: { outputTokens }, ...more });

suite("the ledger's actor", () => {
  test("takes usage from its cursor on, and once", async () => {
    const { broker, open } = ledgerStage();
    const events = [said("r1", 10), said("r2", 20), said("r3", 30)];
    await tell(broker.usage, events[0]!, events[1]!);
    const actor = await open();
    assert.equal(await actor.catchUp(), 2);
    assert.equal(await actor.catchUp(), 0);
    await tell(broker.usage, events[2]!, events[0]!);
    assert.equal(await actor.catchUp(), 2);
    await checkStream(broker.cost, events);
    assert.equal(actor.ledger.balance("cost:llm"), 60n * 600_000n);
    const cursors = (await collect(broker.cost.read({ tenant: TENANT }))).map(
      ({ value }) => parsePosting(value).cursor,
    );
    assert.deepEqual(cursors, [2, 4]);
  });

  test("posts at once what came together, up to what asks for more", async () => {
    const { broker, open } = ledgerStage();
    const many = Array.from({ length: 40 }, (_, i) => said(`r${i}`, i));
    const held = said("held", 7, { hold: "h1" });
    const last = said("last", 8);
    await tell(broker.usage, ...many, held, last, many[3]!, said("r4", 99), said("end", 9));
    const actor = await open();
    assert.equal(await actor.catchUp(), 45);
    const postings = await collect(broker.cost.read({ tenant: TENANT }));
    const sizes = postings
      .map(({ value }) => parsePosting(value))
      .map((posting) => [posting.transactions.length, posting.cursor]);
    // A hold has postings of its own, and what contradicts itself stands between two.
    assert.deepEqual(sizes, [
      [32, 32],
      [8, 40],
      [1, undefined],
      [1, 43],
      [1, 45],
    ]);
    await checkStream(broker.cost, [...many, held, last, said("end", 9)]);
    assert.equal((await actor.quarantined()).length, 1);
    assert.equal(await (await open()).catchUp(), 0);
  });

  test("that comes later goes on where the postings say, and comes to the same", async () => {
    const { broker, open } = ledgerStage();
    await tell(broker.usage, said("r1", 10), said("r2", 20));
    const first = await open();
    await first.catchUp();
    const second = await open();
    assert.equal(await second.catchUp(), 0);
    assert.equal(second.ledger.stateHash(), first.ledger.stateHash());
    await tell(broker.usage, said("r3", 30));
    await Promise.all([first.catchUp(), second.catchUp()]);
    await first.catchUp();
    assert.equal(second.ledger.stateHash(), first.ledger.stateHash());
    assert.equal((await posted(broker.cost)).length, 3);
  });

  test("keeps what contradicts itself or is no usage in quarantine, and says so once", async () => {
    const { broker, open, logged } = ledgerStage();
    await tell(broker.usage, said("r1", 10), said("r1", 11), said("r2", 20));
    await broker.usage.append({ tenant: TENANT, call: "c9" }, 0, {
      id: "junk",
      value: [1] as Json,
    });
    const actor = await open();
    assert.equal(await actor.catchUp(), 4);
    assert.equal((await posted(broker.cost)).length, 2);
    const kept = await actor.quarantined();
    assert.deepEqual(
      kept.map(({ position }) => position).toSorted((a, b) => a - b),
      [2, 4],
    );
    assert.match(kept.find(({ position }) => position === 2)!.why, /said something else/);
    const again = await open();
    await again.catchUp();
    assert.equal(logged.filter((line) => line.includes("quarantine")).length, 2);
  });

  test("raises the alarm for what has no price, and posts it in suspense", async () => {
    const { broker, open, logged } = ledgerStage();
    await tell(broker.usage, said("r1", 10, { requestModel: "nobody" }));
    const actor = await open();
    await actor.catchUp();
    assert.equal(actor.ledger.cost().unrated.length, 1);
    assert.deepEqual(logged, ["no price is known for what was used"]);
  });

  test("brings a sealed call back for what comes late", async () => {
    const { broker, open } = ledgerStage();
    await tell(broker.usage, said("r1", 10));
    const actor = await open();
    await actor.catchUp();
    assert.equal((await actor.seal("c1")).kind, "post");
    assert.equal((await actor.seal("c1")).kind, "duplicate");
    await tell(broker.usage, said("r2", 20), said("r1", 10));
    const other = await open();
    await other.catchUp();
    assert.equal(other.ledger.sealed("c1"), undefined);
    assert.equal(other.ledger.balance("cost:llm"), 30n * 600_000n);
    assert.deepEqual(await other.quarantined(), []);
  });

  test("keeps what comes for a sealed call whose archive is gone", async () => {
    const { broker, open } = ledgerStage();
    await tell(broker.usage, said("r1", 10));
    const actor = await open();
    await actor.catchUp();
    await actor.seal("c1");
    for (const key of await broker.kv.keys("ledger.t1.archive.")) await broker.kv.delete(key);
    await tell(broker.usage, said("r2", 20), said("r3", 5, { call: "c2" }));
    await actor.catchUp();
    assert.equal((await actor.quarantined()).length, 1);
    assert.equal(actor.ledger.balance("cost:llm"), 15n * 600_000n);
  });

  test("settles a hold with the usage that it was for, also after a crash between", async () => {
    const { broker, open, clock } = ledgerStage();
    const actor = await open();
    const until = clock.now() + 60_000;
    const hold = { id: "h1", path: ["tenant"], amountPico: 5_000_000n, until, call: "c1" };
    assert.equal((await actor.do({ type: "hold", ...hold })).kind, "post");
    assert.equal((await actor.do({ type: "hold", ...hold })).kind, "duplicate");
    await tell(broker.usage, said("r1", 10, { hold: "h1" }));
    let appends = 0;
    const cost = {
      ...broker.cost,
      read: broker.cost.read.bind(broker.cost),
      tail: broker.cost.tail.bind(broker.cost),
      append: (...given: Parameters<typeof broker.cost.append>) => {
        if (++appends === 2) throw new Error("the process is gone");
        return broker.cost.append(...given);
      },
    };
    const dying = await open({ broker: { ...broker, cost } });
    await assert.rejects(dying.catchUp());
    const next = await open();
    assert.equal(await next.catchUp(), 1);
    const stream = await posted(broker.cost);
    assert.deepEqual(
      stream.map(({ kind }) => kind),
      ["hold", "rate", "settle", "overage"],
    );
    assert.equal(next.ledger.budgets.hold("h1")?.spentPico, 6_000_000n);
    assert.equal(await next.catchUp(), 0);
  });

  test("closes what nobody answers for, once its time is over", async () => {
    const { broker, open, clock } = ledgerStage();
    const lease = { kind: "opened", leaseUntil: USED + 5_000 } as const;
    await tell(broker.usage, said("r1", 10, lease));
    const actor = await open();
    await actor.catchUp();
    assert.equal(actor.ledger.openRequests().length, 1);
    await clock.advance(5_000);
    const other = await open();
    await Promise.all([actor.catchUp(), other.catchUp()]);
    await other.catchUp();
    const kinds = (await posted(broker.cost)).map(({ event: told }) => told?.kind);
    assert.deepEqual(kinds, ["opened", "orphaned"]);
    assert.equal(actor.ledger.orphans(clock.now()).length, 0);
  });

  test("goes on from a snapshot, and without one that is of no use", async () => {
    const { broker, open, logged } = ledgerStage();
    const actor = await open({ snapshotEvery: 2 });
    const events = Array.from({ length: 5 }, (_, i) => said(`r${i}`, i + 1));
    await tell(broker.usage, ...events.slice(0, 4));
    await actor.catchUp();
    const entry = await broker.kv.get("ledger.t1.snapshot");
    assert.ok(entry, "a snapshot was kept");
    const read = async (): Promise<number> => {
      let count = 0;
      const cost = {
        append: broker.cost.append.bind(broker.cost),
        tail: broker.cost.tail.bind(broker.cost),
        async *read(...given: Parameters<typeof broker.cost.read>) {
          for await (const one of broker.cost.read(...given)) {
            count++;
            yield one;
          }
        },
      };
      const opened = await open({ broker: { ...broker, cost } });
      assert.equal(opened.ledger.stateHash(), actor.ledger.stateHash());
      return count;
    };
    await tell(broker.usage, events[4]!);
    await actor.catchUp();
    assert.equal(await read(), 1);
    const bytes = JSON.parse(
      new TextDecoder().decode(await broker.blobs.get(entry.value as string)),
    ) as { ledger: { tail: string } };
    bytes.ledger.tail = "another stream's";
    const other = await broker.blobs.put(new TextEncoder().encode(JSON.stringify(bytes)));
    await broker.kv.put("ledger.t1.snapshot", other);
    assert.equal(await read(), 3);
    await broker.kv.put("ledger.t1.snapshot", "0".repeat(64));
    assert.equal(await read(), 2);
    assert.equal(logged.filter((line) => line.includes("from its beginning")).length, 2);
  });

  test("in a data folder goes on after a crash in the middle of a posting", async () => {
    const { open } = ledgerStage();
    await using folder = await DataFolder.make();
    const events = [said("r1", 10), said("r2", 20), said("r3", 30)];
    {
      await using broker = await folder.open();
      for (const part of [events.slice(0, 2), events.slice(2)]) {
        await tell(broker.usage, ...part);
        await (await open({ broker, snapshotEvery: 1 })).catchUp();
      }
    }
    const path = join(folder.dir, TENANT, "cost.jsonl");
    const whole = await readFile(path, "utf8");
    await writeFile(path, whole.slice(0, -40));
    await using broker = await folder.open();
    // The snapshot is ahead of what is left, and of no use.
    const actor = await open({ broker });
    assert.equal(actor.ledger.seq, 2);
    assert.equal(await actor.catchUp(), 1);
    await checkStream(broker.cost, events);
    assert.equal(actor.ledger.balance("cost:llm"), 60n * 600_000n);
  });

  test("takes nothing of another tenant", async () => {
    const { broker, open } = ledgerStage();
    const { eventId: _, payloadHash: __, type: ___, supersedes: ____, ...facts } = said("r1", 10);
    await tell(broker.usage, usageEvent({ ...facts, tenant: "t2" }));
    const actor = await open();
    await actor.catchUp();
    assert.deepEqual(await posted(broker.cost), []);
    assert.equal((await actor.quarantined())[0]?.why, "another tenant's event");
  });
});
