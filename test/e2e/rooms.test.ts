import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import type { LogRecord } from "../../src/events/record.ts";
import { Rooms } from "../../src/fleet/rooms.ts";
import { assertWhole } from "../actors/support/stage.ts";
import { collect, unique } from "../contract/bench.ts";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { ToneCaller } from "../support/tone-caller.ts";
import { FleetProcesses } from "./fleet-process.ts";
import { MOMENTS, type Moment } from "./moments.ts";

/**
 * Calls in rooms of a real LiveKit server whose processes are killed, stopped, and asked to go,
 * told from what their caller hears and from their logs.
 */
const nats = await findNats(NATS_VERSIONS.at(-1)!);
const liveKit = await findLiveKit();
const missing = [nats, liveKit].flatMap((one) => ("missing" in one ? [one.missing] : []));
/** Of the moments every so many-th. */
const MOMENTS_EVERY = Number(process.env["ROOMS_MOMENTS_EVERY"] ?? 5);
const STALL_MS = Number(process.env["ROOMS_STALL_MS"] ?? 6_000);
const CALLS = Number(process.env["ROOMS_CALLS"] ?? 4);
/** A caller who hears nothing says it again. */
const PATIENCE_MS = 7_000;

/** Two servers, workers, and a caller in each room. */
class Stage implements AsyncDisposable {
  readonly fleet: FleetProcesses;
  readonly broker: Broker;
  readonly liveKit: LiveKitServer;
  /** Each record as it was told, by call. */
  readonly records = new Map<string, LogRecord[]>();
  readonly callers = new Map<string, ToneCaller>();

  private constructor(fleet: FleetProcesses, broker: Broker, server: LiveKitServer) {
    this.fleet = fleet;
    this.broker = broker;
    this.liveKit = server;
  }

  static async open(
    { nats: { url }, liveKit: server }: { nats: NatsServer; liveKit: LiveKitServer },
    workers: readonly string[],
  ): Promise<Stage> {
    const prefix = unique("rm");
    const broker = await openNats({ url, prefix, clock: systemClock, ids: systemIds });
    const more = [server.url, server.apiKey, server.apiSecret];
    const fleet = new FleetProcesses(url, prefix, { child: "rooms-child", more });
    const stage = new Stage(fleet, broker, server);
    broker.bus.subscribe(`${prefix}.events.acme.*.>`, ({ subject, data }) => {
      const call = subject.split(".")[3]!;
      stage.records.set(call, [...(stage.records.get(call) ?? []), data as unknown as LogRecord]);
      fleet.look();
      return undefined;
    });
    await Promise.all(workers.map((worker) => fleet.start(worker)));
    return stage;
  }

  /** The caller sits in the room, and an agent is asked for. */
  async call(room: string): Promise<RoomCall> {
    const caller = await ToneCaller.join(this.liveKit, room);
    this.callers.set(room, caller);
    await this.broker.jobs.offer({ tenant: "acme", room, payload: null });
    return new RoomCall(this, room, caller);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    for (const caller of this.callers.values()) await caller[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}

/** One room: its caller, its log, its owner. */
class RoomCall {
  readonly room: string;
  readonly caller: ToneCaller;
  readonly #stage: Stage;

  constructor(stage: Stage, room: string, caller: ToneCaller) {
    this.#stage = stage;
    this.room = room;
    this.caller = caller;
  }

  get records(): readonly LogRecord[] {
    const header = ([first]: LogRecord[]) =>
      (first?.input["header"] as { room?: string } | undefined)?.room;
    return [...this.#stage.records.values()].find((one) => header(one) === this.room) ?? [];
  }

  seen(moment: Moment): boolean {
    return this.records.some(moment);
  }

  get ended(): boolean {
    return this.seen(({ input }) => input.type === "call.ended");
  }

  until(holds: () => boolean): Promise<void> {
    return this.#stage.fleet.until(holds);
  }

  /** Says it until the call shows that it was taken, as people do; false once `stop` holds. */
  async say(n: number, taken: (since: readonly LogRecord[]) => boolean, stop: () => boolean) {
    const from = this.records.length;
    const heard = (): boolean => taken(this.records.slice(from));
    for (let tries = 0; tries < 4 && !heard() && !stop(); tries++) {
      this.caller.say(n);
      const late = AbortSignal.timeout(PATIENCE_MS);
      await this.until(() => heard() || stop() || late.aborted);
    }
    return heard();
  }

  async owner(): Promise<string> {
    const rooms = new Rooms(this.#stage.broker.kv);
    const { entry } = await rooms.get({ tenant: "acme", room: this.room });
    return entry!.worker;
  }

  /** The caller leaves; the whole log once the call has ended. */
  async close(): Promise<readonly LogRecord[]> {
    await this.caller[Symbol.asyncDispose]();
    await this.until(() => this.ended);
    const { call } = this.records[0]!.input["header"] as { call: string };
    const records = await collect(this.#stage.broker.log.read({ tenant: "acme", call }));
    await assertWhole(records);
    return records;
  }
}

const userTurnOver: Moment = ({ outcome }) =>
  outcome.emitted.some((fact) => fact.type === "turn.ended" && fact["kind"] === "user");
const some = (moment: Moment) => (since: readonly LogRecord[]) => since.some(moment);

/** Greeting, question, interruption of its answer, booking, farewell; as far as to the moment. */
async function playUntil(call: RoomCall, moment: Moment): Promise<void> {
  const there = (): boolean => call.seen(moment);
  const over = () => there() || call.seen(MOMENTS["greeted"]!);
  await call.until(over);
  if (there()) return;
  await call.say(0, some(MOMENTS["answering"]!), there);
  if (there()) return;
  await call.say(1, some(userTurnOver), there);
  await call.until(() => there() || call.seen(MOMENTS["answered"]!));
  if (there()) return;
  await call.say(2, some(MOMENTS["tool running"]!), there);
  await call.until(() => there() || call.seen(MOMENTS["answer after the tool"]!));
  if (there()) return;
  await call.caller[Symbol.asyncDispose]();
  await call.until(there);
}

suite("calls in rooms of a LiveKit server", { skip: missing.join("; ") || false }, () => {
  if ("missing" in nats || "missing" in liveKit) return;
  let servers: { nats: NatsServer; liveKit: LiveKitServer };
  before(async () => {
    servers = { nats: await NatsServer.start(nats), liveKit: await LiveKitServer.start(liveKit) };
  });
  after(async () => {
    await servers.nats[Symbol.asyncDispose]();
    await servers.liveKit[Symbol.asyncDispose]();
  });

  test("a call with an interruption and a booking, heard by its caller", async () => {
    await using stage = await Stage.open(servers, ["w1"]);
    const call = await stage.call("desk");
    await playUntil(call, MOMENTS["answer after the tool"]!);
    assert.ok(call.caller.heardMs > 3_000, `${call.caller.heardMs} ms of the agent were heard`);
    await call.close();
    assert.equal(stage.fleet.of("tool").length, 1);
  });
});
