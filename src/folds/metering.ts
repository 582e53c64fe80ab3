import { assert } from "../base/assert.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { EffectEnded, ToolDirective, Usage } from "../events/effect.events.ts";
import type { Json, LogRecord } from "../events/record.ts";
import type { Command } from "../events/room.events.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import { EffectRequests, type EffectEnd, type Met, TELLING } from "./effect-requests.ts";
import { MeteredRequest, nameOf, type RequestAbout } from "./metered-request.ts";

/**
 * What a call's log tells the ledger: each request as it is opened, as it goes on, and once as it
 * is closed. M1: the same log gives the same events, with the same ids and hashes, so that a replay
 * or a new owner tells nothing twice. M2: what an effect opened is closed at its one end (E4): by
 * the rows of its usage, or where its process died by what the log had told. M3: each row becomes
 * part of an event, also of what was cut off, failed or thrown away; what the provider did not
 * count is marked as estimated. M4: times are those of records: a request has that of the record
 * that told of it, else that which its effect began with.
 */
export class Metering {
  #header: CallHeader | undefined;
  /** Who answers now: a tool may hand the call to another. */
  #agent = "";
  /** Where each turn's chart is. */
  readonly #turns = new Map<string, Json>();
  readonly #running = new Map<string, Running>();
  readonly #ended = new Set<string>();
  /** The call's stay with its owner. */
  #stay: MeteredRequest | undefined;
  /** No progress of what time is counted of is due before. */
  #dueAt = Infinity;

  /** Events that a record brings; records in the order of their log, from the first on. */
  apply(record: LogRecord): readonly UsageEvent[] {
    const events = this.#events(record);
    const { at } = record;
    const more = at >= this.#dueAt ? this.#tick(at) : NONE;
    if (events.length > 0) this.#dueAt = this.#nextDue();
    this.#follow(record);
    return more.length > 0 ? [...events, ...more] : events;
  }

  #events(record: LogRecord): readonly UsageEvent[] {
    const { input, at, seq } = record;
    switch (input.type) {
      case "effect.progress":
        return this.#met(record);
      case "effect.ended":
        return this.#end(record);
      case "outage.spoken": {
        const usage = input["usage"] as unknown as readonly Usage[];
        const said = this.#requestsOf(`${seq}.outage`, { agent: this.#agent, at });
        return said.end({ how: "done", usage: [...usage], at, discarded: false });
      }
      case "call.opened":
        this.#header = input["header"] as unknown as CallHeader;
        this.#agent = this.#header.agent.name;
        return this.#begin(record);
      case "owner.changed":
        return [...this.#leave(at, "estimated"), ...this.#begin(record)];
      case "call.ended":
        return this.#over(at);
      default:
        return NONE;
    }
  }

  /** An owner is paid for its time. */
  #begin({ seq, at }: LogRecord): readonly UsageEvent[] {
    const to = { service: "compute", provider: "own", model: "worker", attempt: 1 } as const;
    const clientRequest = `${seq}/compute/own/worker/1`;
    this.#stay = new MeteredRequest({ ...this.#scope(this.#agent), ...to, clientRequest, at });
    return [this.#stay.opened(at)];
  }

  #leave(at: number, quality: "measured" | "estimated"): readonly UsageEvent[] {
    const stay = this.#stay;
    this.#stay = undefined;
    return stay ? [stay.closedAs(quality, { at, discarded: false })] : NONE;
  }

  /** What has no end of its own ends with the call. */
  #over(at: number): readonly UsageEvent[] {
    const open = [...this.#running.values()].flatMap(({ requests }) => [requests ?? []].flat());
    this.#running.clear();
    const lost = { how: "lost", at, discarded: false } as const;
    return [...open.flatMap((requests) => requests.end(lost)), ...this.#leave(at, "measured")];
  }

  #met({ input, actor, at, seq }: LogRecord): readonly UsageEvent[] {
    const event = input["event"] as unknown as Met;
    if (!TELLING.has(event.type)) return NONE;
    const effect = input["effect"] as string;
    if (this.#ended.has(effect)) return NONE;
    const running = this.#runningOf(effect, at);
    running.requests ??= this.#requestsOf(effect, running, actor);
    return running.requests.met(event, { at, seq });
  }

  #end({ input, actor, at }: LogRecord): readonly UsageEvent[] {
    const { effect, how, usage } = input as unknown as EffectEnded;
    if (this.#ended.has(effect)) return NONE;
    const running = this.#runningOf(effect, at);
    this.#running.delete(effect);
    this.#ended.add(effect);
    if (!running.requests && !usage?.length) return NONE;
    const requests = running.requests ?? this.#requestsOf(effect, running, actor);
    const end: EffectEnd = { how, at, discarded: running.ahead.has(actor) };
    return requests.end(usage ? { ...end, usage } : end);
  }

  #runningOf(effect: string, at: number): Running {
    const known = this.#running.get(effect);
    if (known) return known;
    const running = { agent: this.#agent, at, ahead: new Set<string>(), requests: undefined };
    this.#running.set(effect, running);
    return running;
  }

  #requestsOf(
    effect: string,
    { agent, at }: Pick<Running, "agent" | "at">,
    actor = "",
  ): EffectRequests {
    const turn = actor.startsWith("turn.") ? { turn: actor } : {};
    return new EffectRequests({ ...this.#scope(agent), ...turn, effect, at });
  }

  #scope(agent: string): Pick<RequestAbout, "tenant" | "call" | "agent" | "room"> {
    assert(this.#header, "a call's log begins with its header");
    const { tenant, call, room } = this.#header;
    return { tenant, call, agent: nameOf(agent), room: nameOf(room) };
  }

  /** What has gone on for another minute. */
  #tick(at: number): readonly UsageEvent[] {
    const due = [...this.#open()].filter(({ dueAt }) => dueAt <= at);
    const events = due.map((request) => request.progress(at));
    this.#dueAt = this.#nextDue();
    return events;
  }

  #nextDue(): number {
    let next = Infinity;
    for (const { dueAt } of this.#open()) next = Math.min(next, dueAt);
    return next;
  }

  *#open(): Iterable<MeteredRequest> {
    if (this.#stay) yield this.#stay;
    for (const { requests } of this.#running.values()) if (requests) yield* requests.open;
  }

  /** What later events hang on. */
  #follow({ input, outcome, at }: LogRecord): void {
    for (const [address, state] of Object.entries(outcome.state))
      if (address.startsWith("turn.")) this.#turns.set(address, state);
    for (const [what, id, of] of outcome.effects) {
      if (what === "start") {
        const ahead = this.#ahead(of!);
        this.#running.set(id, { agent: this.#agent, at, ahead, requests: undefined });
      }
      if (what === "tell" && of === "commit") this.#running.get(id)?.ahead.clear();
    }
    const to = outcome.ignored === undefined && this.#newAgent(input);
    if (to) this.#agent = to;
  }

  /** Turns that still listen, where a reply may be asked for ahead of their end. */
  #ahead(src: Json): Set<string> {
    const isListening = (state: Json): boolean =>
      typeof state === "object" && state !== null && "listening" in state;
    if (src !== "reply") return new Set();
    return new Set(
      [...this.#turns].filter(([, state]) => isListening(state)).map(([turn]) => turn),
    );
  }

  #newAgent(input: LogRecord["input"]): string | undefined {
    if (input.type === "command.received") {
      const command = input["command"] as unknown as Command;
      return command.name === "agent" ? command.agent.name : undefined;
    }
    if (input.type !== "effect.ended" || input["how"] !== "done") return undefined;
    const to = (input["result"] as ToolDirective | null | undefined)?.handoff;
    const isKnown =
      to !== undefined && (this.#header?.agents[to] ?? to === this.#header?.agent.name);
    return isKnown ? to : undefined;
  }
}

/** All events of a log. */
export function usageEventsOf(records: Iterable<LogRecord>): readonly UsageEvent[] {
  const metering = new Metering();
  return [...records].flatMap((record) => metering.apply(record));
}

const NONE: readonly UsageEvent[] = [];

interface Running {
  readonly agent: string;
  /** When it was asked for. */
  readonly at: number;
  /** Turns that it was asked ahead for: it is thrown away unless it is told to speak. */
  readonly ahead: Set<string>;
  /** Once it has told of any. */
  requests: EffectRequests | undefined;
}
