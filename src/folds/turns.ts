import type { Json, LogRecord } from "../events/record.ts";
import type { TurnStatus } from "../events/turn.events.ts";
import { Transcript, type TurnTranscript } from "./transcript.ts";

/**
 * What each conversation turn came to: who said what, what was heard, and how long one waited.
 *
 * A latency is null where it does not apply: a typed or an agent's turn has no last speech sample,
 * a text that is said as it stands has no request. All times are those of the records.
 */
export interface TurnSummary {
  readonly n: number;
  /** `live`: the log ends before the turn does. */
  readonly status: TurnStatus | "live";
  readonly userText: string;
  /** All that was sent to the voice. */
  readonly agentText: string;
  readonly heardText: string;
  readonly latencyMs: TurnLatencies;
}

export interface TurnLatencies {
  /** Last speech sample of the user to the chart leaving `listening`. */
  readonly endOfTurn: number | null;
  /** Request to first token, of the first reply that spoke. */
  readonly llmTtft: number | null;
  /** First sentence handed over to its first audio. */
  readonly ttsTtfb: number | null;
  /** Last speech sample of the user to the first sound of the answer. */
  readonly e2e: number | null;
}

interface Marks {
  /** The chart has left `listening`: what comes now is no longer the question. */
  answeringAt: number | undefined;
  speechEndAt: number | undefined;
  ttftMs: number | undefined;
  ttfbMs: number | undefined;
  soundAt: number | undefined;
  /** Words that came in while the turn listened; the turn's own list comes with its end. */
  readonly refs: Set<string>;
}

export class TurnFold {
  readonly transcript = new Transcript();
  readonly #marks = new Map<number, Marks>();

  apply(record: LogRecord): void {
    this.transcript.apply(record);
    if (record.input.type === "effect.progress") this.#progress(record);
    for (const [n, state] of turnStates(record)) {
      const marks = this.#of(n);
      if (isAnswering(state)) marks.answeringAt ??= record.at;
    }
  }

  summary(n: number): TurnSummary | undefined {
    const turn = this.transcript.turns.get(n);
    return turn && this.#summaryOf(turn);
  }

  summaries(): readonly TurnSummary[] {
    const turns = [...this.transcript.turns.values()].sort((a, b) => a.n - b.n);
    return turns.map((turn) => this.#summaryOf(turn));
  }

  #progress(record: LogRecord): void {
    if (record.outcome.ignored !== undefined) return;
    const event = record.input["event"] as { readonly type: string } & Readonly<
      Record<string, Json>
    >;
    const { actor, at } = record;
    if (actor.startsWith("turn.")) this.#reply(this.#of(Number(actor.slice(5))), event, at);
    else if (event.type === "vad.ended") {
      // The turn that took it is among the actors the step changed.
      for (const marks of this.#listening(record))
        marks.speechEndAt = at - (event["silenceMs"] as number);
    } else if (event.type.startsWith("stt.") || event.type === "text.received") {
      const ref = event["ref"];
      if (typeof ref === "string") for (const marks of this.#listening(record)) marks.refs.add(ref);
    }
  }

  #reply(
    marks: Marks,
    event: { readonly type: string } & Readonly<Record<string, Json>>,
    at: number,
  ): void {
    if (event.type === "reply.segment" && typeof event["ttftMs"] === "number")
      marks.ttftMs ??= event["ttftMs"];
    else if (event.type === "speech.segment" && typeof event["ttfbMs"] === "number")
      marks.ttfbMs ??= event["ttfbMs"];
    else if (event.type === "reply.position") marks.soundAt ??= at - (event["ms"] as number);
  }

  /** Turns the step changed that still listened before it; of two the newer has the floor. */
  #listening(record: LogRecord): readonly Marks[] {
    const open = turnStates(record)
      .map(([n]) => n)
      .filter((n) => this.#of(n).answeringAt === undefined);
    return open.length === 0 ? [] : [this.#of(Math.max(...open))];
  }

  #summaryOf(turn: TurnTranscript): TurnSummary {
    const { transcript } = this;
    const marks = this.#of(turn.n);
    const refs = turn.ended ? transcript.refsOf(turn) : [...marks.refs];
    const sent = turn.runs.flatMap((run) => run.segments.map((segment) => segment.text));
    const heard = turn.runs.map((run) => transcript.heard(run).heard);
    return {
      n: turn.n,
      status: turn.ended?.status ?? "live",
      userText: joined(refs.map((ref) => transcript.textOf(ref))),
      agentText: joined(sent),
      heardText: joined(heard),
      latencyMs: {
        endOfTurn: since(marks.speechEndAt, marks.answeringAt),
        llmTtft: marks.ttftMs ?? null,
        ttsTtfb: marks.ttfbMs ?? null,
        e2e: since(marks.speechEndAt, marks.soundAt),
      },
    };
  }

  #of(n: number): Marks {
    let marks = this.#marks.get(n);
    if (!marks) {
      const none = { answeringAt: undefined, speechEndAt: undefined, soundAt: undefined };
      marks = { ...none, ttftMs: undefined, ttfbMs: undefined, refs: new Set() };
      this.#marks.set(n, marks);
    }
    return marks;
  }
}

/** The turns of a call in order, folded from its records. */
export function turnSummaries(records: Iterable<LogRecord>): readonly TurnSummary[] {
  const fold = new TurnFold();
  for (const record of records) fold.apply(record);
  return fold.summaries();
}

/** Number and state of each turn the step changed. */
function turnStates({ outcome }: LogRecord): readonly (readonly [number, Json])[] {
  return Object.entries(outcome.state)
    .filter(([actor]) => actor.startsWith("turn."))
    .map(([actor, state]) => [Number(actor.slice(5)), state]);
}

function isAnswering(state: Json): boolean {
  return typeof state === "object" && state !== null && "answering" in state;
}

function since(from: number | undefined, to: number | undefined): number | null {
  return from === undefined || to === undefined ? null : Math.round(to - from);
}

function joined(parts: readonly string[]): string {
  return parts.filter(Boolean).join(" ");
}
