import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Job } from "../../src/broker/jobs.port.ts";
import { type Adapter, rejects, unique } from "./bench.ts";

function newJob(tenant = unique("t")): Job {
  return { tenant, room: `${unique("room")} with spaces.and*stars`, payload: { n: [1, "ü"] } };
}

export function jobsContract({ name, open }: Adapter): void {
  suite(`jobs on ${name}`, () => {
    test("a job is offered once and claimed once (J1)", async () => {
      await using bench = await open();
      const { jobs } = bench.broker;
      const job = newJob();
      assert.equal(await jobs.offer(job), "queued");
      assert.equal(await jobs.offer({ ...job, payload: "other" }), "exists");
      const claim = await jobs.claim("w1", 0);
      assert.deepEqual(claim?.job, job);
      assert.equal(claim?.redeliveries, 0);
      assert.equal(await jobs.claim("w2", 0), undefined);
      assert.equal(await jobs.offer(job), "exists");
      await claim!.finish();
    });

    test("a finished job is gone, and the room may be offered again", async () => {
      await using bench = await open();
      const { jobs } = bench.broker;
      const job = newJob();
      await jobs.offer(job);
      const claim = await jobs.claim("w1", 0);
      await claim!.finish();
      assert.equal(await jobs.claim("w1", 0), undefined);
      assert.equal(await jobs.offer(job), "queued");
      const again = await jobs.claim("w1", 0);
      assert.equal(again?.redeliveries, 0);
      await again!.finish();
    });

    test("the oldest comes first, and the same room of two tenants is two jobs", async () => {
      await using bench = await open();
      const { jobs } = bench.broker;
      const first = newJob();
      const second = { ...first, tenant: unique("t") };
      assert.equal(await jobs.offer(first), "queued");
      assert.equal(await jobs.offer(second), "queued");
      const claims = [await jobs.claim("w1", 0), await jobs.claim("w1", 0)];
      assert.deepEqual(
        claims.map((claim) => claim?.job),
        [first, second],
      );
      for (const claim of claims) await claim!.finish();
    });

    test("what waits is counted, and how long; what was claimed is counted beside it", async () => {
      await using bench = await open();
      const { jobs } = bench.broker;
      assert.deepEqual(await jobs.pending(), { count: 0, oldestMs: 0, claimed: 0 });
      await jobs.offer(newJob());
      await bench.advance(300);
      await jobs.offer(newJob());
      await bench.advance(100);
      const two = await jobs.pending();
      assert.deepEqual([two.count, two.claimed], [2, 0]);
      // A server that was killed in between, or a slow machine, makes it longer.
      assert.ok(two.oldestMs >= 390 && two.oldestMs < 20_000, `${two.oldestMs} ms`);
      const claim = await jobs.claim("w1", 0);
      const one = await jobs.pending();
      assert.deepEqual([one.count, one.claimed], [1, 1]);
      assert.ok(one.oldestMs >= 90 && one.oldestMs <= two.oldestMs, `${one.oldestMs} ms`);
      await claim!.release();
      assert.deepEqual((await jobs.pending()).claimed, 1, "a job that has come back");
      const again = await jobs.claim("w1", 1_000);
      await again!.finish();
      const second = await jobs.claim("w1", 1_000);
      await second!.finish();
      assert.deepEqual(await jobs.pending(), { count: 0, oldestMs: 0, claimed: 0 });
    });

    test("a waiting worker gets the job that comes, or nothing in time", async () => {
      await using bench = await open();
      const { jobs } = bench.broker;
      const waiting = jobs.claim("w1", 2_000);
      await bench.advance(20);
      const job = newJob();
      await jobs.offer(job);
      await bench.advance(50);
      const claim = await waiting;
      assert.deepEqual(claim?.job, job);
      await claim!.finish();
      const inVain = jobs.claim("w1", 200);
      await bench.advance(300);
      assert.equal(await inVain, undefined);
    });

    test("a claim not kept alive comes back to one who waits (J2, J4)", async () => {
      await using bench = await open();
      const { jobs } = bench.broker;
      const job = newJob();
      await jobs.offer(job);
      const old = await jobs.claim("w1", 0);
      const waiting = jobs.claim("w2", bench.ackWaitMs * 4);
      await bench.advance(bench.ackWaitMs * 1.4);
      const claim = await waiting;
      assert.deepEqual(claim?.job, job);
      assert.equal(claim?.redeliveries, 1);
      await rejects("job.lost", () => old!.keepAlive());
      await rejects("job.lost", () => old!.finish());
      await rejects("job.lost", () => old!.release());
      await claim!.keepAlive();
      await claim!.finish();
      assert.equal(await jobs.claim("w1", 0), undefined);
    });

    test("a claim kept alive stays", async () => {
      await using bench = await open();
      const { jobs } = bench.broker;
      await jobs.offer(newJob());
      const claim = await jobs.claim("w1", 0);
      for (let i = 0; i < 6; i++) {
        await bench.advance(bench.ackWaitMs / 2);
        await claim!.keepAlive();
        assert.equal(await jobs.claim("w2", 0), undefined);
      }
      await claim!.finish();
    });

    test("a released job can be claimed at once, or after its delay", async () => {
      await using bench = await open();
      const { jobs } = bench.broker;
      await jobs.offer(newJob());
      const first = await jobs.claim("w1", 0);
      await first!.release();
      await rejects("job.lost", () => first!.keepAlive());
      const second = await jobs.claim("w2", 1_000);
      assert.equal(second?.redeliveries, 1);
      await second!.release(400);
      assert.equal(await jobs.claim("w1", 0), undefined);
      const waiting = jobs.claim("w1", 5_000);
      await bench.advance(1_000);
      const third = await waiting;
      assert.equal(third?.redeliveries, 2);
      await third!.finish();
      await rejects("job.lost", () => third!.finish());
    });
  });
}
