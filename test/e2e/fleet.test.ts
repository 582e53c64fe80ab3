import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import type { Json, LogRecord } from "../../src/events/record.ts";
import { Rooms } from "../../src/fleet/rooms.ts";
import { turnSummaries } from "../../src/folds/turns.ts";
import { assertWhole } from "../actors/support/stage.ts";
import { collect, unique } from "../contract/bench.ts";
import { ANSWER, GREETING } from "../fleet/bench.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { FleetProcesses } from "./fleet-process.ts";
import { MOMENTS, type Moment } from "./moments.ts";

/**
 * Worker processes on a real server: killed, stopped, and asked to go. For more of it:
 * FLEET_STALLS=10 FLEET_STALL_MS=10000 FLEET_MOMENTS_EVERY=1.
 */
const found = await findNats(NATS_VERSIONS.at(-1)!);
const STALLS = Number(process.env["FLEET_STALLS"] ?? 2);
const STALL_MS = Number(process.env["FLEET_STALL_MS"] ?? 4_000);
/** Of the moments every so many-th. */
const MOMENTS_EVERY = Number(process.env["FLEET_MOMENTS_EVERY"] ?? 7);
/** What was told before it was fenced has come by then. */
const SILENT_MS = 50;
/** Signals that come sooner are one wish. */
const SECOND_SIGNAL_MS = 600;
const QUESTION = { say: "What are your opening hours?", ms: 1_250 };

/** A fleet on a server, and what its calls say. */
class Stage implements AsyncDisposable {
  readonly fleet: FleetProcesses;
  readonly broker: Broker;
  readonly prefix: string;
  /** Each record of each call as it was told, in order. */
  readonly records: LogRecord[] = [];

  private constructor(fleet: FleetProcesses, broker: Broker, prefix: string) {
    this.fleet = fleet;
    this.broker = broker;
    this.prefix = prefix;
    broker.bus.subscribe(`${prefix}.events.acme.*.>`, ({ data }) => {
      this.records.push(data as unknown as LogRecord);
      fleet.look();
      return undefined;
    });
  }

  static async open(url: string, workers: readonly string[]): Promise<Stage> {
    const prefix = unique("fl");
    const broker = await openNats({ url, prefix, clock: systemClock, ids: systemIds });
    const fleet = new FleetProcesses(url, prefix);
    const stage = new Stage(fleet, broker, prefix);
    await Promise.all(workers.map((worker) => fleet.start(worker)));
    return stage;
  }

  offer(room: string): Promise<"queued" | "exists"> {
    return this.broker.jobs.offer({ tenant: "acme", room, payload: null });
  }

  seen(moment: Moment): boolean {
    return this.records.some(moment);
  }

  /** Until somebody else than `worker` has joined the room; ms since it was called. */
  async nextOwner(room: string, worker: string): Promise<number> {
    const begin = performance.now();
    await this.fleet.until(() => this.fleet.ownerOf(room) !== worker);
    return performance.now() - begin;
  }

  async log(): Promise<readonly (readonly LogRecord[])[]> {
    const refs = await this.broker.log.calls("acme");
    return Promise.all(refs.map((ref) => collect(this.broker.log.read(ref))));
  }

  /** Ann leaves; resolves with the records once so many calls have ended, each of them whole. */
  async close(rooms: readonly string[]): Promise<readonly (readonly LogRecord[])[]> {
    for (const room of rooms) this.fleet.order({ leave: room });
    const ended = (): number =>
      this.records.filter(({ input }) => input.type === "call.ended").length;
    await this.fleet.until(() => ended() === rooms.length);
    const logs = await this.log();
    for (const records of logs) await assertWhole(records);
    return logs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}

/** A question of a caller was answered under this epoch. */
function answeredIn(epoch: number): Moment {
  return (record) =>
    record.epoch === epoch &&
    record.outcome.emitted.some((fact) => fact.type === "turn.ended" && fact["kind"] === "user");
}

function changesOf(records: readonly LogRecord[]): readonly Json[] {
  const changes = records.filter(({ input }) => input.type === "owner.changed");
  return changes.map(({ input }) => [input["epoch"]!, input["reason"]!]);
}

/** No record of an epoch after one of the next. */
function assertEpochs(records: readonly LogRecord[]): void {
  const epochs = records.map(({ epoch }) => epoch);
  assert.deepEqual(
    epochs,
    epochs.toSorted((a, b) => a - b),
  );
}

/** The first is told to go, and all its calls go on at the other. */
async function restart(
  fleet: FleetProcesses,
  rooms: readonly string[],
  [old, next]: readonly [string, string],
): Promise<void> {
  fleet.signal(old, "SIGTERM");
  assert.equal(await fleet.exit(old), 0);
  await fleet.until(() => rooms.every((room) => fleet.ownerOf(room) === next));
}

suite("a fleet of processes", { skip: "missing" in found && found.missing }, () => {
  if ("missing" in found) return;
  let server: NatsServer;
  before(async () => void (server = await NatsServer.start(found)));
  after(() => server[Symbol.asyncDispose]());

  test("a room asked for 50 times at once by several of them has one agent", async () => {
    await using stage = await Stage.open(server.url, ["w1", "w2", "w3"]);
    const { fleet } = stage;
    fleet.order({ offer: "desk", times: 17 });
    await fleet.until(() => fleet.of("offered").length === 3);
    const offered = fleet.of("offered");
    assert.equal(
      offered.reduce((sum, { times }) => sum + times, 0),
      51,
    );
    assert.equal(
      offered.reduce((sum, { queued }) => sum + queued, 0),
      1,
    );
    await fleet.until(() => stage.seen(MOMENTS["greeting"]!));
    assert.equal(fleet.of("joined").length, 1);
    const [records, ...others] = await stage.close(["desk"]);
    assert.equal(others.length, 0);
    assert.deepEqual(changesOf(records!), []);
  });

  test("a plain message of any client gets a room its agent", async () => {
    await using stage = await Stage.open(server.url, []);
    const { fleet, prefix } = stage;
    const client = await connect({ servers: server.url });
    const ask = async (payload: string): Promise<Json> =>
      (await client.request(`${prefix}.join.acme.desk`, payload)).json();
    const { stream } = (await ask("")) as { stream: string };
    assert.equal(stream, `${prefix}_jobs`);
    await fleet.start("w1");
    await fleet.until(() => fleet.ownerOf("desk") === "w1");
    const { error } = (await ask('{"identity":"other"}')) as { error: { err_code: number } };
    assert.equal(error.err_code, 10_077);
    await client.close();
    await stage.close(["desk"]);
    assert.equal(fleet.of("joined").length, 1);
  });

  test("thirty rooms are spread over three of them", async (t) => {
    await using stage = await Stage.open(server.url, ["w1", "w2", "w3"]);
    const { fleet } = stage;
    const rooms = Array.from({ length: 30 }, (_, index) => `room-${index}`);
    await Promise.all(rooms.map((room) => stage.offer(room)));
    await fleet.until(() => fleet.of("joined").length === rooms.length);
    const counts = ["w1", "w2", "w3"].map(
      (name) => fleet.of("joined").filter(({ worker }) => worker === name).length,
    );
    t.diagnostic(`calls of each: ${counts.join(", ")}`);
    assert.ok(Math.max(...counts) <= 2 * Math.min(...counts), counts.join());
    const logs = await stage.close(rooms);
    assert.equal(logs.length, rooms.length);
  });

  test("kill -9 of the owner: another resumes its calls, the talk goes on", async (t) => {
    await using stage = await Stage.open(server.url, ["w1", "w2"]);
    const { fleet } = stage;
    await stage.offer("desk");
    await fleet.until(() => stage.seen(MOMENTS["greeting"]!));
    const owner = fleet.ownerOf("desk")!;
    fleet.signal(owner, "SIGKILL");
    t.diagnostic(`taken over after ${(await stage.nextOwner("desk", owner)).toFixed(0)} ms`);
    await fleet.until(() => fleet.of("sound").some(({ worker }) => worker !== owner));
    fleet.order({ room: "desk", ...QUESTION });
    await fleet.until(() => stage.seen(answeredIn(2)));
    const [records] = await stage.close(["desk"]);
    assert.deepEqual(changesOf(records!), [[2, "takeover"]]);
    const turns = turnSummaries(records!);
    assert.ok(turns.some(({ agentText }) => agentText.includes(GREETING)));
    assert.ok(turns.some(({ heardText }) => heardText === ANSWER));
  });

  test(`SIGSTOP, then CONT: ${STALLS} times, who comes back is fenced`, async (t) => {
    await using stage = await Stage.open(server.url, ["w1", "w2"]);
    const { fleet } = stage;
    await stage.offer("desk");
    await fleet.until(() => stage.seen(MOMENTS["greeting"]!));
    const fenced = (worker: string): number =>
      fleet.of("logged").filter((one) => one.worker === worker && one.code === "owner.fenced")
        .length;
    for (let stall = 1; stall <= STALLS; stall++) {
      const owner = fleet.ownerOf("desk")!;
      const before = fenced(owner);
      fleet.signal(owner, "SIGSTOP");
      const stopped = performance.now();
      await stage.nextOwner("desk", owner);
      fleet.order({ room: "desk", ...QUESTION });
      await pause(Math.max(0, STALL_MS - (performance.now() - stopped)));
      const back = performance.now();
      fleet.signal(owner, "SIGCONT");
      await fleet.until(() => fenced(owner) > before);
      const fencedAt = performance.now();
      assert.equal(await stage.offer("desk"), "exists", "the new owner has the job");
      assert.notEqual(fleet.ownerOf("desk"), owner);
      // The new owner goes on, and what the old one had to say is in nobody's ear.
      const from = stage.records.length;
      fleet.order({ room: "desk", ...QUESTION });
      await fleet.until(() => stage.records.slice(from).some(answeredIn(stall + 1)));
      const late = fleet
        .of("sound")
        .filter(({ worker, at }) => worker === owner && at > fencedAt + SILENT_MS);
      assert.deepEqual(late, [], "who was fenced is silent");
      t.diagnostic(`fenced ${(fencedAt - back).toFixed(0)} ms after it came back`);
    }
    const [records] = await stage.close(["desk"]);
    assertEpochs(records!);
    assert.equal(changesOf(records!).length, STALLS);
    assert.deepEqual(
      fleet.of("logged").filter(({ message }) => message.includes("not finished")),
      [],
    );
  });

  test("a rolling restart under several calls: each is handed over, no record lost", async (t) => {
    await using stage = await Stage.open(server.url, ["w1"]);
    const { fleet } = stage;
    const rooms = ["a", "b", "c", "d", "e"];
    for (const room of rooms) await stage.offer(room);
    await fleet.until(() => fleet.of("joined").length === rooms.length);
    await fleet.start("w2");
    for (const room of rooms) fleet.order({ room, ...QUESTION });
    await fleet.until(() => stage.seen(MOMENTS["listening"]!));
    await restart(fleet, rooms, ["w1", "w2"]);
    await fleet.start("w3");
    for (const room of rooms) fleet.order({ room, ...QUESTION });
    await restart(fleet, rooms, ["w2", "w3"]);
    const logs = await stage.close(rooms);
    assert.equal(logs.length, rooms.length);
    for (const records of logs) {
      assert.deepEqual(changesOf(records), [
        [2, "handover"],
        [3, "handover"],
      ]);
      assertEpochs(records);
      assert.deepEqual(
        turnSummaries(records).filter(({ status }) => status === "failed"),
        [],
      );
    }
    const stored = new Set(logs.flat().map(({ hash }) => hash));
    assert.ok(fleet.of("acked").every(({ hash }) => stored.has(hash)));
    assert.equal(new Set(fleet.of("acked").map(({ hash }) => hash)).size, stored.size);
    const times = (message: string): readonly number[] =>
      fleet.of("logged").flatMap((one) => (one.message === message ? [one.at] : []));
    const gone = times("a call was handed over");
    const gaps = times("Agent connecting to room")
      .slice(rooms.length)
      .map((at, index) => Math.round(at - gone[index]!));
    t.diagnostic(`between the owners: ${gaps.toSorted((a, b) => a - b).join(", ")} ms`);
  });

  test("a second SIGTERM cuts short, and the call waits for whoever comes", async () => {
    await using stage = await Stage.open(server.url, ["w1"]);
    const { fleet } = stage;
    await stage.offer("desk");
    await fleet.until(() => stage.seen(MOMENTS["greeting half heard"]!));
    fleet.signal("w1", "SIGTERM");
    await fleet.until(() => fleet.of("draining").length === 1);
    await pause(SECOND_SIGNAL_MS);
    assert.equal(stage.records.filter(({ epoch }) => epoch > 1).length, 0);
    fleet.signal("w1", "SIGTERM");
    assert.equal(await fleet.exit("w1"), 0);
    await fleet.start("w2");
    await fleet.until(() => fleet.ownerOf("desk") === "w2");
    const [records] = await stage.close(["desk"]);
    assert.deepEqual(changesOf(records!), [[2, "handover"]]);
  });

  const moments = Object.keys(MOMENTS).filter((_, index) => index % MOMENTS_EVERY === 0);
  for (const name of moments)
    test(`killed at "${name}": the call goes on, whole`, async () => {
      await using stage = await Stage.open(server.url, ["w1", "w2"]);
      await playUntil(stage, MOMENTS[name]!);
      const { entry } = await new Rooms(stage.broker.kv).get({ tenant: "acme", room: "desk" });
      const owner = entry!.worker;
      stage.fleet.signal(owner, "SIGKILL");
      const ended = (): boolean => stage.records.some(({ input }) => input.type === "call.ended");
      await stage.fleet.until(() => ended() || stage.seen(({ epoch }) => epoch === 2));
      const met = (): boolean => stage.fleet.ownerOf("desk") !== owner;
      await stage.fleet.until(() => ended() || met());
      stage.fleet.order({ room: "desk", ...QUESTION });
      await stage.fleet.until(() => ended() || stage.seen(answeredIn(2)));
      await stage.close(["desk"]);
      const keys = stage.fleet.of("tool").map(({ key }) => key);
      assert.ok(new Set(keys).size <= 1, "one write, however often it was asked for");
    });
});

/** The scripted call: a greeting, a question, an interruption, a booking, a farewell. */
const LINES: readonly { readonly when: string; readonly say: string; readonly ms: number }[] = [
  { when: "greeted", ...QUESTION },
  { when: "answering", say: "No I mean on Sunday.", ms: 1_250 },
  { when: "answered", say: "Please book a table.", ms: 1_000 },
];

async function playUntil(stage: Stage, moment: Moment): Promise<void> {
  const { fleet } = stage;
  await stage.offer("desk");
  for (const { when, say, ms } of LINES) {
    const from = stage.records.length;
    const since = (one: Moment): boolean => stage.records.slice(from).some(one);
    await fleet.until(() => stage.seen(moment) || since(MOMENTS[when]!));
    if (stage.seen(moment)) return;
    fleet.order({ room: "desk", say, ms });
  }
  await fleet.until(() => stage.seen(moment) || stage.seen(MOMENTS["answer after the tool"]!));
  if (stage.seen(moment)) return;
  fleet.order({ leave: "desk" });
  await fleet.until(() => stage.seen(moment));
}
