import {
  createActor,
  type AnyActorScope,
  type AnyEventObject,
  type AnyStateMachine,
  type ExecutableActionObject,
} from "xstate";
import type { Snapshot } from "./machine-set.ts";

/**
 * XState's `transition` and `initialTransition`, step for step. Theirs build an actor for each
 * call, which works out an initial snapshot that nobody looks at: two thirds of a step's cost. The
 * actor serves only as a name in the scope, so one per machine does; it is never started and
 * nothing is kept in it.
 */
export type Transition = readonly [Snapshot, readonly ExecutableActionObject[]];

const scopes = new WeakMap<AnyStateMachine, Omit<AnyActorScope, "actionExecutor">>();

export function pureTransition(
  logic: AnyStateMachine,
  snapshot: Snapshot,
  event: AnyEventObject,
): Transition {
  const actions: ExecutableActionObject[] = [];
  return [logic.transition(snapshot, event, scopeOf(logic, actions)) as Snapshot, actions];
}

export function pureStart(logic: AnyStateMachine, input: unknown): Transition {
  const actions: ExecutableActionObject[] = [];
  return [logic.getInitialSnapshot(scopeOf(logic, actions), input) as Snapshot, actions];
}

function scopeOf(logic: AnyStateMachine, actions: ExecutableActionObject[]): AnyActorScope {
  let scope = scopes.get(logic);
  if (!scope) {
    const self = createActor(logic);
    const { system } = self;
    const nothing = (): void => undefined;
    const calls = { logger: nothing, defer: nothing, emit: nothing, stopChild: nothing };
    scope = { self, system, id: "", sessionId: "", ...calls };
    scopes.set(logic, scope);
  }
  return { ...scope, actionExecutor: (action) => void actions.push(action) };
}
