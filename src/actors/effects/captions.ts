import type { CallHeader } from "../../events/call.events.ts";
import type { Json, LogRecord } from "../../events/record.ts";
import { heardOf, type SpokenSegment } from "../../folds/heard.ts";
import type { RoomConnection } from "../../media/room.port.ts";

type Shown = Pick<RoomConnection, "sendText" | "setAttribute">;
type Event = { readonly type: string; readonly ref: string } & Readonly<Record<string, Json>>;
type AgentState = "initializing" | "listening" | "thinking" | "speaking";

/** A reply on its way out: what it says, and how much of each sentence was shown. */
interface Run {
  readonly segments: SpokenSegment[];
  readonly shown: Map<string, string>;
  readonly done: Set<string>;
}

/**
 * What participants read of a call: the user's words as they are understood, the agent's as they
 * are heard, and what the agent is at. All of it follows the records of the call, so nothing is
 * shown that is not in the log, and it is as late as the positions in it.
 *
 * A segment of the user is one reference of speech-to-text, one of the agent a sentence. A sentence
 * that was cut ends with the last word that was heard.
 */
export class Captions {
  readonly #connection: Shown;
  readonly #minPart: number;
  /** Whose track it is. */
  readonly #speakers = new Map<string, string>();
  readonly #runs = new Map<string, Run>();
  /** Turns in which the agent does something. */
  readonly #turns = new Map<string, AgentState>();
  #state: AgentState = "initializing";

  constructor(connection: Shown, { settings }: Pick<CallHeader, "settings">) {
    this.#connection = connection;
    this.#minPart = settings.heard.minPart;
  }

  apply({ actor, input, text, outcome }: LogRecord): void {
    if (input.type === "effect.progress") {
      const event = input["event"] as Event;
      const said = (text?.value as { readonly text?: string } | undefined)?.text;
      if (event.type === "track.published")
        this.#speakers.set(event["sid"] as string, event["identity"] as string);
      else if (event.type.startsWith("stt.")) this.#user(actor.slice("track.".length), event, said);
      else if (outcome.ignored === undefined) this.#agent(input["effect"] as string, event, said);
    } else if (input.type === "effect.ended") {
      const { effect, how, position } = input as unknown as Ended;
      this.#end(effect, how === "done" ? Infinity : (position ?? 0));
    }
    for (const [turn, state] of Object.entries(outcome.state))
      if (turn.startsWith("turn.")) this.#turn(turn, state);
    this.#tellState();
  }

  #user(sid: string, event: Event, text: string | undefined): void {
    const identity = this.#speakers.get(sid);
    if (identity === undefined || text === undefined) return;
    const final = event.type === "stt.final";
    const of = { identity, sid };
    this.#connection.sendText({ topic: "lk.transcription", text, segment: event.ref, final, of });
  }

  #agent(effect: string, event: Event, text: string | undefined): void {
    const [, kind] = event.type.split(".");
    let run = this.#runs.get(effect);
    if (kind === "segment" && text !== undefined) {
      if (!run) this.#runs.set(effect, (run = { segments: [], shown: new Map(), done: new Set() }));
      run.segments.push({ ref: event.ref, text });
    } else if (run && event.type === "speech.segment") {
      const index = run.segments.findIndex(({ ref }) => ref === event.ref);
      const wordEndsMs = event["wordEndsMs"] as unknown as readonly number[];
      const ms = event["ms"] as number;
      if (index >= 0) run.segments[index] = { ...run.segments[index]!, ms, wordEndsMs };
    } else if (run && kind === "position") this.#show(run, event["ms"] as number, false);
  }

  #end(effect: string, position: number): void {
    const run = this.#runs.get(effect);
    if (run) this.#show(run, position, true);
    this.#runs.delete(effect);
  }

  /** Each sentence as far as it was heard; it is final once it was heard to its end, or cut. */
  #show(run: Run, position: number, over: boolean): void {
    let start = 0;
    for (const segment of run.segments) {
      const { ref, ms = Infinity } = segment;
      const { heard } = heardOf([segment], position - start, this.#minPart);
      start += ms;
      const final = over || position >= start;
      const isNews = heard !== run.shown.get(ref) || (final && !run.done.has(ref));
      if (heard === "" || !isNews) continue;
      run.shown.set(ref, heard);
      if (final) run.done.add(ref);
      this.#connection.sendText({ topic: "lk.transcription", text: heard, segment: ref, final });
    }
  }

  #turn(turn: string, value: Json): void {
    const state = stateOf(value);
    if (state === "listening") this.#turns.delete(turn);
    else this.#turns.set(turn, state);
  }

  #tellState(): void {
    const states = [...this.#turns.values()];
    const state = states.includes("speaking")
      ? "speaking"
      : states.includes("thinking")
        ? "thinking"
        : "listening";
    if (state === this.#state) return;
    this.#state = state;
    this.#connection.setAttribute("lk.agent.state", state);
  }
}

interface Ended {
  readonly effect: string;
  readonly how: string;
  readonly position?: number;
}

/** What a turn in this state makes the agent look like. */
function stateOf(turn: Json): AgentState {
  if (typeof turn !== "object" || turn === null || !("answering" in turn)) return "listening";
  const { answering } = turn as { readonly answering: Json };
  if (answering === "speaking") return "speaking";
  return answering === "paused" ? "listening" : "thinking";
}
