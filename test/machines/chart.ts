import {
  createActor,
  type AnyEventObject,
  type AnyStateMachine,
  type ExecutableActionObject,
} from "xstate";
import { pureTransition } from "../../src/actors/pure-transition.ts";
import type { Snapshot } from "../../src/actors/machine-set.ts";
import type { Open, Send, Tell } from "../../src/machines/host-actions.ts";

/** Reads charts for the tests: their leaves and timers, snapshots in a state, what a step did. */

type Node = AnyStateMachine["root"];

/** Every state node below the root, in document order. */
export function nodesOf(machine: AnyStateMachine): readonly Node[] {
  const visit = (node: Node): readonly Node[] => [
    node,
    ...Object.values(node.states as Record<string, Node>).flatMap(visit),
  ];
  return visit(machine.root).slice(1);
}

export function pathOf(node: Node): string {
  return node.path.join(".");
}

/** Paths of all states without children. */
export function leavesOf(machine: AnyStateMachine): readonly string[] {
  return nodesOf(machine)
    .filter(({ type }) => type === "atomic" || type === "final")
    .map(pathOf);
}

/** Paths of the leaves a snapshot is in: one, or one for each parallel region. */
export function restOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) =>
    restOf(inner).map((rest) => `${key}.${rest}`),
  );
}

export interface TimerEdge {
  /** Name of the delay, as the chart writes it. */
  readonly delay: string;
  readonly event: string;
  /** The state that arms it. */
  readonly owner: string;
}

/** Each delay of a chart once for each state that arms it. */
export function timersOf(machine: AnyStateMachine): readonly TimerEdge[] {
  return nodesOf(machine).flatMap((node) => {
    const edges = node.after.map(({ eventType, delay }) => ({
      delay: String(delay),
      event: String(eventType),
      owner: pathOf(node),
    }));
    return edges.filter(({ event }, i) => edges.findIndex((e) => e.event === event) === i);
  });
}

/** Those that run while the chart rests in `leaves`. */
export function armedIn(machine: AnyStateMachine, leaves: readonly string[]): readonly TimerEdge[] {
  return timersOf(machine).filter(({ owner }) => leaves.some((leaf) => isWithin(leaf, owner)));
}

export function isWithin(leaf: string, state: string): boolean {
  return leaf === state || leaf.startsWith(`${state}.`);
}

export interface Rest {
  readonly leaves: readonly string[];
  readonly context: object;
  /** Effects that run, as `<child>` or `<child>:<src>`. */
  readonly children?: readonly string[];
}

/** A live snapshot in a state, made as from a stored one, so that its stops name effects. */
export function restIn(machine: AnyStateMachine, { leaves, context, children = [] }: Rest) {
  const nodes = nodesOf(machine);
  const done = leaves.some((leaf) =>
    nodes.some((node) => node.type === "final" && pathOf(node) === leaf && !leaf.includes(".")),
  );
  const running = children.map((child) => {
    const [id = "", src = id] = child.split(":");
    return [id, { src, snapshot: { status: "active", input: {} }, syncSnapshot: false }];
  });
  const saved = {
    status: done ? "done" : "active",
    value: valueOf(leaves.map((leaf) => leaf.split("."))),
    context,
    historyValue: {},
    children: Object.fromEntries(running) as object,
  };
  return createActor(machine, { snapshot: saved as never }).getSnapshot() as Snapshot;
}

function valueOf(paths: readonly (readonly string[])[]): unknown {
  const keys = [...new Set(paths.map(([key]) => key!))];
  if (keys.length === 1 && paths.every(({ length }) => length === 1)) return keys[0];
  return Object.fromEntries(
    keys.map((key) => [
      key,
      valueOf(paths.filter(([k]) => k === key).map((path) => path.slice(1))),
    ]),
  );
}

export interface Taken {
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly actions: readonly ExecutableActionObject[];
  /** Nothing in the chart takes the event; the host records the input as ignored. */
  readonly ignored: boolean;
}

export function take(machine: AnyStateMachine, before: Snapshot, event: AnyEventObject): Taken {
  const [after, actions] = pureTransition(machine, before, event);
  const ignored =
    before.status !== "active" ||
    (after === before &&
      actions.length === 0 &&
      (machine.getTransitionData(before as never, event) ?? []).length === 0);
  return { before, after, actions, ignored };
}

/** What a step asks of the host, timers aside, in order and in words. */
export function asksOf(actions: readonly ExecutableActionObject[]): readonly string[] {
  return actions.flatMap((action) => {
    const params = action.params as unknown;
    switch (action.type) {
      case "xstate.raise":
      case "xstate.cancel":
        return [];
      case "send": {
        const { to, event } = params as Send;
        return [`${to} ${event.type}`];
      }
      case "open":
        return [`open ${(params as Open).address}`];
      case "tell": {
        const { command, child } = params as Tell;
        return [`${command} ${child}`];
      }
      case "xstate.spawnChild":
        return [`start ${(params as { actorRef: { id: string } }).actorRef.id}`];
      case "xstate.stopChild":
        // Without params where that child never was: the host asks for nothing then.
        return params ? [`stop ${(params as { id: string }).id}`] : [];
      case "xstate.emit":
        return [`fact ${factOf((params as { event: AnyEventObject }).event)}`];
      default:
        return [`unknown ${action.type}`];
    }
  });
}

function factOf(fact: AnyEventObject): string {
  return "status" in fact ? `${fact.type} ${String(fact["status"])}` : fact.type;
}

/** A step in one line: `ignored`, `same`, `again` (timers armed anew) or new leaves; then asks. */
export function outcomeOf(machine: AnyStateMachine, step: Taken): string {
  if (step.ignored) return "ignored";
  const from = restOf(step.before.value).join(" + ");
  const to = restOf(step.after.value).join(" + ");
  const asks = asksOf(step.actions);
  const where = from !== to ? to : rearmed(machine, step) ? "again" : "same";
  return asks.length > 0 ? `${where}: ${asks.join(", ")}` : where;
}

/** Re-entered: a timer of the state was cancelled and armed in one step. */
function rearmed(machine: AnyStateMachine, { after, actions }: Taken): boolean {
  const armed = actions
    .filter(({ type }) => type === "xstate.raise")
    .map(({ params }) => (params as unknown as { id: string }).id);
  const now = armedIn(machine, restOf(after.value)).map(({ event }) => event);
  return armed.some((id) => now.includes(id));
}
