import type { OutageSpoken } from "../events/call.events.ts";
import type { EffectEnded } from "../events/effect.events.ts";
import type { Json, LogRecord } from "../events/record.ts";
import type { RequestedTool, TurnEnded } from "../events/turn.events.ts";
import { wordsOf } from "./features.ts";
import { heardOf, type Heard, type SpokenSegment } from "./heard.ts";

/**
 * Who said what, folded from the records of a call. Requests, captions, `show` and tests read it;
 * no chart does. Where text was erased, its entries are missing and nothing else changes.
 */
export interface Utterance {
  readonly ref: string;
  readonly text: string;
  readonly at: number;
}

/** One reply of a turn: what it sent, how far it was played, what tools it asked for. */
export interface ReplyRun {
  readonly effect: string;
  readonly segments: SpokenSegment[];
  positionMs: number;
  complete: boolean;
  requestedAt: number;
  firstSoundAt: number;
  ttftMs: number;
  ttfbMs: number;
  readonly toolCalls: { readonly call: string; readonly name: string; readonly input: Json }[];
}

export interface TurnTranscript {
  readonly n: number;
  readonly runs: ReplyRun[];
  /** When the chart left `listening`. */
  answeringAt: number;
  ended?: TurnEnded;
  endedAt: number;
}

export interface ToolRun {
  readonly call: string;
  how: string;
  output: Json;
}

/** Sound that left this long before a microphone heard something may still be its echo. */
const ECHO_DELAY_MS = 500;
/** How long what was said is remembered for that. */
const ECHO_MEMORY_MS = 30_000;

export class Transcript {
  readonly texts = new Map<string, Utterance>();
  readonly turns = new Map<number, TurnTranscript>();
  readonly tools = new Map<string, ToolRun>();
  /** Tools that were asked for and have no result yet. */
  readonly pending = new Map<string, { readonly name: string; readonly input: Json }>();
  /** Calls that were joined with an earlier one that asked the same: by their own id, its id. */
  readonly joined = new Map<string, string>();
  /** Refs of instructions given during the call, in order. */
  readonly instructions: string[] = [];
  /** Record time of the call's header. */
  openedAt = 0;
  /** Late words by the turn they belong to. */
  readonly late = new Map<number, string[]>();
  /** Where the model is told that an answer was cut: `heard.note`. */
  note = "system";
  /** The first turn whose messages may have changed since a request was made of them. */
  changedFrom = Infinity;
  /** Whose words a reference is, once that turn is over. */
  readonly #owners = new Map<string, number>();
  #minPart = 0.5;
  #lastSaid: { readonly run: ReplyRun; readonly text: string; readonly at: number }[] = [];

  apply(record: LogRecord): void {
    const { input } = record;
    if (input.type === "effect.progress") this.#progress(record);
    else if (input.type === "effect.ended") this.#end(record);
    else if (input.type === "call.opened") this.#open(record);
    else if (input.type === "command.received") this.#command(record);
    else if (input.type === "outage.spoken") this.#outage(record);
    for (const fact of record.outcome.emitted) this.#fact(fact, record);
    for (const [actor, value] of Object.entries(record.outcome.state))
      if (actor.startsWith("turn.")) this.#state(Number(actor.slice(5)), value, record.at);
  }

  textOf(ref: string): string {
    return this.texts.get(ref)?.text ?? "";
  }

  turn(n: number): TurnTranscript {
    let turn = this.turns.get(n);
    if (!turn) this.turns.set(n, (turn = { n, runs: [], answeringAt: 0, endedAt: 0 }));
    return turn;
  }

  /** The user's words of an ended turn, each once: a final may bear its interim's reference. */
  refsOf({ n, ended }: TurnTranscript): readonly string[] {
    const late = this.late.get(n) ?? [];
    const refs = new Set([...(ended?.refs ?? []), ...(ended?.late ?? []), ...late]);
    for (const aside of ended?.asides ?? []) refs.delete(aside);
    return [...refs];
  }

  heard(run: ReplyRun): Heard {
    const position = run.complete ? Number.POSITIVE_INFINITY : run.positionMs;
    return heardOf(run.segments, position, this.#minPart);
  }

  /**
   * Words a microphone may have given back: what the agent was saying when the speech that began at
   * `from` was heard. Who answers in the agent's own words after it has ended is no echo.
   */
  agentWords(from: number): readonly string[] {
    const sounding = this.#lastSaid.filter((said) => said.at >= from - ECHO_DELAY_MS);
    return sounding.flatMap((said) => wordsOf(said.text));
  }

  #open({ input, text, at }: LogRecord): void {
    const { settings } = input["header"] as unknown as {
      settings: { heard: { minPart: number; note: string } };
    };
    this.#minPart = settings.heard.minPart;
    this.note = settings.heard.note;
    this.openedAt = at;
    this.#texts(text?.value ?? {}, at);
  }

  /** What the agent says by itself, and what it is told. */
  #texts(texts: unknown, at: number): void {
    for (const [ref, value] of Object.entries(texts as Record<string, string>))
      this.texts.set(ref, { ref, text: value, at });
  }

  #command({ input, text, at }: LogRecord): void {
    const command = input["command"] as { name: string; ref?: string };
    if (command.name === "agent" && text) this.#texts(text.value, at);
    if (command.ref === undefined || !text) return;
    this.texts.set(command.ref, { ref: command.ref, text: text.value as string, at });
    if (command.name === "instruct") this.instructions.push(command.ref);
  }

  #progress(record: LogRecord): void {
    const { actor, at, text, outcome } = record;
    const event = record.input["event"] as { type: string; ref: string; [key: string]: Json };
    if (event.type.startsWith("stt.") || event.type === "text.received") {
      const said = (text?.value as { text?: string } | undefined)?.text;
      if (said === undefined) return;
      this.texts.set(event.ref, { ref: event.ref, text: said, at });
      const owner = this.#owners.get(event.ref);
      if (owner !== undefined) this.#changed(owner);
      return;
    }
    if (!actor.startsWith("turn.") || outcome.ignored !== undefined) return;
    const run = this.#run(Number(actor.slice(5)), record.input["effect"] as string);
    if (event.type === "reply.requested") run.requestedAt = at;
    else if (event.type === "reply.segment" || event.type === "filler.segment") {
      const sentence = (text?.value as { text?: string } | undefined)?.text ?? "";
      this.texts.set(event.ref, { ref: event.ref, text: sentence, at });
      // In the order they speak: a filler is asked for later than the answer it comes before.
      if (run.segments.length === 0) {
        const { runs } = this.turn(Number(actor.slice(5)));
        runs.push(...runs.splice(runs.indexOf(run), 1));
      }
      run.segments.push({ ref: event.ref, text: sentence });
      if (typeof event["ttftMs"] === "number") run.ttftMs = event["ttftMs"];
    } else if (event.type === "speech.segment") {
      const index = run.segments.findIndex((segment) => segment.ref === event.ref);
      const wordEndsMs = event["wordEndsMs"] as unknown as readonly number[];
      const ms = event["ms"] as number;
      if (index >= 0) run.segments[index] = { ...run.segments[index]!, ms, wordEndsMs };
      if (typeof event["ttfbMs"] === "number") run.ttfbMs = event["ttfbMs"];
    } else if (event.type === "reply.position" || event.type === "filler.position") {
      run.positionMs = event["ms"] as number;
      run.firstSoundAt ||= at;
      const playing = this.heard(run).heard;
      const recent = this.#lastSaid.filter((said) => at - said.at <= ECHO_MEMORY_MS);
      this.#lastSaid = [...recent.filter((said) => said.run !== run), { run, text: playing, at }];
    }
  }

  /** Words without a turn of their own: they were heard in the newest one, so they stand there. */
  #outage({ seq, input }: LogRecord): void {
    const n = Math.max(0, ...this.turns.keys());
    if (n === 0) return;
    const { ref, ms, words } = input as unknown as OutageSpoken;
    const run = this.#run(n, `outage.${seq}`);
    run.segments.push({ ref, text: firstWords(this.textOf(ref), words) });
    run.positionMs = ms;
    run.complete = true;
    this.#changed(n);
  }

  #end({ actor, input, text }: LogRecord): void {
    const { effect, how, position, result } = input as unknown as EffectEnded;
    const child = effect.split(".").slice(2).join(".");
    if (actor.startsWith("turn.")) {
      const run = this.#run(Number(actor.slice(5)), effect);
      if (position !== undefined) run.positionMs = position;
      run.complete = how === "done";
      this.#changed(Number(actor.slice(5)));
      const calls = (text?.value ?? {}) as Record<string, { name: string; input: Json }>;
      const { toolCalls = [] } = (result ?? {}) as { toolCalls?: readonly RequestedTool[] };
      for (const { call, joins } of toolCalls) if (joins) this.joined.set(call, joins);
      for (const [call, { name, input: value }] of Object.entries(calls)) {
        run.toolCalls.push({ call, name, input: value });
        if (!this.joined.has(call)) this.pending.set(call, { name, input: value });
      }
    } else if (child.startsWith("tool.")) {
      const call = child.slice("tool.".length);
      const output = (text?.value as { output?: Json } | undefined)?.output ?? null;
      this.tools.set(call, { call, how, output });
      if (how !== "lost") this.pending.delete(call);
      // Also of what joined it: its output stands there too.
      for (const turn of this.turns.values())
        if (hasCall(turn, (one) => one === call || this.joined.get(one) === call))
          this.#changed(turn.n);
    }
  }

  #fact(fact: LogRecord["outcome"]["emitted"][number], { at, input }: LogRecord): void {
    if (fact.type === "turn.ended") {
      const turn = this.turn(fact["n"] as number);
      turn.ended = fact as unknown as TurnEnded;
      for (const ref of [...turn.ended.refs, ...turn.ended.late]) this.#owners.set(ref, turn.n);
      this.#changed(turn.n);
      turn.endedAt = at;
    } else if (fact.type === "words.late") {
      const n = fact["n"] as number;
      const event = input["event"] as { readonly backchannel?: boolean } | undefined;
      // A back-channel of a turn that came to nothing is an aside.
      if (event?.backchannel && this.turn(n).ended?.status === "abandoned") return;
      this.#changed(n);
      this.#owners.set(fact["ref"] as string, n);
      this.late.set(n, [...(this.late.get(n) ?? []), fact["ref"] as string]);
    }
  }

  #state(n: number, value: Json, at: number): void {
    const turn = this.turn(n);
    if (typeof value === "object" && value !== null && "answering" in value)
      turn.answeringAt ||= at;
  }

  #changed(n: number): void {
    this.changedFrom = Math.min(this.changedFrom, n);
  }

  #run(n: number, effect: string): ReplyRun {
    const turn = this.turn(n);
    let run = turn.runs.find((one) => one.effect === effect);
    if (!run) {
      const none = { positionMs: 0, complete: false, requestedAt: 0, firstSoundAt: 0 };
      run = { effect, segments: [], ...none, ttftMs: 0, ttfbMs: 0, toolCalls: [] };
      turn.runs.push(run);
    }
    return run;
  }
}

function firstWords(text: string, count: number): string {
  const last = [...text.matchAll(/\S+/g)][count - 1];
  return last ? text.slice(0, last.index + last[0].length) : "";
}

function hasCall({ runs }: TurnTranscript, fits: (call: string) => boolean): boolean {
  return runs.some(({ toolCalls }) => toolCalls.some(({ call }) => fits(call)));
}
