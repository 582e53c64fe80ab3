import { assert } from "../base/assert.ts";
import { shortHash } from "../base/digest.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { EffectEnded, Meter, ToolDirective, Usage } from "../events/effect.events.ts";
import type { Json, LogRecord } from "../events/record.ts";
import type { Command } from "../events/room.events.ts";
import { usageEvent, type UsageEvent } from "../events/usage.events.ts";

/**
 * What a call's log tells the ledger: the usage rows of each ended effect, as closed events of one
 * request each. M1: the same log gives the same events, with the same ids and hashes, so that a
 * replay or a new owner tells nothing twice. M2: an effect is metered at its one end (E4). M3: each
 * row becomes part of an event, also of what was cut off, failed or thrown away; what the provider
 * did not count is marked as estimated. M4: an event's time is its record's.
 */
export class Metering {
  #header: CallHeader | undefined;
  /** Who answers now: a tool may hand the call to another. */
  #agent = "";
  /** Where each turn's chart is. */
  readonly #turns = new Map<string, Json>();
  readonly #running = new Map<string, Running>();
  readonly #ended = new Set<string>();

  /** Events that a record brings; records in the order of their log, from the first on. */
  apply(record: LogRecord): readonly UsageEvent[] {
    const { input } = record;
    if (input.type === "call.opened") this.#open(input["header"] as unknown as CallHeader);
    const events = this.#events(record);
    this.#follow(record);
    return events;
  }

  #open(header: CallHeader): void {
    this.#header = header;
    this.#agent = header.agent.name;
  }

  #events({ input, actor, at, seq }: LogRecord): readonly UsageEvent[] {
    const { usage = [], effect } = input as Partial<EffectEnded>;
    if (input.type === "outage.spoken")
      return this.#closed(usage, { id: `${seq}.outage`, at, agent: this.#agent, discarded: false });
    if (input.type !== "effect.ended" || this.#ended.has(effect!)) return [];
    this.#ended.add(effect!);
    const started = this.#running.get(effect!);
    this.#running.delete(effect!);
    const turn = actor.startsWith("turn.") ? { turn: actor } : {};
    const discarded = started?.ahead.has(actor) ?? false;
    const agent = started?.agent ?? this.#agent;
    return this.#closed(usage, { id: effect!, at, agent, discarded, ...turn });
  }

  #closed(usage: readonly Usage[], of: About): readonly UsageEvent[] {
    assert(this.#header, "a call's log begins with its header");
    const { tenant, call } = this.#header;
    const { id, at, turn, discarded } = of;
    const [room, agent] = [nameOf(this.#header.room), nameOf(of.agent)];
    return [...requestsIn(usage)].flatMap(([key, rows]) => {
      const { service, attempt = 1, how } = rows[0]!;
      const [provider, model] = [nameOf(rows[0]!.provider), nameOf(rows[0]!.model)];
      const facts = {
        tenant,
        call,
        agent,
        room,
        ...(turn !== undefined && { turn }),
        service,
        provider,
        requestModel: model,
        responseModel: model,
        clientRequest: nameOf(`${id}/${key}`),
        attempt,
        revision: 0,
        semantics: "cumulative" as const,
        billable: true,
        discarded,
        occurredAt: Math.floor(at),
        observedAt: Math.floor(at),
      };
      const status = how === undefined ? "completed" : STATUS[how];
      const told = metersOf(rows.filter(({ estimated }) => !estimated));
      const guessed = metersOf(rows.filter(({ estimated }) => estimated));
      const closed = { ...facts, kind: "closed", segment: 0, status } as const;
      if (isEmpty(guessed))
        return [usageEvent({ ...closed, meters: orRequest(told), quality: "measured" })];
      const estimate = { ...closed, meters: guessed, quality: "estimated" } as const;
      if (isEmpty(told)) return [usageEvent(estimate)];
      // What was counted stays measured beside what was not; the same meter may have some of both.
      const added = { semantics: "delta" } as const;
      const progress = { ...facts, kind: "progress", segment: 1, meters: told } as const;
      return [
        usageEvent({ ...progress, ...added, quality: "measured" }),
        usageEvent({ ...estimate, ...added }),
      ];
    });
  }

  /** What later events hang on. */
  #follow({ input, outcome }: LogRecord): void {
    for (const [address, state] of Object.entries(outcome.state))
      if (address.startsWith("turn.")) this.#turns.set(address, state);
    for (const [what, id, of] of outcome.effects) {
      if (what === "start") this.#running.set(id, { agent: this.#agent, ahead: this.#ahead(of!) });
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

interface Running {
  readonly agent: string;
  /** Turns that it was asked ahead for: it is thrown away unless it is told to speak. */
  readonly ahead: Set<string>;
}

interface About {
  readonly id: string;
  readonly at: number;
  readonly agent: string;
  readonly turn?: string;
  readonly discarded: boolean;
}

const STATUS = { stopped: "cancelled", failed: "failed" } as const;

/** Rows by the request that they are of; the key says which of the effect's it is. */
function requestsIn(usage: readonly Usage[]): ReadonlyMap<string, readonly Usage[]> {
  return Map.groupBy(usage, ({ service, model, attempt = 1, provider, how = "done" }) =>
    [service, provider, model, attempt, how].join("/"),
  );
}

/** Names are what an author gives them; an event's are of bounded length. */
const NAME_MAX = 256;

function nameOf(given: string): string {
  if (given === "") return "unnamed";
  return given.length <= NAME_MAX ? given : `${given.slice(0, 200)}#${shortHash(given)}`;
}

type Meters = Partial<Record<Meter, number>>;

/** In whole units; what is zero tells nothing. */
function metersOf(rows: readonly Usage[]): Meters {
  const sums = new Map<Meter, number>();
  for (const { meter, quantity } of rows) sums.set(meter, (sums.get(meter) ?? 0) + quantity);
  return Object.fromEntries(
    [...sums].filter(([, sum]) => sum > 0).map(([meter, sum]) => [meter, Math.ceil(sum)]),
  );
}

function isEmpty(meters: Meters): boolean {
  return Object.keys(meters).length === 0;
}

/** A request that is counted with nothing was made all the same. */
function orRequest(meters: Meters): Meters {
  return isEmpty(meters) ? { requests: 1 } : meters;
}
