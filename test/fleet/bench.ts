import { CallMedia } from "../../src/actors/effects/call-media.ts";
import { connectionRunner } from "../../src/actors/effects/connection.runner.ts";
import { hookRunner } from "../../src/actors/effects/hook.runner.ts";
import { replyRunner } from "../../src/actors/effects/reply.runner.ts";
import { toolRunner } from "../../src/actors/effects/tool.runner.ts";
import { detectorRunner, sttRunner } from "../../src/actors/effects/track.runners.ts";
import type { Runners } from "../../src/actors/effect.ts";
import type { MachineSet } from "../../src/actors/machine-set.ts";
import { type NewCall, Supervisor } from "../../src/actors/supervisor.ts";
import { type Clock, SimulatedClock } from "../../src/base/clock.ts";
import { seededIds } from "../../src/base/id.ts";
import type { Logger } from "../../src/base/logger.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { Job } from "../../src/broker/jobs.port.ts";
import { openMemory } from "../../src/broker/memory/memory-broker.ts";
import { parseJoin } from "../../src/events/fleet.events.ts";
import type { CallRef, Json, LogRecord } from "../../src/events/record.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import { FleetMember } from "../../src/fleet/fleet-member.ts";
import type { WorkerNow } from "../../src/fleet/heartbeat.ts";
import { Worker } from "../../src/fleet/worker.ts";
import { CURRENT_VERSIONS, MACHINES } from "../../src/machines/machines.ts";
import type { RoomMedia } from "../../src/media/room.port.ts";
import { SimulatedRoom } from "../../src/media/simulated/simulated-room.ts";
import type { LlmRequest } from "../../src/providers/llm.port.ts";
import type { Tool } from "../../src/providers/tool.port.ts";
import { ScriptedStt, ScriptedVad } from "../../src/providers/scripted/scripted-ears.ts";
import {
  ScriptedLlm,
  ScriptedTts,
  type ScriptedAnswer,
} from "../../src/providers/scripted/scripted-mouth.ts";
import { assertWhole } from "../actors/support/stage.ts";
import { collect } from "../contract/bench.ts";

/** A fleet in one process on virtual time: workers, each with all a process has, on one broker. */
export const CLAIM_MS = 2_000;
export const GREETING = "Hello and welcome to our small house.";
export const ANSWER = "Doors open early each morning. Dinner runs late every evening.";
const PATIENCE_MS = 90_000;

export interface MemberOptions {
  readonly capacity?: number;
  /** What it sees of the shared broker; default: all of it. */
  readonly broker?: Broker;
  readonly machines?: MachineSet;
  readonly versions?: Record<string, string>;
  readonly newCall?: (job: Job, call: string) => NewCall;
  readonly answer?: (request: LlmRequest) => ScriptedAnswer;
  readonly tools?: readonly Tool[];
}

/** A worker as one process has it. */
export class Member implements Disposable {
  readonly name: string;
  readonly worker: Worker;
  readonly supervisor: Supervisor;
  readonly logged: { message: string; code: unknown }[] = [];

  constructor(fleet: Fleet, name: string, options: MemberOptions) {
    this.name = name;
    const { clock } = fleet;
    const { broker = fleet.broker, capacity = 20 } = options;
    const logger: Logger = {
      log: (_, message, fields) => void this.logged.push({ message, code: fields?.["code"] }),
    };
    const ids = seededIds(fleet.members.length + 1);
    this.supervisor = new Supervisor({
      broker,
      clock,
      ids,
      logger,
      machines: options.machines ?? MACHINES,
      versions: options.versions ?? CURRENT_VERSIONS,
      build: "test",
      worker: name,
      runnersFor: ({ room }) => fleet.runnersOf(room, name, options),
    });
    this.supervisor.onRecord((_, record) => fleet.acked.push({ worker: name, record }));
    this.worker = new Worker({
      broker,
      supervisor: this.supervisor,
      clock,
      ids,
      logger,
      newCall: options.newCall ?? newCall,
      name,
      capacity,
      join: (now) => memberOf({ broker, clock, worker: name, now, capacity }),
    });
  }

  start(): this {
    void this.worker.run();
    return this;
  }

  /** As `kill -9`: nothing is written, released or said any more. */
  [Symbol.dispose](): void {
    this.worker[Symbol.dispose]();
    this.supervisor.abandonAll("the process was killed");
  }
}

export class Fleet implements AsyncDisposable {
  readonly clock = new SimulatedClock();
  readonly broker: Broker;
  readonly members: Member[] = [];
  /** Who joined which room, in order. */
  readonly joins: { worker: string; room: string; at: number }[] = [];
  /** What each worker was told is in the log. */
  readonly acked: { worker: string; record: LogRecord }[] = [];
  readonly #rooms = new Map<string, SimulatedRoom>();

  constructor(broker?: (clock: SimulatedClock) => Broker) {
    const open = broker ?? ((clock) => openMemory({ clock, ackWaitMs: CLAIM_MS }));
    this.broker = open(this.clock);
  }

  add(options: MemberOptions = {}): Member {
    const member = new Member(this, `w${this.members.length + 1}`, options);
    this.members.push(member);
    return member;
  }

  /** Ann is in every room from the beginning. */
  room(name: string): SimulatedRoom {
    const known = this.#rooms.get(name);
    if (known) return known;
    const room = new SimulatedRoom(this.clock);
    room.enter("ann");
    this.#rooms.set(name, room);
    return room;
  }

  offer(room: string, payload: Json = null): Promise<"queued" | "exists"> {
    return this.broker.jobs.offer({ tenant: "acme", room, payload });
  }

  run(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Runs until it holds, at most `maxMs`. */
  async until(holds: () => boolean, maxMs = PATIENCE_MS): Promise<void> {
    await this.clock.run(this.clock.now() + maxMs, holds);
    if (!holds()) throw new RangeError(`not within ${maxMs} ms: ${String(holds)}`);
  }

  /** The settled value of what needs the clock to go on. */
  async wait<T>(promise: Promise<T>, maxMs = PATIENCE_MS): Promise<T> {
    let settled = false;
    const settle = (): void => void (settled = true);
    promise.then(settle, settle);
    await this.until(() => settled, maxMs);
    return promise;
  }

  refs(): Promise<readonly CallRef[]> {
    return this.broker.log.calls("acme");
  }

  log(ref: CallRef): Promise<LogRecord[]> {
    return collect(this.broker.log.read(ref));
  }

  /** Everybody hangs up: each call ends, is whole and replays; its epochs and their reasons. */
  async close(): Promise<readonly { epochs: number; reasons: readonly Json[] }[]> {
    await this.run(2_000);
    for (const room of this.#rooms.values()) room.leave("ann");
    await this.run(PATIENCE_MS);
    const calls = [];
    for (const ref of await this.refs()) {
      const records = await this.log(ref);
      const { epochs } = await assertWhole(records);
      const changes = records.filter(({ input }) => input.type === "owner.changed");
      calls.push({ epochs, reasons: changes.map(({ input }) => input["reason"]!) });
    }
    return calls;
  }

  runnersOf(name: string, worker: string, options: MemberOptions): Runners {
    const { clock } = this;
    const room = this.room(name);
    const noted: RoomMedia = {
      join: (join) => {
        this.joins.push({ worker, room: name, at: clock.now() });
        return room.join(join);
      },
    };
    return scriptedRunners(clock, { room, media: noted, blobs: this.broker.blobs, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) member[Symbol.dispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}

interface Script extends Pick<MemberOptions, "answer" | "tools"> {
  readonly room: SimulatedRoom;
  readonly media: RoomMedia;
  readonly blobs: Broker["blobs"];
}

/** All effects of a call, scripted: the same on virtual and on real time. */
export function scriptedRunners(clock: Clock, script: Script): Runners {
  const { room, media: rooms, blobs, answer = () => ({ text: ANSWER }), tools = [] } = script;
  const media = new CallMedia();
  const parts = {
    models: [new ScriptedLlm(clock, answer)],
    voices: [{ tts: new ScriptedTts(clock), name: "scripted" }],
    tools,
    hooks: {},
  };
  const partsOf = () => parts;
  return {
    connection: connectionRunner(rooms, media),
    detector: detectorRunner({ vad: new ScriptedVad(clock) }, media),
    stt: sttRunner(new ScriptedStt(clock, (sample) => room.utteranceOf(sample)), media),
    reply: replyRunner({ partsOf, media }),
    filler: replyRunner({ partsOf, media }),
    tool: toolRunner(partsOf, blobs),
    hook: hookRunner(partsOf),
  };
}

/** A place in the fleet, without a word of how busy this process is. */
export function memberOf(ports: {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly worker: string;
  readonly now: () => Pick<WorkerNow, "state" | "claims">;
  readonly capacity: number;
  readonly prefix?: string;
}): FleetMember {
  const { worker, capacity, now, ...more } = ports;
  return new FleetMember({
    ...more,
    about: { worker, build: "test", machines: { room: ["1"] }, capacity, since: 0 },
    now: () => ({ ...now(), calls: [] }),
    load: { read: () => ({ loopDelayMs: 0, cpuShare: 0 }), [Symbol.dispose]: () => undefined },
  });
}

/** The call of a job, as a worker opens it. */
export function newCall({ tenant, room, payload }: Job, call: string): NewCall {
  const { identity = "agent" } = parseJoin(payload);
  return {
    call,
    tenant,
    room,
    identity,
    agent: { name: "scripted", hash: "none" },
    settings: TurnSettings.parse({}),
    texts: { greeting: GREETING, farewell: "Goodbye." },
    recording: null,
  };
}
