import type { CallFold } from "../actors/call-fold.ts";
import { machineOf } from "../actors/machine-set.ts";
import { AppError } from "../base/errors.ts";
import { TURN_STATUSES } from "../events/turn.events.ts";
import type { Json } from "../events/record.ts";
import { leavesOf } from "../folds/timeline-words.ts";
import type { TurnSummary } from "../folds/turns.ts";
import { CURRENT_VERSIONS, MACHINES } from "../machines/machines.ts";

/** A call at a moment. */
export interface Moment {
  readonly fold: CallFold;
  readonly turns: readonly TurnSummary[];
}

/** The leaves an actor is in; none where it is not there. A turn that is over is in its status. */
export function statesOf(actor: string, { fold, turns }: Moment): readonly string[] {
  const address = actor === "turn" ? `turn.${turns.at(-1)?.n ?? 0}` : actor;
  const own = actor === "track" ? fold.addresses().find((a) => a.startsWith("track.")) : address;
  const snapshot = own === undefined ? undefined : fold.snapshotOf(own);
  if (snapshot) return leavesOf(snapshot.value as Json);
  const over = turns.find(({ n }) => address === `turn.${n}`);
  return over ? [over.status] : [];
}

/** Whether a leaf is this state, or lies in it; `speaking` is enough for `answering.speaking`. */
export function isIn(leaf: string, state: string): boolean {
  return leaf === state || leaf.startsWith(`${state}.`) || leaf.split(".").includes(state);
}

/** Error `input.invalid` for an actor or a state that no call has: no check of it means a thing. */
export function checkKnown(actor: string, state: string, { fold }: Moment): void {
  const kind = kindOf(actor, fold.addresses());
  if (kind === undefined)
    throw new AppError(
      "input.invalid",
      `state: there is no actor ${actor}; there are: room, track, turn and turn.N`,
    );
  const machine = machineOf(MACHINES, kind, CURRENT_VERSIONS[kind]);
  const paths = [...pathsOf(machine), ...(kind === "turn" ? TURN_STATUSES : [])];
  if (paths.some((path) => path === state || path.split(".").includes(state))) return;
  const known = paths.join(", ");
  throw new AppError("input.invalid", `state: a ${kind} has no state ${state}; it has: ${known}`);
}

function kindOf(actor: string, addresses: readonly string[]): keyof typeof MACHINES | undefined {
  if (actor === "room") return "room";
  if (actor === "track" || (actor.startsWith("track.") && addresses.includes(actor)))
    return "track";
  return /^turn(\.\d+)?$/.test(actor) ? "turn" : undefined;
}

interface StateNodes {
  readonly states: Readonly<Record<string, StateNodes & { readonly path: readonly string[] }>>;
}

function pathsOf({ states }: StateNodes): readonly string[] {
  return Object.values(states).flatMap((node) => [node.path.join("."), ...pathsOf(node)]);
}
