import type { AnyStateMachine } from "xstate";
import type { MachineSet, Snapshot } from "../../../src/actors/machine-set.ts";
import { MACHINES } from "../../../src/machines/machines.ts";

/** What the runs have met: named counters, and per chart the cells of (leaf state x event type). */
export interface CoverageJson {
  readonly counts: Readonly<Record<string, number>>;
  readonly cells: Readonly<Record<string, number>>;
}

export class Coverage {
  readonly counts: Record<string, number> = {};
  readonly cells: Record<string, number> = {};

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }

  /** Keeps the largest value seen. */
  atMost(name: string, value: number): void {
    this.counts[name] = Math.max(this.counts[name] ?? 0, Math.round(value));
  }

  cell(kind: string, leaf: string, event: string): void {
    const name = `${kind} ${leaf} ${event}`;
    this.cells[name] = (this.cells[name] ?? 0) + 1;
  }

  add({ counts, cells }: CoverageJson): void {
    for (const [name, n] of Object.entries(counts))
      if (name.startsWith("max.")) this.atMost(name, n);
      else this.count(name, n);
    for (const [name, n] of Object.entries(cells)) this.cells[name] = (this.cells[name] ?? 0) + n;
  }
}

/** Words that begin so make the chart that reads them throw: a failing step, the same each time. */
export const BOOM = "boom";

/**
 * The real charts, with each event counted by the leaf state that met it. Room and turn throw on
 * marked words, as no chart of ours throws by itself.
 */
export function watchedMachines(
  coverage: Coverage | undefined,
  machines: MachineSet = MACHINES,
): MachineSet {
  const out: Record<string, Record<string, AnyStateMachine>> = {};
  for (const [kind, versions] of Object.entries(machines)) {
    out[kind] = {};
    for (const [version, machine] of Object.entries(versions))
      out[kind][version] = watched(kind, machine, coverage);
  }
  return out;
}

function watched(
  kind: string,
  machine: AnyStateMachine,
  coverage: Coverage | undefined,
): AnyStateMachine {
  const copy = machine.provide({} as never) as AnyStateMachine;
  const real = copy.transition.bind(copy);
  copy.transition = (snapshot, event, scope) => {
    if (coverage)
      for (const leaf of leavesOf(snapshot as Snapshot))
        coverage.cell(kind, leaf, event.type as string);
    if (event.type === "turn.holds") coverage?.count("turn.holds");
    // In the last chart that words reach, so that there is something to roll back.
    const { ref } = event as { ref?: unknown };
    const last = kind === "turn" || event.type === "command.say";
    if (last && typeof ref === "string" && ref.startsWith(BOOM))
      throw new TypeError("a planted failure");
    return real(snapshot, event, scope);
  };
  return copy;
}

const known = new WeakMap<object, readonly string[]>();

function leavesOf({ value }: Snapshot): readonly string[] {
  if (typeof value !== "object") return [value as string];
  let leaves = known.get(value);
  if (!leaves) known.set(value, (leaves = walk(value as Record<string, unknown>, "")));
  return leaves;
}

function walk(value: Record<string, unknown>, path: string): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === "object" && inner !== null && Object.keys(inner).length > 0
      ? walk(inner as Record<string, unknown>, `${path}${key}.`)
      : [`${path}${key}${typeof inner === "string" ? `.${inner}` : ""}`],
  );
}

/** All leaf states of a chart, to say how many cells there are. */
export function leafCount(machine: AnyStateMachine): number {
  const count = (node: AnyStateMachine["root"]): number => {
    const inner = Object.values(node.states) as AnyStateMachine["root"][];
    return inner.length === 0 ? 1 : inner.reduce((sum, one) => sum + count(one), 0);
  };
  return count(machine.root);
}
