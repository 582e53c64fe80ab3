import { initialTransition, transition, type AnyEventObject, type AnyStateMachine } from "xstate";
import { CallFold } from "../src/actors/call-fold.ts";
import type { MachineSet, Snapshot } from "../src/actors/machine-set.ts";
import { pureStart, pureTransition } from "../src/actors/pure-transition.ts";
import { refold } from "../src/actors/supervisor.ts";
import { AppError } from "../src/base/errors.ts";
import type { LogRecord } from "../src/events/record.ts";
import { MACHINES } from "../src/machines/machines.ts";

/**
 * The floor of folding: the very transitions a log takes and nothing around them. No routing, no
 * plan, no outcome, no hash. Once by XState's own `transition()`, and once by the host's form.
 */
interface Entry {
  readonly machine: AnyStateMachine;
  readonly input?: unknown;
  /** Missing for the transition that makes an actor. */
  readonly event?: AnyEventObject;
  /** Which actor's: its snapshot stands there until the next one takes its place. */
  readonly slot: number;
}

type Next = (machine: AnyStateMachine, from: Snapshot, event: AnyEventObject) => readonly unknown[];
type Start = (machine: AnyStateMachine, input: unknown) => readonly unknown[];

export class RawFold {
  readonly #entries: readonly Entry[];

  private constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  /** Notes every transition of the records' fold. */
  static of(records: readonly LogRecord[]): RawFold {
    const entries: Entry[] = [];
    const slots = new Map<unknown, number>();
    let actors = 0;
    const machines = watched(MACHINES, (entry, from, made) => {
      const slot = entry.event ? slots.get(from) : actors++;
      if (slot === undefined) throw new AppError("bug", "a snapshot that nobody has made");
      entries.push({ ...entry, slot });
      slots.set(made, slot);
    });
    const fold = new CallFold(machines);
    for (const record of records) refold(fold, record);
    return new RawFold(entries);
  }

  get transitions(): number {
    return this.#entries.length;
  }

  runXstate(): void {
    this.#run(transition, initialTransition);
  }

  runHost(): void {
    this.#run(pureTransition, pureStart);
  }

  #run(next: Next, start: Start): void {
    const snapshots: Snapshot[] = [];
    for (const { machine, input, event, slot } of this.#entries) {
      const [snapshot] = event ? next(machine, snapshots[slot]!, event) : start(machine, input);
      snapshots[slot] = snapshot as Snapshot;
    }
  }
}

type Note = (entry: Omit<Entry, "slot">, from: unknown, made: unknown) => void;

/** The same machines, telling of each transition; what else is asked of them is let through. */
function watched(machines: MachineSet, note: Note): MachineSet {
  const out: Record<string, Record<string, AnyStateMachine>> = {};
  for (const [kind, versions] of Object.entries(machines)) {
    out[kind] = {};
    for (const [version, machine] of Object.entries(versions))
      out[kind][version] = watch(machine, note);
  }
  return out;
}

function watch(machine: AnyStateMachine, note: Note): AnyStateMachine {
  return new Proxy(machine, {
    get: (target, key) => {
      if (key === "transition")
        return (snapshot: Snapshot, event: AnyEventObject, scope: never) => {
          const made = target.transition(snapshot as never, event, scope);
          note({ machine, event }, snapshot, made);
          return made;
        };
      if (key === "getInitialSnapshot")
        return (scope: never, input: unknown) => {
          const made = target.getInitialSnapshot(scope, input as never);
          // Without an input XState looks for itself, and throws the snapshot away.
          if (input !== undefined) note({ machine, input }, undefined, made);
          return made;
        };
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
