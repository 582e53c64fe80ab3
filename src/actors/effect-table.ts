import type { AnyEventObject } from "xstate";
import { digest } from "../base/digest.ts";
import type { EffectChange, Json } from "../events/record.ts";
import type { TellCommand } from "../machines/host-actions.ts";
import type { Interpreted } from "./cascade.ts";

/** A timer, stamped with the record that armed it (E6). */
export interface TimerEntry {
  readonly actor: string;
  readonly event: AnyEventObject;
  readonly due: number;
  readonly delayMs: number;
  /** `<seq>.<k>` of its arming. */
  readonly arm: string;
}

/**
 * An effect that has been asked for and has not ended (E4). Whether it runs already is known to
 * the host alone: the log says only that it is wanted or being stopped.
 */
export interface EffectEntry {
  /** `<seq>.<k>.<child>`: the record that asked for it. */
  readonly id: string;
  readonly actor: string;
  readonly child: string;
  readonly src: string;
  readonly input: unknown;
  readonly phase: "open" | "stopping";
  /** The record that asked for it. */
  readonly seq: number;
}

/** The net plan of a step: what starts and stops within it never existed (E2). */
export interface Plan {
  readonly start: readonly EffectEntry[];
  readonly stop: readonly string[];
  readonly tell: readonly { readonly id: string; readonly command: TellCommand }[];
  readonly changes: readonly EffectChange[];
}

interface Stamp {
  readonly seq: number;
  readonly at: number;
}

/** Timers and effects of a call: folded state, part of its snapshots (E6). */
export class EffectTable {
  #timers = new Map<string, TimerEntry>();
  #effects = new Map<string, EffectEntry>();

  timer(id: string): TimerEntry | undefined {
    return this.#timers.get(id);
  }
  effect(id: string): EffectEntry | undefined {
    return this.#effects.get(id);
  }
  effects(): readonly EffectEntry[] {
    return [...this.#effects.values()];
  }
  /** Whether its actor has asked for the same child again; that one may be stopped already too. */
  hasNewer({ actor, child, seq }: EffectEntry): boolean {
    for (const entry of this.#effects.values())
      if (entry.child === child && entry.actor === actor && entry.seq > seq) return true;
    return false;
  }

  /** Due timers in an order that does not depend on the event loop: by due time, then arming. */
  timers(): readonly (TimerEntry & { readonly id: string })[] {
    return [...this.#timers]
      .map(([id, entry]) => ({ id, ...entry }))
      .sort((a, b) => a.due - b.due || compareArms(a.arm, b.arm));
  }

  get nextDue(): number | undefined {
    let next: number | undefined;
    for (const { due } of this.#timers.values()) if (next === undefined || due < next) next = due;
    return next;
  }

  /** Takes the timer out if the firing is of its present arming. */
  consumeTimer(id: string, arm: string): TimerEntry | undefined {
    const timer = this.#timers.get(id);
    if (!timer || timer.arm !== arm) return undefined;
    this.#timers.delete(id);
    return timer;
  }

  consumeEffect(id: string): EffectEntry | undefined {
    const entry = this.#effects.get(id);
    this.#effects.delete(id);
    return entry;
  }

  /** Folds what a step asked for, in order, and returns its net effect. */
  apply(ops: readonly Interpreted[], { seq, at }: Stamp): Plan {
    const start: EffectEntry[] = [];
    const stop: string[] = [];
    const tell: { id: string; command: TellCommand }[] = [];
    const armed = new Map<string, TimerEntry>();
    const disarmed = new Set<string>();
    let k = 0;
    for (const op of ops) {
      if (op.op === "start") {
        const { actor, child, src, input } = op;
        const id = `${seq}.${k++}.${child}`;
        const entry: EffectEntry = { id, actor, child, src, input, phase: "open", seq };
        this.#effects.set(entry.id, entry);
        start.push(entry);
      } else if (op.op === "stop") this.#stop(op, start, stop);
      else if (op.op === "tell") {
        const entry = this.#open(op.actor, op.child);
        if (entry) tell.push({ id: entry.id, command: op.command });
      } else if (op.op === "arm") {
        const { actor, event, delayMs } = op;
        armed.set(op.timer, { actor, event, delayMs, due: at + delayMs, arm: `${seq}.${k++}` });
      } else if (op.op === "disarm") this.#disarm(op.timer, armed, disarmed);
      else for (const id of this.#timersOf(op.actor, armed)) this.#disarm(id, armed, disarmed);
    }
    for (const [id, entry] of armed) this.#timers.set(id, entry);
    const told = tell.filter(({ id }) => this.#effects.get(id)?.phase === "open");
    const changes = changesOf({ start, stop, tell: told, armed, disarmed });
    return { start, stop, tell: told, changes };
  }

  toJson(): Json {
    const json = { timers: [...this.#timers], effects: [...this.#effects.values()] };
    return json as unknown as Json;
  }

  static fromJson(json: Json): EffectTable {
    const saved = json as unknown as { timers: [string, TimerEntry][]; effects: EffectEntry[] };
    const table = new EffectTable();
    table.#timers = new Map(saved.timers);
    table.#effects = new Map(saved.effects.map((entry) => [entry.id, entry]));
    return table;
  }

  #open(actor: string, child: string): EffectEntry | undefined {
    let found: EffectEntry | undefined;
    for (const entry of this.#effects.values())
      if (entry.child === child && entry.actor === actor && entry.phase === "open") found = entry;
    return found;
  }

  #stop(op: { actor: string; child: string }, start: EffectEntry[], stop: string[]): void {
    const entry = this.#open(op.actor, op.child);
    if (!entry) return; // XState also stops what has ended.
    const fresh = start.indexOf(entry);
    if (fresh >= 0) {
      start.splice(fresh, 1);
      this.#effects.delete(entry.id);
      return;
    }
    this.#effects.set(entry.id, { ...entry, phase: "stopping" });
    stop.push(entry.id);
  }

  #disarm(id: string, armed: Map<string, TimerEntry>, disarmed: Set<string>): void {
    armed.delete(id);
    if (this.#timers.delete(id)) disarmed.add(id);
  }

  #timersOf(actor: string, armed: ReadonlyMap<string, TimerEntry>): string[] {
    return [...this.#timers, ...armed].filter(([, t]) => t.actor === actor).map(([id]) => id);
  }
}

function changesOf(net: {
  start: readonly EffectEntry[];
  stop: readonly string[];
  tell: Plan["tell"];
  armed: ReadonlyMap<string, TimerEntry>;
  disarmed: ReadonlySet<string>;
}): EffectChange[] {
  const changes: EffectChange[] = [];
  for (const id of net.stop) changes.push(["stop", id]);
  for (const { id, src, input } of net.start) changes.push(["start", id, src, digest(input)]);
  for (const { id, command } of net.tell) changes.push(["tell", id, command]);
  for (const [timer, { due }] of net.armed) changes.push(["arm", timer, due]);
  for (const timer of net.disarmed) if (!net.armed.has(timer)) changes.push(["disarm", timer]);
  return changes;
}

/** Arms are `<seq>.<k>`; both parts count as numbers. */
function compareArms(a: string, b: string): number {
  const [aSeq = 0, aK = 0] = a.split(".").map(Number);
  const [bSeq = 0, bK = 0] = b.split(".").map(Number);
  return aSeq - bSeq || aK - bK;
}
