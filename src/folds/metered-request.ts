import { shortHash } from "../base/digest.ts";
import { LIMITS } from "../base/limits.ts";
import { tokensIn } from "../base/tokens.ts";
import type { Meter, Usage } from "../events/effect.events.ts";
import { usageEvent, type UsageEvent, type UsageFacts } from "../events/usage.events.ts";

export type Meters = Partial<Record<Meter, number>>;

/** Whom a request is put to, and for whom. */
export interface RequestAbout extends Pick<
  UsageFacts,
  "tenant" | "call" | "agent" | "room" | "turn" | "service" | "attempt" | "resource"
> {
  readonly provider: string;
  readonly model: string;
  readonly clientRequest: string;
  /** Unix ms at which it goes out. */
  readonly at: number;
  /** What was known of it then. */
  readonly given?: Meters;
}

export interface RequestEnd {
  readonly at: number;
  readonly discarded: boolean;
}

type Quality = UsageFacts["quality"];

/**
 * One request to a provider, as the ledger is told of it. All its events have one identity and one
 * time: when it went out. Each event of its progress is provisional: an estimate of all since then,
 * that stands until the request is closed.
 */
export class MeteredRequest {
  readonly about: RequestAbout;
  readonly #at: number;
  #chars = 0;
  /** Time of what runs is counted from here; undefined where it rests. */
  #since: number | undefined;
  #ms = 0;
  #segment = 0;
  #dueAt: number;

  constructor(about: RequestAbout) {
    this.about = about;
    this.#at = Math.floor(about.at);
    this.#since = this.#at;
    this.#dueAt = this.#isTimed ? this.#at + LIMITS.usageEveryMs : Infinity;
  }

  /** Unix ms at which its progress is to be told: each whole minute of what time is counted of. */
  get dueAt(): number {
    return this.#since === undefined ? Infinity : this.#dueAt;
  }

  get #isTimed(): boolean {
    return TIME[this.about.service] !== undefined;
  }

  /** `at` is when that was known. */
  opened(at: number): UsageEvent {
    const meters = wholes(this.about.given ?? {});
    return this.#event({ kind: "opened", meters, quality: "estimated" }, at);
  }

  /** Characters more of the answer, or for the voice. */
  add(chars: number): void {
    this.#chars += chars;
  }

  /** Somebody else goes on in its place, from here on. */
  rest(at: number): void {
    this.#ms = this.#msAt(at);
    this.#since = undefined;
  }

  resume(at: number): void {
    this.#since ??= Math.floor(at);
  }

  progress(at: number): UsageEvent {
    const meters = this.#known(at);
    while (this.#dueAt <= at) this.#dueAt += LIMITS.usageEveryMs;
    return this.#event({ kind: "progress", meters, quality: "provisional" }, at);
  }

  /** By the rows of its effect's end; some may be counted and others not. */
  closedBy(rows: readonly Usage[], { at, discarded }: RequestEnd): readonly UsageEvent[] {
    const { how, model: responseModel } = rows[0]!;
    const status = how === undefined ? "completed" : STATUS[how];
    const more = { discarded, responseModel: nameOf(responseModel) };
    const told = metersOf(rows.filter(({ estimated }) => !estimated));
    const guessed = metersOf(rows.filter(({ estimated }) => estimated));
    const closed = { kind: "closed", status, ...more } as const;
    if (isEmpty(guessed))
      return [this.#event({ ...closed, meters: orRequest(told), quality: "measured" }, at)];
    const estimate = { ...closed, meters: guessed, quality: "estimated" } as const;
    if (isEmpty(told)) return [this.#event(estimate, at)];
    // What was counted stays measured beside what was not; the same meter may have some of both.
    const semantics = "delta";
    const counted = { kind: "progress", meters: told, quality: "measured", semantics } as const;
    return [this.#event({ ...counted, ...more }, at), this.#event({ ...estimate, semantics }, at)];
  }

  /** By what the log has told of it, where nobody counted: what went out is never free. */
  closedAs(quality: Quality, end: RequestEnd): UsageEvent {
    const { at, discarded } = end;
    if (at < this.#at) return this.closedUnused(end);
    const status = quality === "measured" ? "completed" : "failed";
    const known = this.#known(at);
    const meters = this.#isTimed ? known : orRequest(known);
    return this.#event({ kind: "closed", status, meters, quality, discarded }, at);
  }

  /** It was never put to anybody. */
  closedUnused({ at }: RequestEnd): UsageEvent {
    const none = { meters: {}, quality: "measured", billable: false } as const;
    return this.#event({ kind: "closed", status: "cancelled", ...none }, at);
  }

  #known(at: number): Meters {
    const { service, given = {} } = this.about;
    const time = TIME[service];
    if (time) return wholes({ [time]: this.#msAt(at) });
    if (service === "tts") return wholes({ characters: this.#chars });
    return wholes({ ...given, outputTokens: tokensIn(this.#chars) });
  }

  #msAt(at: number): number {
    return this.#ms + (this.#since === undefined ? 0 : Math.floor(at) - this.#since);
  }

  #event(
    said: Pick<UsageFacts, "kind" | "meters" | "quality"> & Partial<UsageFacts>,
    at: number,
  ): UsageEvent {
    const { provider, model, given: _, at: __, clientRequest, turn, ...about } = this.about;
    const observedAt = Math.floor(at);
    const isOpen = said.kind === "opened" || said.quality === "provisional";
    return usageEvent({
      ...about,
      ...(turn !== undefined && { turn }),
      provider: nameOf(provider),
      requestModel: nameOf(model),
      clientRequest: nameOf(clientRequest),
      segment: said.kind === "progress" ? ++this.#segment : 0,
      revision: 0,
      semantics: "cumulative",
      billable: true,
      discarded: false,
      occurredAt: this.#at,
      observedAt,
      ...(isOpen && { leaseUntil: observedAt + LIMITS.usageLeaseMs }),
      ...said,
    });
  }
}

/** What counts the time of a service that is paid by it. */
const TIME: Partial<Record<UsageFacts["service"], Meter>> = {
  stt: "audioMs",
  room: "connectionMs",
  compute: "connectionMs",
};

const STATUS = { stopped: "cancelled", failed: "failed" } as const;

/** Names are what an author gives them; an event's are of bounded length. */
const NAME_MAX = 256;

export function nameOf(given: string): string {
  if (given === "") return "unnamed";
  return given.length <= NAME_MAX ? given : `${given.slice(0, 200)}#${shortHash(given)}`;
}

function metersOf(rows: readonly Usage[]): Meters {
  const sums: Meters = {};
  for (const { meter, quantity } of rows) sums[meter] = (sums[meter] ?? 0) + quantity;
  return wholes(sums);
}

/** In whole units; what is zero tells nothing. */
function wholes(meters: Meters): Meters {
  return Object.fromEntries(
    Object.entries(meters)
      .filter(([, sum]) => sum > 0)
      .map(([meter, sum]) => [meter, Math.ceil(sum)]),
  );
}

function isEmpty(meters: Meters): boolean {
  return Object.keys(meters).length === 0;
}

/** A request that is counted with nothing was made all the same. */
function orRequest(meters: Meters): Meters {
  return isEmpty(meters) ? { requests: 1 } : meters;
}
