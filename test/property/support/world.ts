import { AppError, codeOf } from "../../../src/base/errors.ts";
import { seededIds } from "../../../src/base/id.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import type { CallHost } from "../../../src/actors/call-host.ts";
import type { EffectResult, Runner, Runners, RunningEffect } from "../../../src/actors/effect.ts";
import type { MachineSet } from "../../../src/actors/machine-set.ts";
import { Supervisor } from "../../../src/actors/supervisor.ts";
import type { Broker } from "../../../src/broker/broker.ts";
import type { CallRef, Json, LogRecord, LogTail, StoredInput } from "../../../src/events/record.ts";
import type { TurnSettings } from "../../../src/events/settings.events.ts";
import type { RequestedTool } from "../../../src/events/turn.events.ts";
import { historyFor, requestDigest, type ReplyInput } from "../../../src/folds/history.ts";
import { CURRENT_VERSIONS } from "../../../src/machines/machines.ts";
import type { Coverage } from "./coverage.ts";
import { Dice } from "./dice.ts";
import { TOOLS } from "./phrases.ts";
import { logFor, ScriptedLog } from "./scripted-log.ts";
import { settle, TestClock } from "./test-clock.ts";

/**
 * Everything around the real supervisor and host: log, clock, owners and runners that do nothing
 * but what the generator says. What must hold at the instant something happens is checked here; a
 * breach is kept in `violations`, as whoever called may swallow what is thrown.
 */
export interface WorldOptions {
  readonly seed: number;
  readonly coverage: Coverage;
  readonly machines: MachineSet;
  readonly settings: TurnSettings;
  readonly texts: Readonly<Record<string, string>>;
  readonly hooks: readonly string[];
  readonly snapshotEveryRecords: number | undefined;
}

/** A process that owns the call or thinks so. */
export interface Owner {
  readonly index: number;
  readonly supervisor: Supervisor;
  readonly effects: Set<FakeEffect>;
  state: "starting" | "live" | "dead";
  host: CallHost | undefined;
  /** How far its clock was set back, in all. */
  lagMs: number;
  /** Where its last append lost the compare-and-set. */
  lostAt: number | undefined;
}

/** One effect a host has started; the generator decides what it meets and when it ends. */
export interface FakeEffect {
  readonly owner: Owner;
  readonly src: string;
  readonly effect: RunningEffect<unknown>;
  readonly digest: string;
  readonly end: PromiseWithResolvers<EffectResult>;
  committed: boolean;
  paused: boolean;
  /** A connection has joined, a reply has asked its model. */
  joined: boolean;
  speaking: boolean;
  from: number;
  positionMs: number;
  readonly told: { readonly ref: string; readonly words: number; ms: number }[];
  /** Words of its last utterance, to be told again or late. */
  last: { readonly ref: string; readonly from: number; readonly to: number } | undefined;
  /** How many there had been by then. */
  lastRef: number;
}

const REF: CallRef = { tenant: "acme", call: "c-property" };

export class World {
  readonly dice: Dice;
  readonly clock = new TestClock();
  readonly log: ScriptedLog;
  readonly coverage: Coverage;
  readonly owners: Owner[] = [];
  readonly violations: string[] = [];
  readonly present = new Set<string>();
  readonly tracks = new Set<string>();
  /** Effects that some owner has really started. */
  readonly ran = new Set<string>();
  /** Tools that answers asked for, by call id. */
  readonly asked = new Map<string, RequestedTool>();
  readonly #toolsRun = new Set<string>();
  /** Timers as they were armed at some time, to be fired late. */
  readonly armings: { readonly timer: string; readonly arm: string }[] = [];
  readonly options: WorldOptions;
  /** Outside inputs given so far. */
  inputs = 0;
  refs = 0;
  sentences = 0;
  readonly #stalls: { readonly from: number; readonly to: number }[] = [];

  constructor(options: WorldOptions) {
    this.options = options;
    this.dice = new Dice(options.seed);
    this.coverage = options.coverage;
    this.log = new ScriptedLog(this.dice, options.coverage);
  }

  violate(check: string, what: string): void {
    this.violations.push(`${check}: ${what}`);
  }

  /** The owner whose word counts: the newest that is alive. */
  get owner(): Owner | undefined {
    return this.owners.findLast((one) => one.state === "live" && !hostOf(one)?.fenced);
  }
  get host(): CallHost | undefined {
    const { owner } = this;
    return owner && hostOf(owner);
  }
  get over(): boolean {
    return this.log.records.at(-1)?.input.type === "call.ended";
  }

  async open(): Promise<void> {
    const owner = this.#newOwner();
    const { settings, texts, hooks } = this.options;
    const opened = owner.supervisor.open({
      ...REF,
      room: "front desk",
      identity: "agent",
      agent: { name: "property", hash: "none" },
      settings,
      agents: { cook: settings },
      texts,
      hooks: [...hooks],
      recording: null,
    });
    await this.#settled(owner, opened);
  }

  /** Another process takes the call, whatever the owners before it do. */
  async takeover(): Promise<void> {
    const owner = this.#newOwner();
    this.inputs++;
    await this.#settled(owner, owner.supervisor.resume(REF, "takeover"));
  }

  /** An owner is told by its own process to let go. */
  abandon(owner: Owner): void {
    owner.supervisor.abandonAll("told to let go");
    owner.state = "dead";
    this.coverage.count("abandoned");
  }

  /** Tells the host what a running effect met. */
  progress(fx: FakeEffect, event: StoredInput, text?: Json): true {
    this.inputs++;
    const stopped = fx.effect.signal.aborted;
    const fenced = hostOf(fx.owner)?.fenced !== undefined;
    if (stopped) this.coverage.count("late.progress");
    if (fx.owner !== this.owner) this.coverage.count("late.oldOwner");
    fx.effect.progress(event, text).then(
      () => {
        if (stopped) this.violate("stopped-effect", `${event.type} was accepted after the stop`);
        if (fenced) this.violate("fenced-owner", `${event.type} was acknowledged`);
      },
      (error: unknown) => this.#refused(error),
    );
    return true;
  }

  /** Ends a running effect; an error stands for a failure of its provider. */
  end(fx: FakeEffect, result: EffectResult | AppError): void {
    this.inputs++;
    fx.owner.effects.delete(fx);
    if (fx.effect.signal.aborted) this.coverage.count("late.end");
    if (fx.owner !== this.owner) this.coverage.count("late.oldOwner");
    if (result instanceof AppError) fx.end.reject(result);
    else fx.end.resolve(result);
  }

  /** An input as it comes over the host's own port: commands, firings, results from elsewhere. */
  offer(give: (host: CallHost) => Promise<LogRecord>): void {
    const { owner, host } = this;
    if (!owner || !host) return;
    this.inputs++;
    give(host).then(
      (record) => this.#acknowledged(owner, record),
      (error: unknown) => this.#refused(error),
    );
  }

  /** A blocked loop: time passes and no alarm is heard. */
  stall(ms: number): void {
    const from = this.host?.now() ?? this.clock.now();
    this.clock.stall(ms);
    this.#stalls.push({ from, to: this.host?.now() ?? this.clock.now() });
  }

  /** Ms of [from, to], by record time, in which no alarm could be heard. */
  stalled(from: number, to: number): number {
    return this.#stalls.reduce(
      (sum, s) => sum + Math.max(0, Math.min(to, s.to) - Math.max(from, s.from)),
      0,
    );
  }

  async advance(ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    while (this.clock.fireNext(until)) await settle();
    this.clock.set(until);
  }

  #newOwner(): Owner {
    const index = this.owners.length;
    const owner: Owner = {
      index,
      supervisor: this.#supervisor(index),
      effects: new Set(),
      state: "starting",
      host: undefined,
      lagMs: 0,
      lostAt: undefined,
    };
    this.owners.push(owner);
    owner.supervisor.onRecord((_, record) => this.#acknowledged(owner, record));
    return owner;
  }

  #supervisor(index: number): Supervisor {
    const { seed, machines, snapshotEveryRecords } = this.options;
    const owner = (): Owner => this.owners[index]!;
    const broker = {
      log: logFor(this.log, {
        before: (expect) => this.#mayWrite(owner(), expect),
        conflict: (expect) => (owner().lostAt = expect.seq),
      }),
      bus: { publish: () => undefined },
    } as unknown as Broker;
    return new Supervisor({
      broker,
      clock: this.clock.behind(() => owner().lagMs),
      ids: seededIds(seed * 16 + index),
      logger: silentLogger,
      machines,
      versions: CURRENT_VERSIONS,
      build: "property",
      worker: `w${index}`,
      runnersFor: () => this.#runners(owner),
      ...(snapshotEveryRecords !== undefined && { snapshotEveryRecords }),
    });
  }

  #runners(owner: () => Owner): Runners {
    const runners: Record<string, Runner<unknown, string>> = {};
    for (const src of ["connection", "detector", "stt", "tool", "filler", "hook"])
      runners[src] = { run: (effect) => this.#run(owner(), src, { effect, digest: "" }) };
    runners["reply"] = {
      prepare: (input, { transcript }) => {
        const { saying } = input as ReplyInput;
        if (saying !== null) return "";
        return requestDigest(historyFor(transcript, input as ReplyInput), TOOLS);
      },
      run: (effect, digest) => this.#run(owner(), "reply", { effect, digest }),
    };
    return runners as Runners;
  }

  #run(
    owner: Owner,
    src: string,
    { effect, digest }: { effect: RunningEffect<unknown>; digest: string },
  ): Promise<EffectResult> {
    this.#mayStart(owner, src, effect);
    this.ran.add(effect.id);
    if (src === "tool") this.#mayRunTool((effect.input as { call: string }).call);
    const fx: FakeEffect = {
      owner,
      src,
      effect,
      digest,
      end: Promise.withResolvers<EffectResult>(),
      committed: src !== "reply" || !(effect.input as ReplyInput).speculative,
      paused: false,
      joined: false,
      speaking: false,
      from: 0,
      positionMs: 0,
      told: [],
      last: undefined,
      lastRef: 0,
    };
    effect.onTell((command) => {
      this.coverage.count(`tell.${command}`);
      if (command !== "pause" && hostOf(owner)?.fenced)
        this.violate("fenced-owner", `told ${command} to an effect`);
      if (command === "commit") fx.committed = true;
      else fx.paused = command === "pause";
      // As a real playout does: it says within the call how far it is.
      if (command !== "commit" && this.dice.chance(0.3) && !effect.signal.aborted)
        this.progress(fx, { type: `${src}.position`, ms: Math.round(fx.positionMs) });
    });
    owner.effects.add(fx);
    return fx.end.promise;
  }

  /** E5 and L1: a durable effect starts behind its record, under the epoch of who starts it. */
  #mayStart(owner: Owner, src: string, effect: RunningEffect<unknown>): void {
    const record = this.log.records[effect.upTo - 1];
    const starts = record?.outcome.effects.some(([op, id]) => op === "start" && id === effect.id);
    if (!starts) this.violate("start-logged", `${effect.id} of ${src} runs before its record`);
    else if (record!.epoch !== hostOf(owner)?.fold.epoch)
      this.violate("start-epoch", `${effect.id} was asked for in another epoch`);
    if (hostOf(owner)?.fenced) this.violate("fenced-owner", `started ${effect.id}`);
    if (effect.signal.aborted) this.violate("start-wanted", `${effect.id} runs after its stop`);
  }

  /** T13: a write runs once, but where its far side knows its key; one that joined never does. */
  #mayRunTool(call: string): void {
    const tool = this.asked.get(call);
    if (!tool) return this.violate("T13-tools", `${call} was asked for by nobody`);
    if (tool.joins !== "") this.violate("T13-joined", `${call} joined ${tool.joins} and runs`);
    const again = this.#toolsRun.has(call);
    if (again && tool.write && !tool.idempotent) this.violate("T13-once", `${call} runs again`);
    this.#toolsRun.add(call);
  }

  /** L1: who has lost stops for good. */
  #mayWrite(owner: Owner, expect: LogTail): void {
    if (owner.lostAt === expect.seq) this.violate("L1-retry", `tried ${expect.seq} again`);
    if (hostOf(owner)?.fenced) this.violate("fenced-owner", "tried an append");
  }

  #acknowledged(owner: Owner, record: LogRecord): void {
    if (!this.log.holds(record))
      this.violate("acked-is-logged", `record ${record.seq} is not in the log`);
    if (hostOf(owner)?.fenced && this.log.records[record.seq - 1] !== record)
      this.violate("fenced-owner", `acknowledged record ${record.seq}`);
  }

  #refused(error: unknown): void {
    const code = codeOf(error);
    this.coverage.count(`refused.${code}`);
    if (!["effect.stopped", "owner.fenced", "call.closed"].includes(code))
      this.violate("refusal", `an offer was refused with ${code}: ${String(error)}`);
  }

  async #settled(owner: Owner, host: Promise<CallHost>): Promise<void> {
    host.then(
      (one) => {
        owner.state = "live";
        one.ended.catch(() => (owner.state = "dead"));
      },
      (error: unknown) => {
        owner.state = "dead";
        this.coverage.count(`takeover.${codeOf(error)}`);
      },
    );
    await settle();
  }
}

/** Kept, as a supervisor forgets a host that has ended or was fenced and the checks may not. */
export function hostOf(owner: Owner): CallHost | undefined {
  return (owner.host ??= owner.supervisor.get(REF.call));
}
