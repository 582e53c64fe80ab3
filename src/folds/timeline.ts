import type { EffectChange, Fact, Json, LogRecord } from "../events/record.ts";
import type { BudgetChanged } from "../events/budget.events.ts";
import {
  budgetText,
  changeText,
  explainedText,
  type Explained,
  childOf,
  commandText,
  endText,
  leavesOf,
  outageText,
  progressText,
  timerName,
  toolEndText,
} from "./timeline-words.ts";
import type { Transcript } from "./transcript.ts";
import { TurnFold, type TurnLatencies } from "./turns.ts";

/**
 * A call as a person reads it: folded from its records, in their order, one at a time, so that a
 * live call is told as it goes on. What comes many times a second (playout positions, interims)
 * makes no entry of its own; a state it changes does.
 */
export const TIMELINE_KINDS = [
  "call",
  "room",
  "user",
  "agent",
  "speech",
  "state",
  "effect",
  "timer",
  "tool",
  "command",
  "takeover",
  "turn",
  "failure",
  "choice",
] as const;
export type TimelineKind = (typeof TIMELINE_KINDS)[number];

export interface TimelineEntry {
  readonly seq: number;
  /** Record time, and the same since the call was opened. */
  readonly at: number;
  readonly ms: number;
  readonly actor: string;
  readonly turn: number | null;
  readonly kind: TimelineKind;
  readonly text: string;
  /** The input changed nothing. */
  readonly ignored: boolean;
}

type Line = Pick<TimelineEntry, "kind" | "text"> & Partial<TimelineEntry>;

/** These come in numbers: neither they nor the timers they arm again are told. */
const MANY = new Set(["reply.position", "filler.position", "speech.segment", "stt.interim"]);

export class Timeline {
  readonly turns = new TurnFold();
  readonly #names = new Map<string, string>();
  readonly #states = new Map<string, readonly string[]>();
  readonly #sounded = new Set<string>();
  #startAt = 0;

  get transcript(): Transcript {
    return this.turns.transcript;
  }

  /** What this record adds. */
  apply(record: LogRecord): readonly TimelineEntry[] {
    if (record.seq === 1) this.#startAt = record.at;
    this.turns.apply(record);
    this.#learnNames(record);
    const { seq, at, actor, outcome } = record;
    const ignored = outcome.ignored !== undefined && outcome.ignored !== "bookkeeping";
    const base = { seq, at, ms: at - this.#startAt, actor, turn: turnOf(record), ignored: false };
    const said = this.#inputLines(record).map((line) => ({
      ...line,
      text: ignored ? `${line.text} (ignored: ${outcome.ignored})` : line.text,
      ignored,
    }));
    const lines = [
      ...said,
      ...failureLines(record),
      ...this.#stateLines(record),
      ...(isMany(record) ? [] : outcome.effects.flatMap((change) => effectLines(change, at))),
      ...outcome.emitted.flatMap((fact) => this.#factLines(fact)),
    ];
    return lines.map((line) => ({ ...base, ...line }));
  }

  /** What the charts compared for this record; of a guard that said no, what failed. */
  explain(record: LogRecord, decided: readonly Explained[]): readonly TimelineEntry[] {
    if (isMany(record)) return [];
    const { seq, at } = record;
    const base = { seq, at, ms: at - this.#startAt, kind: "choice", ignored: false } as const;
    return decided.map((one) => {
      const { actor } = one;
      return { ...base, actor, turn: turnNumber(actor), text: explainedText(one) };
    });
  }

  #learnNames({ input }: LogRecord): void {
    const event = input["event"] as Readonly<Record<string, string>> | undefined;
    if (event?.["type"] === "participant.joined")
      this.#names.set(event["identity"]!, event["name"] || event["identity"]!);
    if (event?.["type"] === "track.published")
      this.#names.set(event["sid"]!, this.#person(event["identity"]!));
  }

  #person(key: string): string {
    const bare = key.startsWith("track.") ? key.slice("track.".length) : key;
    return this.#names.get(bare) ?? bare;
  }

  #inputLines(record: LogRecord): readonly Line[] {
    const { input } = record;
    switch (input.type) {
      case "call.opened":
        return [{ kind: "call", text: openedText(input) }];
      case "owner.changed": {
        const { worker, epoch, reason } = input as unknown as Record<string, string | number>;
        return [{ kind: "takeover", text: `${worker} owns the call: ${reason}, epoch ${epoch}` }];
      }
      case "call.ended":
        return [{ kind: "call", text: `call ${input["how"] as string}: ${reasonOf(input)}` }];
      case "host.failed":
        return [{ kind: "failure", text: `${input["failures"] as number} steps have failed` }];
      case "budget.changed":
        return [{ kind: "call", text: budgetText(input as unknown as BudgetChanged) }];
      case "outage.spoken":
        return [{ kind: "agent", text: outageText(input, (ref) => this.transcript.textOf(ref)) }];
      case "command.received":
        return [{ kind: "command", text: commandText(record) }];
      case "timer.fired":
        return [{ kind: "timer", text: `timer ${timerName(input["timer"] as string)} fired` }];
      case "effect.ended":
        return [this.#endLine(record)];
      case "effect.progress":
        return this.#progressLines(record);
      default:
        return [{ kind: "failure", text: `an input of the unknown type ${input.type}` }];
    }
  }

  #progressLines(record: LogRecord): readonly Line[] {
    const { type } = record.input["event"] as { readonly type: string };
    if (type === "reply.position" || type === "filler.position") {
      const effect = record.input["effect"] as string;
      if (this.#sounded.has(effect) || record.outcome.ignored !== undefined) return [];
      this.#sounded.add(effect);
      return [{ kind: "speech", text: "the agent's sound begins" }];
    }
    const text = progressText(record, { person: (key) => this.#person(key) });
    if (text === undefined) return [];
    if (type === "stt.final" || type === "text.received") return [{ kind: "user", text }];
    if (type === "filler.segment") return [{ kind: "agent", text }];
    const heard = type.startsWith("vad.") || type.endsWith(".segment");
    if (heard) return [{ kind: "speech", text }];
    const isEffect = ["reply.", "stt.", "speech."].some((group) => type.startsWith(group));
    return [{ kind: isEffect ? "effect" : "room", text }];
  }

  #endLine(record: LogRecord): Line {
    const child = childOf(record.input["effect"] as string);
    const kind = record.input["how"] === "failed" ? "failure" : "effect";
    if (!child.startsWith("tool.")) return { kind, text: endText(record) };
    const call = child.slice("tool.".length);
    for (const { n, runs } of this.transcript.turns.values()) {
      const asked = runs.flatMap((run) => run.toolCalls).find((one) => one.call === call);
      if (asked) return { kind: "tool", text: toolEndText(record, asked.name), turn: n };
    }
    return { kind: "tool", text: toolEndText(record, call) };
  }

  #stateLines({ outcome }: LogRecord): readonly Line[] {
    const lines: Line[] = [];
    for (const [actor, state] of Object.entries(outcome.state)) {
      const after = leavesOf(state);
      const before = this.#states.get(actor);
      this.#states.set(actor, after);
      const change = changeText(before ?? [], after);
      if (change === "") continue;
      const text = before ? `${actor}: ${change}` : `${actor} opens: ${change}`;
      lines.push({ kind: "state", text, actor, turn: turnNumber(actor) });
    }
    return lines;
  }

  #factLines(fact: Fact): readonly Line[] {
    const { actor } = fact;
    if (fact.type === "turn.ended") return this.#turnLines(fact["n"] as number, fact);
    const words = this.transcript.textOf((fact["ref"] as string | undefined) ?? "");
    if (fact.type === "words.late") {
      const n = fact["n"] as number;
      return [{ kind: "user", text: `late words of turn ${n}: ${words}`, actor, turn: n }];
    }
    if (fact.type === "words.echo")
      return [{ kind: "user", text: `the agent's own words, heard back: ${words}`, actor }];
    return [];
  }

  /** The answer as it was sent and heard, and how the turn ended. */
  #turnLines(n: number, fact: Fact): readonly Line[] {
    const summary = this.turns.summary(n)!;
    const lines: Line[] = [];
    const spoken = this.#spoken(n);
    const { actor } = fact;
    if (spoken) lines.push({ kind: "agent", text: `agent: ${spoken}`, actor, turn: n });
    const why = fact["reason"] ? ` (${fact["reason"] as string})` : "";
    const times = latencyText(summary.latencyMs);
    const text = `turn ${n} ${summary.status}${why}${times ? `: ${times}` : ""}`;
    const kind = summary.status === "failed" ? "failure" : "turn";
    return [...lines, { kind, text, actor, turn: n }];
  }

  #spoken(n: number): string {
    const runs = this.transcript.turn(n).runs.filter((run) => run.segments.length > 0);
    const sent = runs.flatMap((run) => run.segments.map((segment) => segment.text)).join(" ");
    const parts = runs.map((run) => this.transcript.heard(run));
    const cut = parts
      .map(({ unheard }) => unheard)
      .filter(Boolean)
      .join(" ");
    if (cut === "") return sent;
    const heard = parts.map((part) => part.heard).filter(Boolean);
    return `${sent} (heard: ${heard.join(" ") || "nothing"} | cut: ${cut})`;
  }
}

/** `endOfTurn 500 ms, e2e 700 ms`; what does not apply is left out. */
export function latencyText(latencies: TurnLatencies): string {
  return Object.entries(latencies)
    .filter(([, ms]) => ms !== null)
    .map(([key, ms]) => `${key} ${ms} ms`)
    .join(", ");
}

function effectLines(change: EffectChange, at: number): readonly Line[] {
  const [what, id] = change;
  switch (what) {
    case "start":
      return [{ kind: "effect", text: `${childOf(id)} starts` }];
    case "stop":
      return [{ kind: "effect", text: `${childOf(id)} is told to stop` }];
    case "tell":
      return [{ kind: "effect", text: `${childOf(id)} is told: ${change[2]}` }];
    case "arm":
      return [armLine(id, change[2] - at)];
    case "disarm":
      return [];
  }
}

function armLine(id: string, restMs: number): Line {
  const actor = id.slice(0, id.indexOf("/"));
  return {
    kind: "timer",
    text: `timer ${timerName(id)} in ${restMs} ms`,
    actor,
    turn: turnNumber(actor),
  };
}

function failureLines({ outcome }: LogRecord): readonly Line[] {
  if (!outcome.failed) return [];
  const { actor, code } = outcome.failed;
  return [{ kind: "failure", text: `the step failed in ${actor}: ${code}`, actor }];
}

function isMany({ input }: LogRecord): boolean {
  return MANY.has((input["event"] as { readonly type: string } | undefined)?.type ?? "");
}

/** The turn a record is about: its own, or the newest that it changed. */
function turnOf({ actor, outcome }: LogRecord): number | null {
  const own = turnNumber(actor);
  if (own !== null) return own;
  const changed = Object.keys(outcome.state)
    .map(turnNumber)
    .filter((n) => n !== null);
  return changed.length === 0 ? null : Math.max(...changed);
}

function turnNumber(actor: string): number | null {
  return actor.startsWith("turn.") ? Number(actor.slice("turn.".length)) : null;
}

function openedText(input: Readonly<Record<string, Json>>): string {
  const header = input["header"] as {
    readonly call: string;
    readonly room: string;
    readonly tenant: string;
    readonly agent: { readonly name: string };
  };
  const { call, room, tenant, agent } = header;
  return `call ${call} of ${tenant}: agent ${agent.name} in room ${room}`;
}

function reasonOf(input: Readonly<Record<string, Json>>): string {
  return (input["reason"] as string) || "no reason given";
}
