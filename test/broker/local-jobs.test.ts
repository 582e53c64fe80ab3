import { suite, test } from "node:test";
import { SimulatedClock } from "../../src/base/clock.ts";
import { LocalJobs } from "../../src/broker/local-jobs.ts";
import { Table } from "../../src/broker/table.ts";
import { rejects } from "../contract/bench.ts";

suite("local jobs", () => {
  test("a claim is lost when its time is over, though nobody else asked for the job", async () => {
    const clock = new SimulatedClock();
    const jobs = new LocalJobs(clock, new Table(), 1_000);
    await jobs.offer({ tenant: "t", room: "r", payload: null });
    const claim = await jobs.claim("w1", 0);
    await clock.advance(999);
    await claim!.keepAlive();
    await clock.advance(1_000);
    await rejects("job.lost", () => claim!.keepAlive());
    await rejects("job.lost", () => claim!.finish());
  });
});
