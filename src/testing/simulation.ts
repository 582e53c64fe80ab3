import { CallMedia } from "../actors/effects/call-media.ts";
import { connectionRunner } from "../actors/effects/connection.runner.ts";
import type { AgentParts, Voice } from "../actors/agent-parts.ts";
import { hookRunner } from "../actors/effects/hook.runner.ts";
import { outageRunner } from "../actors/effects/outage.runner.ts";
import { replyRunner } from "../actors/effects/reply.runner.ts";
import { toolRunner } from "../actors/effects/tool.runner.ts";
import { detectorRunner, sttRunner, type Ears } from "../actors/effects/track.runners.ts";
import type { CallHost } from "../actors/call-host.ts";
import type { Runners } from "../actors/effect.ts";
import type { MachineSet } from "../actors/machine-set.ts";
import { Supervisor, type NewCall, type SupervisorPorts } from "../actors/supervisor.ts";
import { SimulatedClock, type Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { seededIds } from "../base/id.ts";
import { silentLogger } from "../base/logger.ts";
import type { Broker } from "../broker/broker.ts";
import { openMemory } from "../broker/memory/memory-broker.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import { TurnSettings } from "../events/settings.events.ts";
import { CURRENT_VERSIONS, MACHINES } from "../machines/machines.ts";
import type { RoomMedia } from "../media/room.port.ts";
import { SimulatedRoom, type Utterance } from "../media/simulated/simulated-room.ts";
import type { Guard } from "../providers/breaker.port.ts";
import type { Llm } from "../providers/llm.port.ts";
import { ScriptedStt, ScriptedVad } from "../providers/scripted/scripted-ears.ts";
import {
  ScriptedLlm,
  ScriptedTts,
  type ScriptedAnswer,
} from "../providers/scripted/scripted-mouth.ts";
import type { LlmRequest } from "../providers/llm.port.ts";
import type { Stt } from "../providers/stt.port.ts";
import type { Tool } from "../providers/tool.port.ts";

/**
 * A whole call on virtual time: the real supervisor, host, charts and effects over a simulated room
 * and scripted providers. A ten-minute call takes a fraction of a second and is the same each time.
 */
export interface SimulationOptions {
  readonly answer?: (request: LlmRequest, index: number) => ScriptedAnswer;
  /** Models in the order they are tried; default: one that gives `answer`. */
  readonly llm?: Llm;
  readonly otherLlms?: (clock: Clock) => readonly Llm[];
  readonly tools?: readonly Tool[];
  readonly hooks?: AgentParts["hooks"];
  /** Voices in the order they are tried; default: one that `ttsFails` may break. */
  readonly voices?: (clock: Clock) => readonly Voice[];
  readonly ears?: (clock: Clock) => Ears;
  /** What speech-to-text is taken for, instead of the scripted one. */
  readonly stt?: (scripted: Stt) => Stt;
  /** What the room is taken for, instead of the simulated one. */
  readonly media?: (simulated: RoomMedia) => RoomMedia;
  /** Parts of the agents the call may be handed to. */
  readonly agents?: Readonly<Record<string, Partial<AgentParts>>>;
  /** All parts by the agent's name, instead of those above. */
  readonly parts?: (name: string, clock: SimulatedClock) => AgentParts;
  /** Of the call's header, instead of what stands in for it. */
  readonly call?: Partial<NewCall>;
  readonly texts?: Readonly<Record<string, string>>;
  readonly settings?: object;
  readonly broker?: (clock: SimulatedClock) => Promise<Broker>;
  readonly machines?: MachineSet;
  readonly versions?: Record<string, string>;
  readonly seed?: number;
  readonly snapshotEveryRecords?: number;
  readonly ttsFails?: (text: string) => boolean;
  readonly guard?: Guard;
  /** The money of the call. */
  readonly budgetFor?: SupervisorPorts["budgetFor"];
  /** One that other calls share; whoever has it moves it. */
  readonly clock?: SimulatedClock;
  /** How far the clock of each owner, in order, stands off the true time. */
  readonly skewsMs?: readonly number[];
}

export class Simulation implements AsyncDisposable {
  readonly clock: SimulatedClock;
  readonly room: SimulatedRoom;
  readonly broker: Broker;
  readonly llm: Llm;
  readonly records: LogRecord[] = [];
  readonly startedAt: number;
  supervisor: Supervisor;
  host!: CallHost;
  readonly #options: SimulationOptions;
  #owners = 0;

  private constructor(options: SimulationOptions, clock: SimulatedClock, broker: Broker) {
    this.#options = options;
    this.clock = clock;
    this.startedAt = clock.now();
    this.broker = broker;
    this.room = new SimulatedRoom(clock);
    const answer = options.answer ?? (() => ({ text: "All right." }));
    this.llm = options.llm ?? new ScriptedLlm(clock, answer);
    this.supervisor = this.#newOwner();
  }

  static async open(options: SimulationOptions = {}): Promise<Simulation> {
    const simulation = await Simulation.#prepare(options);
    simulation.host = await simulation.supervisor.open({
      call: "c-simulated",
      tenant: "acme",
      room: "front desk",
      identity: "agent",
      agent: { name: "simulated", hash: "none" },
      settings: TurnSettings.parse(options.settings ?? {}),
      texts: options.texts ?? {},
      agents: Object.fromEntries(
        Object.keys(options.agents ?? {}).map((name) => [
          name,
          TurnSettings.parse(options.settings ?? {}),
        ]),
      ),
      hooks: options.hooks?.afterTurn ? ["afterTurn"] : [],
      recording: null,
      ...options.call,
    });
    await simulation.clock.advance(0);
    return simulation;
  }

  /** Goes on with a call whose process died, in a new room that nobody is in yet. */
  static async resume(ref: CallRef, options: SimulationOptions): Promise<Simulation> {
    const simulation = await Simulation.#prepare(options);
    simulation.host = await simulation.supervisor.resume(ref, "resume");
    await simulation.clock.advance(0);
    return simulation;
  }

  static async #prepare(options: SimulationOptions): Promise<Simulation> {
    const clock = options.clock ?? new SimulatedClock();
    const broker = await (options.broker ?? openMemoryOn)(clock);
    return new Simulation(options, clock, broker);
  }

  /** Milliseconds since the call was opened or resumed here. */
  get ms(): number {
    return this.clock.now() - this.startedAt;
  }

  run(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Runs to `ms` since the call was opened. */
  until(ms: number): Promise<void> {
    return this.clock.run(this.startedAt + ms);
  }

  enter(identity = "ann"): void {
    this.room.enter(identity);
  }

  /** Says `text` at 250 ms a word unless told how long. */
  say(text: string, more: Partial<Utterance> & { identity?: string } = {}): void {
    const { identity = "ann", ...rest } = more;
    void this.room.say(identity, { text, ms: text.split(" ").length * 250, ...rest });
  }

  /** Runs until no turn is live, at most `maxMs`. */
  async quiet(maxMs = 60_000): Promise<void> {
    await this.clock.run(this.clock.now() + maxMs, () => this.isQuiet);
  }

  get isQuiet(): boolean {
    const room = this.host.fold.snapshotOf("room");
    const context = room?.context as
      | { older: unknown; newer: unknown; queue: unknown[] }
      | undefined;
    return !context?.older && !context?.newer && context?.queue.length === 0;
  }

  /**
   * Another owner takes the call: after the death of this one, or while it `lives` on and is yet to
   * learn of it.
   */
  async takeover(
    reason: "takeover" | "resume" = "takeover",
    old: "dead" | "lives" = "dead",
  ): Promise<void> {
    if (old === "dead") this.supervisor.abandonAll("the worker died");
    this.supervisor = this.#newOwner();
    this.host = await this.supervisor.resume(this.host.ref, reason);
    await this.clock.advance(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.supervisor.abandonAll("the simulation is over");
    await this.broker[Symbol.asyncDispose]();
  }

  #newOwner(): Supervisor {
    const options = this.#options;
    const clock = skewed(this.clock, options.skewsMs?.[this.#owners] ?? 0);
    const supervisor = new Supervisor({
      broker: this.broker,
      clock,
      ids: seededIds((options.seed ?? 1) * 1_000 + this.#owners++),
      logger: silentLogger,
      machines: options.machines ?? MACHINES,
      versions: options.versions ?? CURRENT_VERSIONS,
      build: "simulated",
      worker: `w${this.#owners}`,
      runnersFor: () => this.#runners(clock),
      ...(options.budgetFor && { budgetFor: options.budgetFor }),
      ...(options.snapshotEveryRecords !== undefined && {
        snapshotEveryRecords: options.snapshotEveryRecords,
      }),
    });
    supervisor.onRecord((_, record) => this.records.push(record));
    return supervisor;
  }

  #runners(clock: Clock): Runners {
    const { room } = this;
    const media = new CallMedia();
    const { parts, guard, stt } = this.#options;
    const scripted = new ScriptedStt(clock, (sample) => room.utteranceOf(sample));
    const partsOf = (name: string): AgentParts =>
      parts ? parts(name, this.clock) : this.#partsOf(name, clock);
    const speaking = { partsOf, media, ...(guard && { guard }) };
    return {
      connection: connectionRunner(this.#options.media?.(room) ?? room, media),
      detector: detectorRunner(
        this.#options.ears?.(clock) ?? { vad: new ScriptedVad(clock) },
        media,
      ),
      stt: sttRunner(stt?.(scripted) ?? scripted, media),
      reply: replyRunner(speaking),
      filler: replyRunner(speaking),
      outage: outageRunner(speaking),
      tool: toolRunner(partsOf, this.broker.blobs),
      hook: hookRunner(partsOf),
    };
  }

  #partsOf(name: string, clock: Clock): AgentParts {
    const { tools = [], hooks = {}, voices, agents = {}, ttsFails: fails } = this.#options;
    const { otherLlms = () => [] } = this.#options;
    const tts = new ScriptedTts(clock, fails && { fails });
    const own = {
      models: [this.llm, ...otherLlms(clock)],
      voices: voices?.(clock) ?? [{ tts, name: "scripted" }],
      tools,
      hooks,
    };
    if (name === "") return own;
    const other = agents[name];
    if (!other) throw new AppError("config.invalid", `there is no agent ${name}`);
    return { ...own, ...other };
  }
}

function skewed(clock: Clock, skewMs: number): Clock {
  if (skewMs === 0) return clock;
  return { now: () => clock.now() + skewMs, after: (delayMs, fn) => clock.after(delayMs, fn) };
}

function openMemoryOn(clock: SimulatedClock): Promise<Broker> {
  return Promise.resolve(openMemory({ clock }));
}
