import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { AppError } from "../../src/base/errors.ts";
import { seededRandom } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openFaulty } from "../../src/broker/faulty/faulty-broker.ts";
import type { JobClaim } from "../../src/broker/jobs.port.ts";
import type { Kv } from "../../src/broker/kv.port.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import { turnMachine } from "../../src/machines/turn.machine.ts";
import { CLAIM_MS, Fleet, newCall } from "./bench.ts";

const QUESTION = { text: "What are your opening hours?", ms: 1_250 };

suite("workers", () => {
  test("a room asked for 50 times at once, and by several, has one agent", async () => {
    await using fleet = new Fleet();
    for (let i = 0; i < 4; i++) fleet.add().start();
    const room = "front desk: *.>";
    const offers = await Promise.all(Array.from({ length: 50 }, () => fleet.offer(room)));
    assert.equal(offers.filter((one) => one === "queued").length, 1);
    await fleet.run(5_000);
    assert.equal(fleet.joins.length, 1);
    assert.equal((await fleet.refs()).length, 1);
    assert.equal(await fleet.offer(room), "exists");
    assert.deepEqual(await fleet.close(), [{ epochs: 1, reasons: [] }]);
  });

  test("sixty rooms are spread over three of them", async () => {
    await using fleet = new Fleet();
    const workers = [1, 2, 3].map(() => fleet.add({ capacity: 60 }).start().worker);
    for (let i = 1; i <= 60; i++) {
      await fleet.offer(`room ${i}`);
      await fleet.run(20);
    }
    assert.equal(fleet.joins.length, 60);
    const claims = workers.map((worker) => worker.claims);
    assert.ok(Math.max(...claims) <= 2 * Math.min(...claims), String(claims));
  });

  test("take as many calls as they have room for; the next waits for its turn", async () => {
    await using fleet = new Fleet();
    const [one, two] = [fleet.add({ capacity: 2 }).start(), fleet.add({ capacity: 2 }).start()];
    for (let i = 1; i <= 5; i++) await fleet.offer(`room ${i}`);
    await fleet.run(5_000);
    assert.deepEqual([one.worker.claims, two.worker.claims, fleet.joins.length], [2, 2, 4]);
    fleet.room("room 1").leave("ann");
    await fleet.until(() => fleet.joins.length === 5);
    assert.equal(fleet.joins.at(-1)?.room, "room 5");
    assert.deepEqual([one.worker.claims, two.worker.claims], [2, 2]);
  });

  test("a call that has ended leaves no job and no entry; the room may ask again", async () => {
    await using fleet = new Fleet();
    const { worker } = fleet.add().start();
    await fleet.offer("desk");
    await fleet.run(4_000);
    fleet.room("desk").leave("ann");
    await fleet.until(() => worker.claims === 0);
    assert.deepEqual(await fleet.broker.kv.keys("room."), []);
    fleet.room("desk").enter("ann");
    assert.equal(await fleet.offer("desk"), "queued");
    await fleet.run(5_000);
    assert.equal((await fleet.refs()).length, 2);
    await fleet.close();
  });

  test("a job nobody can do is dropped, one for another worker waits for that one", async () => {
    await using fleet = new Fleet();
    const one = fleet.add({
      newCall: (job, call) => {
        if (job.room === "theirs") throw new AppError("config.invalid", "no agent sales here");
        return newCall(job, call);
      },
    });
    one.start();
    await fleet.offer("bad", { agnet: "sales" });
    await fleet.offer("theirs");
    await fleet.run(5_000);
    assert.deepEqual(await fleet.refs(), []);
    assert.ok(one.logged.some(({ code }) => code === "input.invalid"));
    assert.equal(await fleet.offer("bad", { agnet: "sales" }), "queued");
    fleet.add().start();
    await fleet.until(() => fleet.joins.length === 1);
    assert.deepEqual([fleet.joins[0]?.worker, fleet.joins[0]?.room], ["w2", "theirs"]);
  });
});

suite("a worker that dies", () => {
  test("at any moment of a call: another has it within its claim's time", async () => {
    for (let at = 0; at <= 9_000; at += 900) {
      await using fleet = new Fleet();
      const first = fleet.add().start();
      await fleet.offer("desk");
      fleet.clock.after(4_000, () => void fleet.room("desk").say("ann", QUESTION));
      await fleet.run(at);
      first[Symbol.dispose]();
      fleet.add().start();
      const diedAt = fleet.clock.now();
      await fleet.until(() => fleet.joins.at(-1)?.worker === "w2");
      const tookMs = fleet.clock.now() - diedAt;
      assert.ok(tookMs <= CLAIM_MS, `at ${at}: ${tookMs} ms`);
      await fleet.run(15_000);
      const [call, ...others] = await fleet.close();
      assert.equal(others.length, 0, `at ${at}`);
      assert.deepEqual(call, { epochs: 2, reasons: ["takeover"] }, `at ${at}`);
    }
  });

  test("after the call's end, before it said so: the job is finished, nobody joins", async () => {
    await using fleet = new Fleet();
    const first = fleet.add().start();
    await fleet.offer("desk");
    await fleet.run(4_000);
    // Its process dies with the very record in the log.
    first.supervisor.onRecord((_, { input }) => {
      if (input.type === "call.ended") first[Symbol.dispose]();
    });
    fleet.room("desk").leave("ann");
    await fleet.until(() => fleet.acked.at(-1)?.record.input.type === "call.ended");
    fleet.room("desk").enter("ann");
    assert.equal(await fleet.offer("desk"), "exists");
    const second = fleet.add().start();
    await fleet.run(3 * CLAIM_MS);
    assert.deepEqual([fleet.joins.length, second.worker.claims], [1, 0]);
    assert.equal(await fleet.offer("desk"), "queued");
    await fleet.until(() => fleet.joins.length === 2);
  });

  test("before its call has a header: the next one opens the call of the directory", async () => {
    await using fleet = new Fleet();
    const first = fleet.add();
    const { broker } = fleet;
    const append = broker.log.append.bind(broker.log);
    // It never gets as far as to write.
    broker.log.append = () => new Promise(() => undefined);
    first.start();
    await fleet.offer("desk");
    await fleet.run(100);
    first[Symbol.dispose]();
    broker.log.append = append;
    const [key] = await broker.kv.keys("room.");
    const { call } = (await broker.kv.get(key!))!.value as { call: string };
    fleet.add().start();
    await fleet.until(() => fleet.joins.length === 1);
    assert.deepEqual(await fleet.refs(), [{ tenant: "acme", call }]);
    assert.deepEqual(await fleet.close(), [{ epochs: 1, reasons: [] }]);
  });

  test("a build that does not carry the call's versions leaves it to one that does", async () => {
    await using fleet = new Fleet();
    const next = { ...MACHINES, turn: { next: turnMachine } };
    const first = fleet.add({ machines: next, versions: { ...CURRENT_VERSIONS, turn: "next" } });
    first.start();
    await fleet.offer("desk");
    await fleet.run(5_000);
    first[Symbol.dispose]();
    const old = fleet.add().start();
    await fleet.until(() => old.logged.some(({ code }) => code === "machine.unknown"));
    fleet.add({ machines: { ...next, turn: { ...MACHINES.turn, ...next.turn } } }).start();
    await fleet.until(() => fleet.joins.length === 2, 10_000);
    assert.equal(fleet.joins.at(-1)?.worker, "w3");
    assert.equal(old.worker.claims, 0);
  });
});

suite("a worker that stalls and comes back", () => {
  test("is fenced, writes nothing after the new owner, and never touches its claim", async () => {
    for (const at of [1_500, 4_500, 6_000]) {
      await using fleet = new Fleet();
      const gate = new Gate(fleet.broker);
      const stalled = fleet.add({ broker: gate.broker }).start();
      await fleet.offer("desk");
      fleet.clock.after(4_000, () => void fleet.room("desk").say("ann", QUESTION));
      await fleet.run(at);
      gate.shut();
      fleet.add().start();
      await fleet.until(() => fleet.joins.at(-1)?.worker === "w2");
      await fleet.run(10_000);
      gate.open();
      await fleet.until(() => stalled.worker.claims === 0);
      assert.ok(stalled.logged.some(({ code }) => code === "owner.fenced"));
      assert.deepEqual(
        gate.told.filter((word) => word !== "keepAlive"),
        [],
      );
      assert.equal(await fleet.offer("desk"), "exists", "the new owner has the job");
      const [ref] = await fleet.refs();
      const epochs = (await fleet.log(ref!)).map(({ epoch }) => epoch);
      assert.deepEqual(
        epochs,
        epochs.toSorted((a, b) => a - b),
      );
      assert.deepEqual(await fleet.close(), [{ epochs: 2, reasons: ["takeover"] }]);
    }
  });

  test("while it was about to open a call: the room has the other one's", async () => {
    await using fleet = new Fleet();
    const gate = new Gate(fleet.broker);
    const stalled = fleet.add({ broker: gate.broker, newCall: shutting(gate) }).start();
    await fleet.offer("desk");
    await fleet.run(10);
    fleet.add().start();
    await fleet.until(() => fleet.joins.length === 1);
    gate.open();
    await fleet.run(3_000);
    assert.deepEqual([fleet.joins.length, stalled.worker.claims], [1, 0]);
    assert.deepEqual(await fleet.close(), [{ epochs: 1, reasons: [] }]);
  });
});

suite("workers on a broker that fails", () => {
  test("claims back early, conflicts, lost acks: one call per room, all whole", async () => {
    let takeovers = 0;
    for (let seed = 1; seed <= 3; seed++) {
      await using fleet = new Fleet();
      const random = seededRandom(seed);
      const faults: Record<string, number> = {};
      const faulty = openFaulty(fleet.broker, { random, clock: fleet.clock, faults });
      const kv = conflicting(fleet.broker.kv, () => random() < (faults["kv"] ?? 0));
      for (let i = 0; i < 3; i++) fleet.add({ broker: { ...faulty, kv } }).start();
      Object.assign(faults, {
        claimEarly: 0.02,
        ackLost: 0.02,
        appendLost: 0.02,
        landedLater: 0.01,
        conflict: 0.002,
        staleTail: 0.05,
        kv: 0.3,
      });
      const rooms = ["a", "b", "c"];
      for (const room of rooms) await fleet.offer(room);
      for (let i = 0; i < 2; i++) {
        await fleet.run(7_000);
        for (const room of rooms) void fleet.room(room).say("ann", QUESTION);
      }
      await fleet.run(10_000);
      for (const fault of Object.keys(faults)) faults[fault] = 0;
      assert.ok(faulty.counts.claimEarly > 0 && faulty.counts.ackLost > 0, `seed ${seed}`);
      const calls = await fleet.close();
      assert.equal(calls.length, rooms.length, `seed ${seed}`);
      takeovers += calls.reduce((sum, { epochs }) => sum + epochs - 1, 0);
    }
    assert.ok(takeovers > 0);
  });
});

/** A process that stands still as its broker sees it: what it asks goes out when it comes back. */
class Gate {
  readonly broker: Broker;
  /** What it did with its claims since it was shut. */
  readonly told: string[] = [];
  #opened: PromiseWithResolvers<void> | undefined;

  constructor(broker: Broker) {
    const { log, jobs, kv } = broker;
    const claim = async (worker: string, waitMs: number): Promise<JobClaim | undefined> => {
      await this.#opened?.promise;
      const given = await jobs.claim(worker, waitMs);
      return given && this.#watch(given);
    };
    const claimMs = jobs.claimMs;
    this.broker = {
      ...broker,
      log: this.#gated(log, ["append", "tail"]),
      kv: this.#gated(kv, ["get", "put", "delete"]),
      jobs: { claimMs, claim, offer: (job) => jobs.offer(job), pending: () => jobs.pending() },
    };
  }

  shut(): void {
    this.#opened = Promise.withResolvers();
    this.told.length = 0;
  }

  open(): void {
    this.#opened?.resolve();
    this.#opened = undefined;
  }

  #watch(claim: JobClaim): JobClaim {
    const gated = this.#gated(claim, ["keepAlive", "finish", "release"], (name) => {
      this.told.push(name);
    });
    return gated;
  }

  /** Goes through the gate; beyond it, it is late. */
  #gated<T extends object>(port: T, names: readonly (keyof T & string)[], on = (_: string) => {}) {
    const through = (name: keyof T & string) => {
      const method = port[name] as (...args: unknown[]) => unknown;
      return async (...args: unknown[]) => {
        on(name);
        await this.#opened?.promise;
        return method.apply(port, args);
      };
    };
    const methods = Object.fromEntries(names.map((name) => [name, through(name)]));
    return new Proxy(port, {
      get: (target, key) => {
        const own = methods[key as string] ?? (target[key as keyof T] as unknown);
        return typeof own === "function" ? own.bind(target) : own;
      },
    });
  }
}

/** Shuts the gate once, in the midst of an admission. */
function shutting(gate: Gate): typeof newCall {
  let shut = false;
  return (job, call) => {
    if (!shut) gate.shut();
    shut = true;
    return newCall(job, call);
  };
}

/** A directory on which another was often first. */
function conflicting(kv: Kv, strikes: () => boolean): Kv {
  return {
    get: (key) => kv.get(key),
    keys: (prefix) => kv.keys(prefix),
    delete: (key, expect) => kv.delete(key, strikes() ? -1 : expect),
    put: (key, value, expect) => kv.put(key, value, strikes() ? -1 : expect),
  };
}
