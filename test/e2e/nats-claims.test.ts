import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import { ClaimKeeper } from "../../src/fleet/claim-keeper.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";

/** Many claims of one worker, kept alive on a real server at the time they have by default. */
const CLAIMS = 300;
const PERIODS = 3;
/** Of one core. */
const CPU_MS_PER_S_MAX = 250;

const found = await findNats(NATS_VERSIONS.at(-1)!);

suite("hundreds of claims", { skip: "missing" in found && found.missing }, () => {
  test("are kept alive cheaply, and none is lost", async (t) => {
    if ("missing" in found) return;
    await using server = await NatsServer.start(found);
    const clock = systemClock;
    const options = { url: server.url, clock, ids: systemIds };
    await using broker = await openNats(options);
    await using other = await openNats(options);
    const { jobs } = broker;
    assert.equal(jobs.claimMs, 2_000);
    const over = new AbortController();
    const keeper = new ClaimKeeper({ clock, logger: silentLogger, claimMs: jobs.claimMs });
    const keeping = keeper.run(over.signal);
    let lost = 0;
    for (let i = 0; i < CLAIMS; i++) {
      await jobs.offer({ tenant: "acme", room: `room ${i}`, payload: null });
      const claim = await jobs.claim("w1", 1_000);
      keeper.add(claim!, () => lost++);
    }
    const before = process.cpuUsage();
    const begin = clock.now();
    const taken = other.jobs.claim("w2", PERIODS * jobs.claimMs);
    await sleep(clock, PERIODS * jobs.claimMs);
    const { user, system } = process.cpuUsage(before);
    const cpu = (user + system) / (clock.now() - begin);
    t.diagnostic(`${CLAIMS} claims: ${cpu.toFixed(1)} ms of CPU time per s`);
    assert.equal(await taken, undefined);
    assert.deepEqual([lost, keeper.size], [0, CLAIMS]);
    assert.ok(cpu < CPU_MS_PER_S_MAX, `${cpu} ms`);
    over.abort();
    await keeping;
  });
});
