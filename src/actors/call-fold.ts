import { createActor, type AnyStateMachine } from "xstate";
import { canonicalJson, digest, shortHash } from "../base/digest.ts";
import { AppError, codeOf } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { CallHeader, MachineVersions } from "../events/call.events.ts";
import type { EffectEnded } from "../events/effect.events.ts";
import type { TurnSettings } from "../events/settings.events.ts";
import {
  RECORD_VERSION,
  type Fact,
  type Json,
  type LogRecord,
  type LogTail,
  type Outcome,
  type StoredInput,
} from "../events/record.ts";
import { Cascade, type Message } from "./cascade.ts";
import { EffectTable, type EffectEntry, type Plan } from "./effect-table.ts";
import { machineOf, type MachineSet, type Snapshot } from "./machine-set.ts";

/**
 * The pure heart: one call's actors, timers and effects as a fold of its inputs. It reads no clock,
 * no random and no I/O, so that live, replay, takeover and simulation are the same code.
 *
 * E1: a step is all or nothing over its whole cascade; a throw discards snapshots, plan and facts,
 * while the timer or effect end that came in stays consumed. E3: internal messages are derived,
 * never stored. E6: record time never goes back. L3: the hash chains over everything stored and
 * over status and context of the changed actors.
 */
export interface Given {
  readonly at: number;
  readonly cause: LogRecord["cause"];
  readonly textDigest?: string;
  /** Told what the step does to effects before it is hashed: silence must not wait for that. */
  readonly onPlan?: (plan: Plan) => void;
}

export interface Step {
  readonly record: LogRecord;
  readonly plan: Plan;
}

export interface FoldSnapshot {
  readonly tail: LogTail;
  readonly at: number;
  readonly epoch: number;
  readonly failures: number;
  readonly header: CallHeader;
  readonly versions: MachineVersions;
  readonly actors: readonly (readonly [string, string, Json])[];
  readonly effects: Json;
}

export interface FoldOptions {
  /** Runs every transition twice on frozen snapshots, to catch an impure guard or assign (E8). */
  readonly checks?: boolean;
}

interface ActorEntry {
  readonly kind: string;
  readonly snapshot: Snapshot;
}

export class CallFold {
  readonly #machines: MachineSet;
  readonly #checks: boolean;
  #actors = new Map<string, ActorEntry>();
  #table = new EffectTable();
  #tail: LogTail = { seq: 0, hash: "" };
  #at = 0;
  #epoch = 1;
  #failures = 0;
  #header: CallHeader | undefined;
  #versions: MachineVersions = {};

  constructor(machines: MachineSet, options: FoldOptions = {}) {
    this.#machines = machines;
    this.#checks = options.checks ?? false;
  }

  get tail(): LogTail {
    return this.#tail;
  }
  get at(): number {
    return this.#at;
  }
  get epoch(): number {
    return this.#epoch;
  }
  get failures(): number {
    return this.#failures;
  }
  get header(): CallHeader {
    if (!this.#header) throw new AppError("bug", "the call was not opened");
    return this.#header;
  }
  /** The settings as they are now: a command, an edit or a hand-over may have changed them. */
  get settings(): TurnSettings {
    const room = this.snapshotOf("room")?.context as { settings?: TurnSettings } | undefined;
    return room?.settings ?? this.header.settings;
  }
  get versions(): MachineVersions {
    return this.#versions;
  }
  /** Armed timers and live effects, read only. */
  get table(): EffectTable {
    return this.#table;
  }
  snapshotOf(address: string): Snapshot | undefined {
    return this.#actors.get(address)?.snapshot;
  }
  addresses(): readonly string[] {
    return [...this.#actors.keys()];
  }
  /** Too many steps failed: the charts are asked nothing more, and the call is only wound up. */
  get givenUp(): boolean {
    return this.#failures >= 2 * LIMITS.failedStepsMax;
  }
  /** The room has reached its end: only the last record is missing. */
  get closed(): boolean {
    return this.snapshotOf("room")?.status === "done";
  }

  /** Folds one outside input. Time that lies before the last record's is lifted to it (E6). */
  step(input: StoredInput, given: Given): Step {
    const seq = this.#tail.seq + 1;
    const at = Math.max(this.#at, given.at);
    const actor = this.#actorOf(input);
    if (input.type === "owner.changed") this.#changeOwner(input);
    const cascade = new Cascade(this.#machines, this.#versions, { at, checks: this.#checks });
    const ignored = this.#run(input, cascade);
    const failed = cascade.failed;
    if (failed) this.#failures++;
    const plan = this.#table.apply(cascade.plan, { seq, at });
    given.onPlan?.(plan);
    const outcome = outcomeOf(cascade, plan, ignored);
    const body = {
      v: RECORD_VERSION,
      seq,
      at,
      epoch: this.#epoch,
      actor,
      input,
      cause: given.cause,
      ...(given.textDigest !== undefined && { textDigest: given.textDigest }),
      outcome,
    } as const;
    let contexts = "";
    for (const [address, next] of cascade.changed) {
      contexts += `\n${address} ${next.snapshot.status} ${digest(next.snapshot.context)}`;
      this.#keep(address, next);
    }
    const hash = shortHash(`${this.#tail.hash}\n${canonicalJson(body)}${contexts}`);
    this.#tail = { seq, hash };
    this.#at = at;
    return { record: { ...body, hash }, plan };
  }

  /** Every live effect, in order of its start: what a new owner must end as lost (L5). */
  liveEffects(): readonly EffectEntry[] {
    return this.#table.effects();
  }

  toSnapshot(): FoldSnapshot {
    return {
      tail: this.#tail,
      at: this.#at,
      epoch: this.#epoch,
      failures: this.#failures,
      header: this.header,
      versions: this.#versions,
      actors: [...this.#actors].map(([address, { kind, snapshot }]) => [
        address,
        kind,
        persist(this.#machine(kind), snapshot),
      ]),
      effects: this.#table.toJson(),
    };
  }

  static restore(machines: MachineSet, saved: FoldSnapshot, options: FoldOptions = {}): CallFold {
    const fold = new CallFold(machines, options);
    fold.#tail = saved.tail;
    fold.#at = saved.at;
    fold.#epoch = saved.epoch;
    fold.#failures = saved.failures;
    fold.#header = saved.header;
    fold.#versions = saved.versions;
    for (const [address, kind, json] of saved.actors)
      fold.#actors.set(address, { kind, snapshot: revive(fold.#machine(kind), json) });
    fold.#table = EffectTable.fromJson(saved.effects);
    return fold;
  }

  #machine(kind: string): AnyStateMachine {
    return machineOf(this.#machines, kind, this.#versions[kind] ?? "");
  }

  #keep(address: string, next: ActorEntry): void {
    const over = next.snapshot.status !== "active";
    // What has ended gets no event again (E3); the room stays, to be looked at.
    if (over && address !== "room") this.#actors.delete(address);
    else this.#actors.set(address, next);
  }

  /** The address an input is filed under; also where its event goes. */
  #actorOf(input: StoredInput): string {
    if (input.type === "timer.fired")
      return this.#table.timer(input["timer"] as string)?.actor ?? addressOfTimer(input);
    if (input.type === "effect.progress" || input.type === "effect.ended")
      return this.#table.effect(input["effect"] as string)?.actor ?? "room";
    return "room";
  }

  /** Runs the cascade; returns why the input changed nothing, if so. */
  #run(input: StoredInput, cascade: Cascade): string | undefined {
    try {
      if (input.type === "call.opened") {
        this.#header = input["header"] as unknown as CallHeader;
        this.#versions = this.#header.machines;
        cascade.versions = this.#versions;
        cascade.open({ address: "room", machine: "room", input: this.#header });
        cascade.drain((address) => this.#actors.get(address));
        return undefined;
      }
      const routed = this.#route(input);
      if (typeof routed === "string") return routed;
      cascade.post(routed);
      return cascade.drain((address) => this.#actors.get(address));
    } catch (error) {
      cascade.fail(codeOf(error, "machine.threw"));
      return undefined;
    }
  }

  /** Edge translation: our stored names to the event of an actor, or why there is none (E3). */
  #route(input: StoredInput): Message | string {
    switch (input.type) {
      case "timer.fired": {
        const timer = this.#table.consumeTimer(input["timer"] as string, input["arm"] as string);
        return timer ? { to: timer.actor, event: timer.event } : "stale timer";
      }
      case "effect.progress": {
        const entry = this.#table.effect(input["effect"] as string);
        if (!entry) return "unknown effect";
        if (entry.phase === "stopping") return "progress of a stopped effect";
        return { to: entry.actor, event: input["event"] as unknown as Message["event"] };
      }
      case "effect.ended":
        return this.#routeEnd(input as unknown as EffectEnded);
      case "command.received": {
        const { name, ...rest } = input["command"] as { name: string };
        return { to: "room", event: { type: `command.${name}`, ...rest } };
      }
      case "host.failed":
        return { to: "room", event: { type: "host.failed" } };
      case "budget.changed":
        return { to: "room", event: input };
      case "owner.changed":
      case "outage.spoken":
      case "call.ended":
        return "bookkeeping";
      default:
        throw new AppError("record.invalid", `no input type ${input.type}`);
    }
  }

  #routeEnd(input: EffectEnded): Message | string {
    const entry = this.#table.consumeEffect(input.effect);
    if (!entry) return "unknown effect";
    // A chart would ask for the lost one again, and nobody could end that.
    if (this.givenUp) return "the call was given up";
    const { how, position, result, error } = input;
    const event = {
      type: `${entry.src}.ended`,
      child: entry.child,
      how,
      current: !this.#table.hasNewer(entry),
      ...(position !== undefined && { position }),
      ...(result !== undefined && { result }),
      ...(error !== undefined && { error }),
    };
    return { to: entry.actor, event };
  }

  /** A new epoch; actors of kinds whose version changed are moved to the new machine (L4). */
  #changeOwner(input: StoredInput): void {
    const versions = input["machines"] as MachineVersions;
    for (const [address, entry] of this.#actors) {
      if (versions[entry.kind] === this.#versions[entry.kind]) continue;
      const json = persist(this.#machine(entry.kind), entry.snapshot);
      const next = machineOf(this.#machines, entry.kind, versions[entry.kind] ?? "");
      this.#actors.set(address, { kind: entry.kind, snapshot: revive(next, json) });
    }
    this.#versions = versions;
    this.#epoch = input["epoch"] as number;
  }
}

function outcomeOf(cascade: Cascade, plan: Plan, ignored: string | undefined): Outcome {
  const state: Record<string, Json> = {};
  for (const [address, next] of cascade.changed) state[address] = next.snapshot.value as Json;
  return {
    state,
    emitted: cascade.emitted as unknown as readonly Fact[],
    effects: plan.changes,
    ...(ignored !== undefined && { ignored }),
    ...(cascade.failed && { failed: cascade.failed }),
  };
}

function addressOfTimer(input: StoredInput): string {
  return (input["timer"] as string).split("/")[0] ?? "room";
}

function persist(machine: AnyStateMachine, snapshot: Snapshot): Json {
  return machine.getPersistedSnapshot(snapshot) as unknown as Json;
}

/** Building an actor without starting it runs nothing and gives back a live snapshot. */
function revive(machine: AnyStateMachine, json: Json): Snapshot {
  const snapshot = createActor(machine, { snapshot: json as never }).getSnapshot() as Snapshot;
  if (snapshot.status === "error")
    throw new AppError("snapshot.invalid", "the machine does not know the saved state");
  return snapshot;
}
