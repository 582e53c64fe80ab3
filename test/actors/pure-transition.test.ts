import assert from "node:assert/strict";
import { test } from "node:test";
import {
  initialTransition,
  transition,
  type AnyEventObject,
  type AnyStateMachine,
  type ExecutableActionObject,
} from "xstate";
import { pureStart, pureTransition, type Transition } from "../../src/actors/pure-transition.ts";
import type { Snapshot } from "../../src/actors/machine-set.ts";
import { CallFold } from "../../src/actors/call-fold.ts";
import { MACHINES } from "../../src/machines/machines.ts";
import { logFile, readRecords, recordCall, tempDir } from "../support/recorded-call.ts";

interface Seen {
  readonly logic: AnyStateMachine;
  readonly start?: unknown;
  readonly step?: { readonly snapshot: Snapshot; readonly event: AnyEventObject };
}

/** The same machine, telling what it is asked. */
function watched(logic: AnyStateMachine, seen: Seen[]): AnyStateMachine {
  return new Proxy(logic, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== "function") return value;
      const method = value as (...args: unknown[]) => unknown;
      if (name === "transition")
        return (snapshot: Snapshot, event: AnyEventObject, scope: unknown) => {
          seen.push({ logic, step: { snapshot, event } });
          return method.call(target, snapshot, event, scope);
        };
      if (name === "getInitialSnapshot")
        return (scope: unknown, input: unknown) => {
          if (input !== undefined) seen.push({ logic, start: input });
          return method.call(target, scope, input);
        };
      return method.bind(target);
    },
  });
}

function plain([snapshot, actions]: Transition) {
  const wants = actions.map(({ type, params }: ExecutableActionObject) => ({ type, params }));
  const { value, context, status } = snapshot;
  return JSON.parse(
    JSON.stringify({ value, context, status, wants }, (key, inner: unknown) =>
      key === "actorRef" ? (inner as { id: string }).id : inner,
    ),
  ) as unknown;
}

test("a step of ours is XState's own transition, over every step of a recorded call", async (t) => {
  const dir = await tempDir(t);
  await recordCall(dir);
  const seen: Seen[] = [];
  const machines = Object.fromEntries(
    Object.entries(MACHINES).map(([kind, versions]) => [
      kind,
      Object.fromEntries(
        Object.entries(versions).map(([version, logic]) => [version, watched(logic, seen)]),
      ),
    ]),
  );
  const fold = new CallFold(machines);
  for (const { input, at, cause, textDigest } of await readRecords(logFile(dir)))
    fold.step(input, { at, cause, ...(textDigest !== undefined && { textDigest }) });

  assert.ok(seen.filter(({ step }) => step).length > 100);
  for (const { logic, start, step } of seen) {
    if (step) {
      const theirs = transition(logic, step.snapshot, step.event) as Transition;
      const ours = pureTransition(logic, step.snapshot, step.event);
      assert.deepEqual(plain(ours), plain(theirs), `${logic.id} on ${step.event.type}`);
    } else {
      const theirs = initialTransition(logic, start) as Transition;
      assert.deepEqual(plain(pureStart(logic, start)), plain(theirs), `${logic.id} starts`);
    }
  }
});
