import type { AnyEventObject, AnyStateMachine, ExecutableActionObject } from "xstate";
import { digest } from "../base/digest.ts";
import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { MachineVersions } from "../events/call.events.ts";
import type { Open, Send, Tell, TellCommand } from "../machines/host-actions.ts";
import { machineOf, type MachineSet, type Snapshot } from "./machine-set.ts";
import { pureStart, pureTransition } from "./pure-transition.ts";

/** What an action asks of the tables, in the order it was asked. */
export type Interpreted =
  | {
      readonly op: "start";
      readonly actor: string;
      readonly child: string;
      readonly src: string;
      readonly input: unknown;
    }
  | { readonly op: "stop"; readonly actor: string; readonly child: string }
  | {
      readonly op: "tell";
      readonly actor: string;
      readonly child: string;
      readonly command: TellCommand;
    }
  | {
      readonly op: "arm";
      readonly actor: string;
      readonly timer: string;
      readonly event: AnyEventObject;
      readonly delayMs: number;
    }
  | { readonly op: "disarm"; readonly timer: string }
  | { readonly op: "over"; readonly actor: string };

export interface Message {
  readonly to: string;
  readonly event: AnyEventObject;
}

interface Changed {
  readonly kind: string;
  readonly snapshot: Snapshot;
}

/**
 * One step's run through the actors: first in, first out, at most `cascadeEventsMax` events (E1).
 * Nothing here touches the call; what it made is taken over by `CallFold` or dropped whole.
 */
export class Cascade {
  readonly changed = new Map<string, Changed>();
  readonly plan: Interpreted[] = [];
  readonly emitted: AnyEventObject[] = [];
  failed: { actor: string; code: string } | undefined;
  versions: MachineVersions;
  readonly #machines: MachineSet;
  readonly #at: number;
  readonly #checks: boolean;
  readonly #queue: Message[] = [];
  #acting = "room";

  constructor(
    machines: MachineSet,
    versions: MachineVersions,
    step: { readonly at: number; readonly checks: boolean },
  ) {
    this.#machines = machines;
    this.versions = versions;
    this.#at = step.at;
    this.#checks = step.checks;
  }

  post(message: Message): void {
    this.#queue.push(message);
  }

  /** Delivers all messages; returns why the first one changed nothing, if so. */
  drain(actorOf: (address: string) => Changed | undefined): string | undefined {
    let ignored: string | undefined;
    for (let count = 1; this.#queue.length > 0; count++) {
      if (count > LIMITS.cascadeEventsMax)
        throw new AppError("cascade.limit", `over ${LIMITS.cascadeEventsMax} events in one step`);
      const { to, event } = this.#queue.shift()!;
      const old = this.changed.get(to) ?? actorOf(to);
      const why = !old
        ? "no such actor"
        : old.snapshot.status !== "active"
          ? "actor has ended"
          : this.#deliver(to, old, event);
      if (count === 1) ignored = why;
    }
    return ignored;
  }

  open({ address, machine, input }: Open): void {
    this.#acting = address;
    const logic = this.#machine(machine);
    const [snapshot, actions] = pureStart(logic, { ...(input as object), at: this.#at });
    this.#take(address, { kind: machine, snapshot }, actions);
  }

  /** Discards all that this step made (E1). */
  fail(code: string): void {
    this.failed = { actor: this.#acting, code };
    this.changed.clear();
    this.plan.length = 0;
    this.emitted.length = 0;
    this.#queue.length = 0;
  }

  #machine(kind: string): AnyStateMachine {
    return machineOf(this.#machines, kind, this.versions[kind] ?? "");
  }

  #deliver(to: string, old: Changed, plain: AnyEventObject): string | undefined {
    this.#acting = to;
    const logic = this.#machine(old.kind);
    const event = { ...plain, at: this.#at };
    if (this.#checks) provePure(logic, old.snapshot, event);
    const [snapshot, actions] = pureTransition(logic, old.snapshot, event);
    if (snapshot === old.snapshot && actions.length === 0) {
      const enabled = logic.getTransitionData(old.snapshot as never, event) ?? [];
      if (enabled.length === 0) return "no transition";
    }
    this.#take(to, { kind: old.kind, snapshot }, actions);
    return undefined;
  }

  #take(address: string, next: Changed, actions: readonly ExecutableActionObject[]): void {
    // An unhandled error event does not throw in XState, it kills silently: so look.
    if (next.snapshot.status === "error")
      throw new AppError("machine.error", `the machine of ${address} went to its error status`);
    this.changed.set(address, next);
    for (const action of actions) this.#interpret(address, action);
    if (next.snapshot.status === "done") this.plan.push({ op: "over", actor: address });
  }

  /** E2: actions are interpreted by type; their bodies are never called. */
  #interpret(actor: string, action: ExecutableActionObject): void {
    const params = action.params as never;
    switch (action.type) {
      case "send":
        this.#queue.push({ to: (params as Send).to, event: (params as Send).event });
        break;
      case "open":
        this.open(params);
        break;
      case "tell":
        this.plan.push({ op: "tell", actor, ...(params as Tell) });
        break;
      case "xstate.emit":
        this.emitted.push({ actor, ...(params as { event: AnyEventObject }).event });
        break;
      case "xstate.spawnChild": {
        const { actorRef, src, input } = params as {
          actorRef: { id: string };
          src: string;
          input: unknown;
        };
        this.plan.push({ op: "start", actor, child: actorRef.id, src, input: input ?? null });
        break;
      }
      case "xstate.stopChild":
        // Without params where that child never was.
        if (params) this.plan.push({ op: "stop", actor, child: (params as { id: string }).id });
        break;
      case "xstate.raise": {
        const { event, id, delay } = params as {
          event: AnyEventObject;
          id: string;
          delay?: number;
        };
        // Without a delay the event is folded in already.
        if (delay !== undefined && !Number.isFinite(delay))
          throw new AppError("machine.threw", `a delay of ${actor} is no number`);
        if (delay !== undefined)
          this.plan.push({ op: "arm", actor, timer: timerId(actor, id), event, delayMs: delay });
        break;
      }
      case "xstate.cancel":
        this.plan.push({
          op: "disarm",
          timer: timerId(actor, (params as { sendId: string }).sendId),
        });
        break;
      default:
        throw new AppError("bug", `the host has no action ${action.type}`);
    }
  }
}

/** Our own name of a timer: the raw ids of XState never reach the log (E3). */
function timerId(actor: string, id: string): string {
  return `${actor}/${id.startsWith("xstate.after.") ? id.slice("xstate.after.".length) : id}`;
}

/** E8: the same event on the same frozen snapshot gives the same, or the chart is impure. */
function provePure(logic: AnyStateMachine, snapshot: Snapshot, event: AnyEventObject): void {
  deepFreeze(snapshot.context);
  deepFreeze(event);
  const look = (): string => {
    const [next, actions] = pureTransition(logic, snapshot, event);
    const wants = actions.map((action) => action.type);
    return `${JSON.stringify(next.value)} ${digest(next.context)} ${wants.join()}`;
  };
  const first = look();
  const second = look();
  if (first !== second)
    throw new AppError("machine.threw", `${logic.id} is impure on ${event.type}`);
}

function deepFreeze(value: unknown): void {
  if (value === null || typeof value !== "object" || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}
