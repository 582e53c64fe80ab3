import assert from "node:assert/strict";
import type { AnyEventObject, AnyStateMachine } from "xstate";
import { armedIn, leavesOf, nodesOf, outcomeOf, pathOf, restIn, take, timersOf } from "./chart.ts";
import type { Rest } from "./chart.ts";

/**
 * A chart as a total table: what every state does with every event, and with every timer it arms. A
 * cell is `ignored`, `same`, `again` (its timers are armed anew), or the new state; after a colon
 * comes all that is asked of the host, in order, timers aside. `never`: the state is left within
 * the step that enters it.
 */
export type Line<State extends string> =
  | "ignored"
  | "never"
  | `${"same" | "again" | State}${"" | `: ${string}`}`;

export interface Row<State extends string> {
  readonly given: string;
  readonly context?: object;
  readonly event?: object;
  readonly children?: readonly string[];
  readonly to: Line<State>;
}
export type Cell<State extends string> = Line<State> | readonly Row<State>[];

export interface ChartTable<State extends string, Event extends string> {
  readonly machine: AnyStateMachine;
  readonly rests: Readonly<Record<State, Rest>>;
  readonly events: Readonly<Record<Event, AnyEventObject>>;
  readonly cells: Readonly<Record<State, Readonly<Record<Event, Cell<State>>>>>;
  readonly timers: Readonly<Record<State, Readonly<Record<string, Cell<State>>>>>;
}

export function statesOf<State extends string>(table: ChartTable<State, never>): readonly State[] {
  return Object.keys(table.cells) as State[];
}

/** The table and the chart know the same states and the same timers. */
export function checkWhole<State extends string>(table: ChartTable<State, never>): void {
  const leaves = statesOf(table).flatMap((state) => state.split(" + "));
  assert.deepEqual([...new Set(leaves)].sort(), [...leavesOf(table.machine)].sort());
  const delays = Object.values(table.timers).flatMap((cells) => Object.keys(cells as object));
  const known = timersOf(table.machine).map(({ delay }) => delay);
  assert.deepEqual([...new Set(delays)].sort(), [...new Set(known)].sort());
}

/** Every event and every timer in one state. */
export function checkState<State extends string, Event extends string>(
  table: ChartTable<State, Event>,
  state: State,
): void {
  const { machine, rests, events, cells, timers } = table;
  if (Object.values(cells[state]).every((cell) => cell === "never"))
    return assertLeftAtOnce(machine, state);
  const wrong: string[] = [];
  const armed = armedIn(machine, rests[state].leaves);
  assert.deepEqual(Object.keys(timers[state]).sort(), armed.map(({ delay }) => delay).sort());
  const check = (cell: Cell<State>, event: AnyEventObject): void => {
    const rows = Array.isArray(cell) ? (cell as readonly Row<State>[]) : [plainRow(cell as never)];
    for (const row of rows) wrong.push(...faultsOf(machine, { rest: rests[state], event, row }));
  };
  for (const type of Object.keys(cells[state]) as Event[]) check(cells[state][type], events[type]);
  for (const { delay, event } of armed) check(timers[state][delay]!, { type: event, at: NOW });
  assert.equal(wrong.length, 0, `\n${wrong.join("\n")}`);
}

/** Record time of every event of a table. */
export const NOW = 10_000;

function plainRow<State extends string>(to: Line<State>): Row<State> {
  return { given: "", to };
}

function faultsOf<State extends string>(
  machine: AnyStateMachine,
  { rest, event, row }: { rest: Rest; event: AnyEventObject; row: Row<State> },
): readonly string[] {
  const context = { ...rest.context, ...row.context };
  const children = row.children ?? rest.children ?? [];
  const before = restIn(machine, { leaves: rest.leaves, context, children });
  const step = take(machine, before, { ...event, ...row.event });
  const actual = outcomeOf(machine, step);
  const given = row.given === "" ? "" : ` given ${row.given}`;
  return actual === row.to
    ? []
    : [`${event.type}${given}\n  expected ${row.to}\n  actual   ${actual}`];
}

function assertLeftAtOnce(machine: AnyStateMachine, state: string): void {
  const node = nodesOf(machine).find((one) => pathOf(one) === state);
  assert.ok(node?.always?.at(-1) && !node.always.at(-1)?.guard, `${state} can be rested in`);
}
