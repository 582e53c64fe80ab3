import type { EffectEnded, Usage } from "../events/effect.events.ts";
import type { ParticipantJoined, ParticipantLeft, RoomJoined } from "../events/room.events.ts";
import type { SttOpened } from "../events/track.events.ts";
import type {
  FillerSegment,
  ReplyRequested,
  ReplyRetried,
  ReplySegment,
} from "../events/turn.events.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import { MeteredRequest, type RequestAbout, type RequestEnd } from "./metered-request.ts";

/** Of which call and effect requests are, and when the effect began. */
export interface EffectScope extends Pick<
  RequestAbout,
  "tenant" | "call" | "agent" | "room" | "turn" | "at"
> {
  readonly effect: string;
}

interface Asked extends Pick<RequestAbout, "service" | "provider" | "model"> {
  readonly attempt?: number | undefined;
  readonly given?: RequestAbout["given"];
}

/** When a record came, and which one it was. */
interface Moment {
  readonly at: number;
  readonly seq: number;
}

export interface EffectEnd extends RequestEnd, Pick<EffectEnded, "how" | "usage"> {}

/**
 * The requests of one effect. R1: what it tells of as it goes out is opened, and closed by its row
 * at the end. R2: rows of which nothing was told, as the tries of a voice, are requests that are
 * told at the end alone. R3: what was opened and has no row was not put to anybody, unless nobody
 * is left to say so.
 */
export class EffectRequests {
  readonly #scope: EffectScope;
  /** By what the log knows them by. */
  readonly #open = new Map<string, MeteredRequest>();
  /** Who answers, speaks and listens now. */
  #model: MeteredRequest | undefined;
  #voice: MeteredRequest | undefined;
  #ears: MeteredRequest | undefined;
  /** Who counts the minutes of the room. */
  #room = "";

  constructor(scope: EffectScope) {
    this.#scope = scope;
  }

  /** Those that are not closed. */
  get open(): Iterable<MeteredRequest> {
    return this.#open.values();
  }

  /** What the effect met, as it stands in the log. */
  met(event: Met, when: Moment): readonly UsageEvent[] {
    switch (event.type) {
      case "reply.requested":
        return this.#ask(event, when);
      case "reply.retried":
        return event.what === "model" ? this.#askAgain(event, when) : [];
      case "reply.segment":
      case "filler.segment":
        return this.#say(event, when);
      case "stt.opened":
        return this.#listen(event, when);
      case "room.joined":
        return event.provider === undefined ? [] : this.#join(event.provider, when);
      case "participant.joined":
        return this.#room === "" ? [] : this.#stay("participant", event.identity, when);
      case "participant.left":
        return this.#leave(event.identity, when);
      default:
        return [];
    }
  }

  /** All that is open is closed. */
  end({ usage, how, ...end }: EffectEnd): readonly UsageEvent[] {
    const groups = groupsOf(usage ?? []);
    const closing = new Map<Group, MeteredRequest>();
    for (const isOf of [isSame, isAnswerOf])
      for (const group of groups) {
        if (closing.has(group)) continue;
        const found = [...this.#open].find(([, { about }]) => isOf(about, group.rows[0]!));
        if (!found) continue;
        closing.set(group, found[1]);
        this.#open.delete(found[0]);
      }
    const told = groups.flatMap((group) =>
      (closing.get(group) ?? this.#untold(group)).closedBy(group.rows, end),
    );
    const isDead = how === "lost" || how === "unknown";
    // What breaks off without a count may have asked for something all the same.
    const isUnknown = isDead || (usage === undefined && how !== "done");
    const left = [...this.#open.values()].map((request) => {
      const isStay = request.about.service === "room";
      if (isStay && !isDead) return request.closedAs("measured", end);
      return isUnknown ? request.closedAs("estimated", end) : request.closedUnused(end);
    });
    this.#open.clear();
    return [...told, ...left];
  }

  #ask({ provider, model, inputTokens }: ReplyRequested, { at }: Moment): readonly UsageEvent[] {
    const given = inputTokens === undefined ? {} : { given: { inputTokens } };
    const { request, events } = this.#begin({ service: "llm", provider, model, ...given }, at);
    this.#model = request;
    return events;
  }

  #askAgain({ of, attempt, waitMs }: ReplyRetried, { at }: Moment): readonly UsageEvent[] {
    const before = this.#model?.about;
    if (before?.model !== of) return [];
    const { request, events } = this.#begin({ ...before, attempt }, at + waitMs, at);
    this.#model = request;
    return events;
  }

  /** Characters for the voice are an answer of the model. */
  #say({ chars, voice }: ReplySegment | FillerSegment, { at }: Moment): readonly UsageEvent[] {
    const { request, events } = voice
      ? this.#begin({ service: "tts", ...voice }, at)
      : { request: this.#voice, events: [] };
    this.#voice = request;
    const grown = [this.#model, request].flatMap((one) => one ?? []);
    for (const one of grown) one.add(chars);
    return [...events, ...grown.map((one) => one.progress(at))];
  }

  /** Whoever listened before rests, and may go on later. */
  #listen({ provider, model }: SttOpened, { at }: Moment): readonly UsageEvent[] {
    const { request, events } = this.#begin({ service: "stt", provider, model }, at);
    if (this.#ears !== request) this.#ears?.rest(at);
    request.resume(at);
    this.#ears = request;
    return events;
  }

  #join(provider: string, when: Moment): readonly UsageEvent[] {
    this.#room = provider;
    return this.#stay("agent", "", when);
  }

  /** A stay is rounded by itself: a minute that was begun counts. */
  #stay(model: "agent" | "participant", who: string, { at, seq }: Moment): readonly UsageEvent[] {
    const key = `${model} ${who}`;
    if (this.#open.has(key)) return [];
    const id = `${this.#scope.effect}/room/${this.#room}/${model}/${seq}`;
    const asked = { service: "room", provider: this.#room, model, attempt: 1 } as const;
    const request = this.#request(asked, { id, at, resource: id });
    this.#open.set(key, request);
    return [request.opened(at)];
  }

  #leave(who: string, { at }: Moment): readonly UsageEvent[] {
    const key = `participant ${who}`;
    const request = this.#open.get(key);
    this.#open.delete(key);
    return request ? [request.closedAs("measured", { at, discarded: false })] : [];
  }

  /** The request of this name: a new one where there is none. */
  #begin(asked: Asked, at: number, knownAt = at): Begun {
    const { service, provider, model, attempt = 1 } = asked;
    const key = [service, provider, model, attempt].join("/");
    const known = this.#open.get(key);
    if (known) return { request: known, events: [] };
    const request = this.#request(
      { ...asked, attempt },
      { id: `${this.#scope.effect}/${key}`, at },
    );
    this.#open.set(key, request);
    return { request, events: [request.opened(knownAt)] };
  }

  /** Nothing was told of it before its end. */
  #untold({ key, rows: [row] }: Group): MeteredRequest {
    const { effect, at } = this.#scope;
    const { service, provider, model, attempt = 1 } = row!;
    return this.#request({ service, provider, model, attempt }, { id: `${effect}/${key}`, at });
  }

  #request(
    { service, provider, model, attempt, given }: Asked & { readonly attempt: number },
    { id, at, resource }: { id: string; at: number; resource?: string },
  ): MeteredRequest {
    const { effect: _, at: __, ...scope } = this.#scope;
    const to = { service, provider, model, attempt, clientRequest: id, at };
    return new MeteredRequest({
      ...scope,
      ...to,
      ...(given && { given }),
      ...(resource !== undefined && { resource }),
    });
  }
}

interface Begun {
  readonly request: MeteredRequest;
  readonly events: readonly UsageEvent[];
}

/** Progress that tells of requests. */
export type Met =
  | ReplyRequested
  | ReplyRetried
  | ReplySegment
  | FillerSegment
  | SttOpened
  | RoomJoined
  | ParticipantJoined
  | ParticipantLeft;

export const TELLING: ReadonlySet<string> = new Set<Met["type"]>([
  "reply.requested",
  "reply.retried",
  "reply.segment",
  "filler.segment",
  "stt.opened",
  "room.joined",
  "participant.joined",
  "participant.left",
]);

interface Group {
  readonly key: string;
  readonly rows: readonly Usage[];
}

/** Rows by the request that they are of; the key says which of the effect's it is. */
function groupsOf(usage: readonly Usage[]): readonly Group[] {
  const groups = Map.groupBy(usage, ({ service, model, attempt = 1, provider, how = "done" }) =>
    [service, provider, model, attempt, how].join("/"),
  );
  return [...groups].map(([key, rows]) => ({ key, rows }));
}

function isSame(about: RequestAbout, row: Usage): boolean {
  return isOfVendor(about, row) && about.model === row.model;
}

/** A vendor may name the very version that answered. */
function isAnswerOf(about: RequestAbout, row: Usage): boolean {
  return isOfVendor(about, row) && row.service === "llm";
}

function isOfVendor(about: RequestAbout, { service, provider, attempt = 1 }: Usage): boolean {
  return about.service === service && about.provider === provider && about.attempt === attempt;
}
