import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../../src/base/clock.ts";
import { systemIds } from "../../src/base/id.ts";
import type { Broker } from "../../src/broker/broker.ts";
import { openNats } from "../../src/broker/nats/nats-broker.ts";
import type { LogRecord } from "../../src/events/record.ts";
import type { TurnEnded } from "../../src/events/turn.events.ts";
import { Rooms } from "../../src/fleet/rooms.ts";
import { Replay } from "../../src/actors/replay.ts";
import { historyFor, messagesOf } from "../../src/folds/history.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { assertWhole } from "../actors/support/stage.ts";
import { collect, unique } from "../contract/bench.ts";
import { findLiveKit, LiveKitServer } from "../support/livekit-server.ts";
import { findNats, NATS_VERSIONS, NatsServer } from "../support/servers.ts";
import { Callers, type HeardVoice } from "./callers.ts";
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
const MOMENTS_EVERY = Number(process.env["ROOMS_MOMENTS_EVERY"] ?? 3);
const STALL_MS = Number(process.env["ROOMS_STALL_MS"] ?? 6_000);
const CALLS = Number(process.env["ROOMS_CALLS"] ?? 3);
/** A caller who hears nothing says it again. */
const PATIENCE_MS = 7_000;

/** Two servers, workers, and a caller in each room. */
class Stage implements AsyncDisposable {
  readonly fleet: FleetProcesses;
  readonly broker: Broker;
  /** Each record as it was told, by call. */
  readonly records = new Map<string, LogRecord[]>();
  readonly callers: Callers;

  private constructor(fleet: FleetProcesses, broker: Broker, server: LiveKitServer) {
    this.fleet = fleet;
    this.broker = broker;
    this.callers = new Callers([server.url, server.apiKey, server.apiSecret], () => fleet.look());
  }

  static async open(
    { nats: { url }, liveKit: server }: Servers,
    workers: readonly string[],
  ): Promise<Stage> {
    const prefix = unique("rm");
    const broker = await openNats({ url, prefix, clock: systemClock, ids: systemIds });
    const more = [server.url, server.apiKey, server.apiSecret];
    const fleet = new FleetProcesses(url, prefix, { child: "rooms-child", more });
    const stage = new Stage(fleet, broker, server);
    broker.bus.subscribe(`${prefix}.events.acme.*.>`, ({ subject, data }) => {
      const call = subject.split(".")[3]!;
      const records = stage.records.get(call) ?? [];
      records.push(data as unknown as LogRecord);
      stage.records.set(call, records);
      fleet.look();
      return undefined;
    });
    await Promise.all(workers.map((worker) => fleet.start(worker)));
    return stage;
  }

  /** The caller sits in the room, and an agent is asked for. */
  async call(room: string): Promise<RoomCall> {
    await this.callers.join(room);
    await this.broker.jobs.offer({ tenant: "acme", room, payload: null });
    return new RoomCall(this, room);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
    await this.callers[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}

/** One room: its caller, its log, its owner. */
class RoomCall {
  readonly room: string;
  readonly #stage: Stage;
  readonly #looked = new Map<Moment, { readonly at: number; readonly found: boolean }>();
  #records: readonly LogRecord[] | undefined;

  constructor(stage: Stage, room: string) {
    this.#stage = stage;
    this.room = room;
  }

  /** The voices of its owners, one after the other, as last told. */
  get voices(): readonly HeardVoice[] {
    return this.#stage.callers.voices(this.room);
  }

  /** The same as they are now. */
  hear(): Promise<readonly HeardVoice[]> {
    return this.#stage.callers.report(this.room);
  }

  hangUp(): Promise<void> {
    return this.#stage.callers.leave(this.room);
  }

  get records(): readonly LogRecord[] {
    const header = ([first]: LogRecord[]) =>
      (first?.input["header"] as { room?: string } | undefined)?.room;
    this.#records ??= [...this.#stage.records.values()].find((one) => header(one) === this.room);
    return this.#records ?? [];
  }

  /** Each record is looked at once for each moment. */
  seen(moment: Moment): boolean {
    const { at, found } = this.#looked.get(moment) ?? { at: 0, found: false };
    if (found) return true;
    const { records } = this;
    const now = records.slice(at).some(moment);
    this.#looked.set(moment, { at: records.length, found: now });
    return now;
  }

  get ended(): boolean {
    return this.seen(isEnd);
  }

  until(holds: () => boolean): Promise<void> {
    return this.#stage.fleet.until(holds);
  }

  /** Says it until the call shows that it was taken, as people do; false once `stop` holds. */
  async say(n: number, taken: (since: readonly LogRecord[]) => boolean, stop: () => boolean) {
    const from = this.records.length;
    const heard = (): boolean => taken(this.records.slice(from));
    for (let tries = 0; tries < 4 && !heard() && !stop(); tries++) {
      this.#stage.callers.say(this.room, n);
      let late = false;
      const over = setTimeout(() => {
        late = true;
        this.#stage.fleet.look();
      }, PATIENCE_MS);
      await this.until(() => heard() || stop() || late);
      clearTimeout(over);
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
    await this.hangUp();
    await this.until(() => this.ended);
    const { call } = this.records[0]!.input["header"] as { call: string };
    const records = await collect(this.#stage.broker.log.read({ tenant: "acme", call }));
    await assertWhole(records);
    return records;
  }
}

const isEnd: Moment = ({ input }) => input.type === "call.ended";
const isTakenOver: Moment = ({ epoch }) => epoch === 2;
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
  await call.hangUp();
  await call.until(there);
}

suite("calls in rooms of a LiveKit server", { skip: missing.join("; ") || false }, () => {
  if ("missing" in nats || "missing" in liveKit) return;
  let servers: Servers;
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
    const [voice] = await call.hear();
    assert.ok(voice!.soundMs > 3_000, `${voice!.soundMs} ms of the agent were heard`);
    await call.close();
    assert.equal(stage.fleet.of("tool").length, 1);
  });

  const moments = Object.keys(MOMENTS).filter((_, index) => index % MOMENTS_EVERY === 0);
  for (let at = 0; at < moments.length; at += CALLS) {
    const some = moments.slice(at, at + CALLS);
    test(`killed at ${some.join(", ")}: each call goes on, whole`, async (t) => {
      await Promise.all(some.map((name) => killedAt(servers, name, (said) => t.diagnostic(said))));
    });
  }

  test(`stopped for ${STALL_MS} ms and continued: nobody hears the old owner again`, async () => {
    await using stage = await Stage.open(servers, ["w1"]);
    const rooms = Array.from({ length: CALLS }, (_, i) => `desk-${i + 1}`);
    const calls = await Promise.all(rooms.map((room) => stage.call(room)));
    await Promise.all(calls.map((call) => call.until(() => call.seen(MOMENTS["greeting"]!))));
    await stage.fleet.start("w2");
    stage.fleet.signal("w1", "SIGSTOP");
    const stopped = performance.now();
    const isTaken = (call: RoomCall) => call.seen(isTakenOver);
    await stage.fleet.until(() => calls.every(isTaken));
    const answer = (call: RoomCall) => call.say(0, some(MOMENTS["answering"]!), () => false);
    await Promise.all(calls.map(answer));
    await pause(Math.max(0, STALL_MS - (performance.now() - stopped)));
    stage.fleet.signal("w1", "SIGCONT");
    await stage.fleet.until(() => stage.fleet.of("logged").some(isFenced));
    await Promise.all(calls.map((call) => call.until(() => call.seen(userTurnOver))));
    for (const call of calls) {
      assertOneVoice(await call.hear());
      const records = await call.close();
      const epochs = records.map(({ epoch }) => epoch);
      assert.deepEqual(
        epochs,
        epochs.toSorted((a, b) => a - b),
        "no record of the old epoch",
      );
    }
  });

  test("handed over while callers listen: a short gap, and no sentence is lost", async (t) => {
    await using stage = await Stage.open(servers, ["w1"]);
    const rooms = Array.from({ length: CALLS }, (_, i) => `desk-${i + 1}`);
    const calls = await Promise.all(rooms.map((room) => stage.call(room)));
    await Promise.all(calls.map((call) => call.until(() => call.seen(MOMENTS["greeting"]!))));
    await stage.fleet.start("w2");
    stage.fleet.signal("w1", "SIGTERM");
    assert.equal(await stage.fleet.exit("w1"), 0);
    for (const call of calls) await call.until(() => call.seen(isTakenOver));
    await Promise.all(calls.map((call) => call.until(() => call.voices.length > 1)));
    const gaps = calls.map(({ voices }) => {
      const [before, after] = voices.slice(-2);
      return after!.publishedAt - (before!.goneAt ?? Infinity);
    });
    t.diagnostic(`without an agent: ${gaps.map((ms) => ms.toFixed(0)).join(", ")} ms`);
    await Promise.all(calls.map((call) => call.say(0, some(MOMENTS["answering"]!), () => false)));
    await Promise.all(calls.map((call) => call.until(() => call.seen(userTurnOver))));
    for (const call of calls) {
      const records = await call.close();
      const changes = records.filter(({ input }) => input.type === "owner.changed");
      assert.deepEqual(
        changes.map(({ input }) => input["reason"]),
        ["handover"],
      );
      assert.ok(!changes.some(({ outcome }) => outcome.failed));
    }
  });
});

const isFenced = ({ code }: { readonly code: string }): boolean => code === "owner.fenced";

/** Once the new owner's voice is there, no sound of the old one comes. */
function assertOneVoice(voices: readonly HeardVoice[]): void {
  for (const [i, next] of voices.entries()) {
    const last = voices[i - 1]?.lastSoundAt ?? 0;
    assert.ok(last <= next.publishedAt, `${last - next.publishedAt} ms of a second voice`);
  }
}

type Servers = { readonly nats: NatsServer; readonly liveKit: LiveKitServer };

/** The whole scripted call with its owner killed at one moment of it. */
async function killedAt(servers: Servers, name: string, tell: (said: string) => void) {
  await using stage = await Stage.open(servers, ["w1", "w2"]);
  const room = `room-${name.replaceAll(" ", "-")}`;
  const call = await stage.call(room);
  await playUntil(call, MOMENTS[name]!);
  const owner = await call.owner();
  stage.fleet.signal(owner, "SIGKILL");
  const killed = performance.now();
  // On a machine that is too busy for its claims it may have had another owner before.
  const { epoch } = call.records.at(-1)!;
  const isNext: Moment = (record) => record.epoch > epoch;
  await call.until(() => call.ended || call.seen(isNext));
  const taken = performance.now() - killed;
  await call.until(() => call.ended || stage.fleet.ownerOf(room) !== owner);
  tell(`${name}: taken over after ${taken.toFixed(0)} ms`);
  const gone = name === "caller gone" || name === "leaving";
  // The talk goes on: a question is asked and answered, unless nobody is there any more.
  if (!gone) {
    const answered: Moment = (record) => isNext(record) && userTurnOver(record);
    await call.say(0, some(answered), () => call.ended);
    assert.ok(call.ended || call.seen(answered), `${name}: the talk does not go on`);
  }
  const records = await call.close();
  const keys = stage.fleet.of("tool").map(({ key }) => key);
  assert.equal(new Set(keys).size, Math.min(1, keys.length), "one write, however often asked");
  assertTold(records);
}

/** Each sentence that was heard, and all final words of the caller, stand in the call's history. */
function assertTold(records: readonly LogRecord[]): void {
  const run = new Replay({ machines: MACHINES });
  for (const record of records) run.add(record);
  const input = { turn: 1_000, key: "", saying: null, refs: [], speculative: false, agent: "" };
  const told = messagesOf(historyFor(run.transcript, input))
    .map((message) => ("text" in message ? message.text : ""))
    .join("\n");
  for (const { runs } of run.transcript.turns.values())
    for (const one of runs) {
      const { heard } = run.transcript.heard(one);
      assert.ok(told.includes(heard), `"${heard}" was heard and is not in the history`);
    }
  for (const ref of finalsOf(records)) {
    const turns = ownersOf(records, ref);
    assert.equal(turns.length, 1, `the words of ${ref} are in turns ${turns.join()}`);
  }
}

/** References of what the caller was understood to say. */
function finalsOf(records: readonly LogRecord[]): ReadonlySet<string> {
  const refs = records.flatMap(({ input: { event }, outcome }) => {
    const final = (event ?? {}) as { type?: string; words?: number; ref?: string };
    const taken = final.type === "stt.final" && final.words! > 0 && outcome.ignored === undefined;
    return taken ? [final.ref!] : [];
  });
  return new Set(refs);
}

/** The turns whose message has these words; a merged turn hands its own on. */
function ownersOf(records: readonly LogRecord[], ref: string): readonly number[] {
  const owners = new Set<number>();
  for (const fact of records.flatMap(({ outcome }) => outcome.emitted)) {
    const { n, refs, late, asides, mergedInto } = fact as unknown as TurnEnded;
    if (fact.type === "words.late" && fact["ref"] === ref) owners.add(n);
    if (fact.type !== "turn.ended") continue;
    const own = mergedInto === null ? [...refs, ...late, ...asides] : late;
    if (own.includes(ref)) owners.add(n);
  }
  return [...owners];
}
