import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { CallHost } from "../../src/actors/call-host.ts";
import type { OwnedListener } from "../../src/actors/supervisor.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import { FleetAnswer, ProviderChange } from "../../src/events/fleet.events.ts";
import type { Json } from "../../src/events/record.ts";
import { FleetMember } from "../../src/fleet/fleet-member.ts";
import type { FleetView } from "../../src/fleet/fleet-view.ts";
import { ProcessLoad, type WorkerNow } from "../../src/fleet/heartbeat.ts";
import type { BreakerBoard } from "../../src/providers/breaker.port.ts";
import { Breakers } from "../../src/providers/breakers.ts";

/** Workers on one bus and one simulated clock. */
const IDLE: WorkerNow = { state: "live", claims: 0, calls: [] };

class Fleet implements Disposable {
  readonly clock = new SimulatedClock();
  readonly broker: Broker = openMemory({ clock: this.clock });
  readonly #members = new Set<FleetMember>();

  join(
    worker: string,
    now: () => WorkerNow = () => IDLE,
    breakers: BreakerBoard = new Breakers(),
  ): FleetMember {
    const about = { worker, build: "b1", machines: { room: ["1"] }, capacity: 4, since: 7 };
    const load = {
      read: () => ({ loopDelayMs: 1, cpuShare: 0.5 }),
      [Symbol.dispose]: () => undefined,
    };
    const { broker, clock } = this;
    const member = new FleetMember({ broker, clock, about, now, load, breakers });
    this.#members.add(member);
    return member;
  }

  async ask(): Promise<FleetAnswer> {
    const asked = this.broker.bus.request("turnfold.fleet.query", null, 500);
    await this.clock.advance(0);
    return FleetAnswer.parse(await asked);
  }

  [Symbol.dispose](): void {
    for (const member of this.#members) member[Symbol.dispose]();
  }
}

function namesOf({ workers }: Pick<FleetAnswer, "workers"> | FleetView): readonly string[] {
  return workers.map(({ worker }) => worker);
}

suite("the fleet", () => {
  test("a worker says all there is to know of it, at once and every second", async () => {
    using fleet = new Fleet();
    const said: Json[] = [];
    fleet.broker.bus.subscribe("turnfold.fleet.w1", ({ data }) => void said.push(data));
    fleet.join("w1", () => ({ state: "draining", claims: 1, calls: ["c1", "c2"] }));
    await fleet.clock.advance(0);
    assert.deepEqual(said, [
      {
        worker: "w1",
        build: "b1",
        machines: { room: ["1"] },
        capacity: 4,
        since: 7,
        state: "draining",
        claims: 1,
        calls: { count: 2, ids: ["c1", "c2"] },
        load: { loopDelayMs: 1, cpuShare: 0.5 },
        breakers: [],
      },
    ]);
    await fleet.clock.advance(10_000);
    assert.equal(said.length, 11);
  });

  test("S1-51: each change of a breaker is told once; open ones stand in its word", async () => {
    using fleet = new Fleet();
    const breakers = new Breakers({ inRow: 1, openMs: 0 });
    const member = fleet.join("w1", undefined, breakers);
    const told: ProviderChange[] = [];
    fleet.broker.bus.subscribe(
      "turnfold.providers.w1",
      ({ data }) => void told.push(ProviderChange.parse(data)),
    );
    const model = { service: "llm", provider: "acme", model: "large" } as const;
    breakers.enter(model)?.end("failed");
    await fleet.clock.advance(300);
    const [change, ...others] = told;
    assert.deepEqual(change, { ...model, worker: "w1", state: "open", since: change?.since });
    assert.deepEqual(others, []);
    const { worker: _, ...open } = change!;
    assert.deepEqual((await fleet.ask()).workers[0]?.breakers, [open]);
    breakers.enter(model)?.end("ok");
    await fleet.clock.advance(300);
    assert.deepEqual(
      told.map(({ state }) => state),
      ["open", "half-open", "closed"],
    );
    assert.deepEqual((await fleet.ask()).workers[0]?.breakers, []);
    member[Symbol.dispose]();
    breakers.enter(model)?.end("failed");
    await fleet.clock.advance(300);
    assert.equal(told.length, 3, "a worker that is gone tells no more");
  });

  test("however many calls it has, a heartbeat names a few and counts all", async () => {
    using fleet = new Fleet();
    const calls = Array.from({ length: 500 }, (_, index) => `c${index}`);
    const { view } = fleet.join("w1", () => ({ ...IDLE, calls }));
    await fleet.clock.advance(0);
    const [worker] = view.workers;
    assert.equal(worker?.calls.count, 500);
    assert.deepEqual(worker?.calls.ids, calls.slice(0, LIMITS.heartbeatCallsMax));
  });

  test("who comes knows all others within a moment, and they know it", async () => {
    using fleet = new Fleet();
    const first = fleet.join("w1");
    await fleet.clock.advance(10_400);
    const others = Array.from({ length: 8 }, (_, index) => fleet.join(`x${index}`));
    await fleet.clock.advance(100);
    for (const { view } of [first, ...others]) assert.equal(view.workers.length, 9);
  });

  test("many who come at once do not shout each other down", async () => {
    using fleet = new Fleet();
    let said = 0;
    fleet.broker.bus.subscribe("turnfold.fleet.*", () => void said++);
    const members = Array.from({ length: 50 }, (_, index) => fleet.join(`w${index}`));
    await fleet.clock.advance(900);
    assert.equal(members[0]!.view.workers.length, 50);
    assert.ok(said <= 3 * members.length, `${said} heartbeats`);
  });

  test("who is silent for three seconds is forgotten, who says goodbye at once", async () => {
    using fleet = new Fleet();
    const { view } = fleet.join("w1");
    const second = fleet.join("w2");
    await fleet.clock.advance(100);
    assert.deepEqual(namesOf(view), ["w1", "w2"]);
    second[Symbol.dispose]();
    await fleet.clock.advance(0);
    assert.deepEqual(namesOf(view), ["w1"]);
    const spoken = { ...view.workers[0]!, worker: "w3" };
    fleet.broker.bus.publish("turnfold.fleet.w3", spoken as unknown as Json);
    await fleet.clock.advance(2_999);
    assert.deepEqual(namesOf(view), ["w1", "w3"]);
    await fleet.clock.advance(1);
    assert.deepEqual(namesOf(view), ["w1"]);
  });

  test("a call that comes or goes is known within a moment", async () => {
    using fleet = new Fleet();
    const calls: string[] = [];
    const member = fleet.join("w1", () => ({ ...IDLE, calls }));
    await fleet.clock.advance(300);
    const ended = Promise.withResolvers<void>();
    let own: OwnedListener | undefined;
    member.follow({ onOwned: (listener) => ((own = listener), () => undefined) });
    calls.push("c1");
    own!({ ended: ended.promise } as CallHost);
    await fleet.clock.advance(60);
    assert.deepEqual(member.view.workers[0]?.calls.ids, ["c1"]);
    calls.pop();
    ended.resolve();
    await fleet.clock.advance(60);
    assert.deepEqual(member.view.workers[0]?.calls.ids, []);
  });

  test("what is no heartbeat changes nothing, what a newer build adds is left out", async () => {
    using fleet = new Fleet();
    const { view } = fleet.join("w1");
    await fleet.clock.advance(0);
    const [own] = view.workers;
    const { bus } = fleet.broker;
    const dead = { ...own, worker: "w9", state: "dead" };
    for (const bad of [null, "w9", {}, dead, { worker: "w9" }])
      bus.publish("turnfold.fleet.w9", bad as Json);
    await fleet.clock.advance(0);
    assert.deepEqual(namesOf(view), ["w1"]);
    bus.publish("turnfold.fleet.w9", { ...own, worker: "w9", zone: "eu" } as unknown as Json);
    await fleet.clock.advance(0);
    assert.deepEqual(view.workers[1], { ...own, worker: "w9" });
  });

  test("one of all answers who asks: workers, calls, capacity and what waits", async () => {
    using fleet = new Fleet();
    const { jobs } = fleet.broker;
    fleet.join("w1", () => ({ state: "live", claims: 1, calls: ["c1", "c2"] }));
    fleet.join("w2", () => ({ state: "draining", claims: 0, calls: ["c3"] }));
    await jobs.offer({ tenant: "t", room: "claimed", payload: null });
    await jobs.claim("w1", 0);
    await jobs.offer({ tenant: "t", room: "waits", payload: null });
    await fleet.clock.advance(2_000);
    await jobs.offer({ tenant: "t", room: "waits too", payload: null });
    const answer = await fleet.ask();
    assert.deepEqual(namesOf(answer), ["w1", "w2"]);
    assert.deepEqual(
      { ...answer, workers: [] },
      {
        workers: [],
        calls: 3,
        // A worker that drains takes no more.
        capacity: 4,
        queue: { count: 2, oldestMs: 2_000, orphans: 0 },
      },
    );
  });

  test("a room whose worker died is an orphan until another has it", async () => {
    using fleet = new Fleet();
    const { jobs } = fleet.broker;
    await jobs.offer({ tenant: "t", room: "r", payload: null });
    await jobs.claim("dead", 0);
    let claims = 0;
    fleet.join("w1", () => ({ ...IDLE, claims }));
    await fleet.clock.advance(6_000);
    assert.deepEqual((await fleet.ask()).queue, { count: 0, oldestMs: 0, orphans: 1 });
    assert.ok(await jobs.claim("w1", 0));
    claims = 1;
    await fleet.clock.advance(1_000);
    assert.equal((await fleet.ask()).queue.orphans, 0);
  });

  test("who has only just come answers nobody yet", async () => {
    using fleet = new Fleet();
    fleet.join("w1");
    const asked = fleet.broker.bus.request("turnfold.fleet.query", null, 100);
    const refused = assert.rejects(asked, { code: "bus.timeout" });
    await fleet.clock.advance(100);
    await refused;
  });
});

test("the load of a process: a busy loop is seen, and then forgotten", async () => {
  const clock = new SimulatedClock();
  using load = new ProcessLoad(clock);
  const turns = async (ms: number): Promise<void> => {
    for (const until = Date.now() + ms; Date.now() < until;)
      await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await turns(30);
  const from = Date.now();
  const { user } = process.cpuUsage();
  while (Date.now() - from < 120 || process.cpuUsage().user - user < 100_000);
  await turns(30);
  clock.set(clock.now() + 1_000);
  const busy = load.read();
  assert.ok(busy.loopDelayMs >= 60, `${busy.loopDelayMs} ms`);
  // Of the second that the clock says: 100 ms here, and what other threads did meanwhile.
  assert.ok(busy.cpuShare >= 0.09, `${busy.cpuShare}`);
  // Nothing was measured yet: a figure all the same.
  const { loopDelayMs, cpuShare } = load.read();
  assert.ok(loopDelayMs >= 0 && loopDelayMs < busy.loopDelayMs, `${loopDelayMs} ms`);
  assert.ok(cpuShare >= 0);
});
