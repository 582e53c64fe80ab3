import type { CallFold } from "../../../src/actors/call-fold.ts";
import type { EffectEntry } from "../../../src/actors/effect-table.ts";
import type { CallHeader } from "../../../src/events/call.events.ts";
import type { LogRecord } from "../../../src/events/record.ts";
import type { TurnSettings } from "../../../src/events/settings.events.ts";
import {
  historyFor,
  messagesOf,
  requestDigest,
  type ReplyInput,
} from "../../../src/folds/history.ts";
import { timerName, type Explained } from "../../../src/folds/timeline-words.ts";
import type { Transcript } from "../../../src/folds/transcript.ts";
import type { TurnContext } from "../../../src/machines/turn-context.ts";
import type { Coverage } from "./coverage.ts";
import { MARKS, TOOLS } from "./phrases.ts";
import { stateOf, turnOf } from "./checks.ts";

/**
 * What must hold of turns, of their words and their sound, told with the state that the replay has
 * after each record; the names before the colon are those of docs/spec/turn.md.
 */
export interface Replayed {
  readonly fold: CallFold;
  readonly transcript: Transcript;
  /** What the charts decided by this record. */
  readonly decided: readonly Explained[];
}

export class TurnChecks {
  readonly faults: string[] = [];
  readonly #coverage: Coverage;
  readonly #states = new Map<number, string>();
  /** What live turns knew after the record before. */
  readonly #contexts = new Map<number, TurnContext>();
  /** Turns that have listened or waited for a final as long as they may. */
  readonly #outOfPatience = new Set<number>();
  readonly #waited = new Set<number>();
  readonly #held = new Set<string>();
  readonly #saidAt = new Map<string, number>();
  readonly #settings: TurnSettings[] = [];

  constructor(coverage: Coverage) {
    this.#coverage = coverage;
  }

  add(record: LogRecord, now: Replayed): void {
    this.#learn(record);
    this.#explained(record, now);
    this.#requests(record, now);
    this.#tells(record, now);
    for (const [actor, value] of Object.entries(record.outcome.state)) {
      const n = turnOf(actor);
      if (n !== undefined) this.#turn(record, now, { n, state: stateOf(value) });
    }
    for (const n of this.#states.keys()) {
      const context = now.fold.snapshotOf(`turn.${n}`)?.context as TurnContext | undefined;
      if (context) this.#contexts.set(n, context);
      else this.#contexts.delete(n);
    }
  }

  /** T4: heard and unheard are what was sent, to the character. */
  finish(transcript: Transcript): void {
    for (const { n, runs } of transcript.turns.values())
      for (const run of runs) {
        const sent = run.segments.map(({ text }) => text).join("");
        const { heard, unheard } = transcript.heard(run);
        if (bare(heard + unheard) !== bare(sent))
          this.#fault("T4-heard", `turn ${n}: "${heard}" and "${unheard}" of "${sent}"`);
      }
  }

  #fault(check: string, what: string): void {
    this.faults.push(`${check}: ${what}`);
  }

  #learn({ input, actor }: LogRecord): void {
    if (input.type === "call.opened") {
      const header = input["header"] as unknown as CallHeader;
      this.#settings.push(header.settings, ...Object.values(header.agents));
    }
    const command = input["command"] as { settings?: unknown } | undefined;
    if (command?.settings) this.#settings.push(command.settings as TurnSettings);
    const event = input["event"] as { type: string; ref: string; from: number } | undefined;
    if (event?.type.startsWith("stt.") && event.ref) this.#saidAt.set(event.ref, event.from);
    const n = turnOf(actor);
    if (input.type !== "timer.fired" || n === undefined) return;
    const name = timerName(input["timer"] as string);
    if (name === "listeningMax") this.#outOfPatience.add(n);
    if (name === "lateFinal") this.#waited.add(n);
  }

  /** T22: every choice names what it compared, and says by that what it did. */
  #explained({ seq }: LogRecord, { decided }: Replayed): void {
    for (const { name, gave, because, failed } of decided) {
      this.#coverage.count(typeof gave === "number" ? "explained.delays" : "explained.guards");
      const told = because.length > 0 && because.every((one) => /\S \S|\S: \S|^\S+$/.test(one));
      if (!told) this.#fault("T22-operands", `${name} at ${seq} says only "${because.join()}"`);
      if (typeof gave === "boolean" && gave !== (failed.length === 0))
        this.#fault("T22-operands", `${name} at ${seq} is ${gave}, for ${failed.join()}`);
    }
  }

  /** T4: what was not heard is in no later request. T21: words stand in the order of the sound. */
  #requests({ seq, outcome }: LogRecord, { fold, transcript }: Replayed): void {
    for (const [op, id, src] of outcome.effects) {
      if (op !== "start" || src !== "reply") continue;
      const input = fold.table.effect(id)?.input as ReplyInput | undefined;
      if (!input || input.saying !== null) continue;
      const times = input.refs.flatMap((ref) => this.#saidAt.get(ref) ?? []);
      if (times.some((from, i) => i > 0 && from < times[i - 1]!))
        this.#fault("T21-order", `the request of record ${seq} has words from ${times.join()}`);
      const asked = messagesOf(historyFor(transcript, input)).map((one) =>
        "text" in one ? one.text : "",
      );
      for (const mark of unheardMarks(transcript))
        if (asked.some((text) => text.includes(mark)))
          this.#fault("T4-unheard", `the request of record ${seq} has ${mark}, not heard`);
    }
  }

  /** T12: an answer is held once and let go once. T14: what is let out is what would be asked. */
  #tells({ seq, outcome }: LogRecord, { fold, transcript }: Replayed): void {
    for (const [op, id, command] of outcome.effects) {
      if (op === "start") this.#held.delete(id);
      if (op !== "tell") continue;
      if (command === "pause" && this.#held.has(id)) this.#fault("T12-held", `${id} twice, ${seq}`);
      if (command === "resume" && !this.#held.has(id))
        this.#fault("T12-held", `${id} was not held and goes on at ${seq}`);
      if (command === "pause") this.#held.add(id);
      if (command === "resume") this.#held.delete(id);
      if (command === "commit") this.#commit(seq, fold.table.effect(id)!, { fold, transcript });
    }
  }

  #commit(
    seq: number,
    { id, actor, input }: EffectEntry,
    { fold, transcript }: Pick<Replayed, "fold" | "transcript">,
  ): void {
    const context = fold.snapshotOf(actor)?.context as TurnContext | undefined;
    if (!context) return;
    const refs = context.words.filter((w) => !w.echo).map((w) => w.ref);
    const fresh = { ...(input as ReplyInput), refs, agent: context.agent };
    this.#coverage.count("speculation.compared");
    const asked = digestOf(transcript, input as ReplyInput);
    if (asked !== digestOf(transcript, fresh))
      this.#fault("T14-fresh", `${id} is let out at ${seq} and is not what would be asked`);
  }

  #turn(record: LogRecord, now: Replayed, { n, state }: { n: number; state: string }): void {
    const before = this.#states.get(n);
    this.#states.set(n, state);
    if (before === "listening" && state.startsWith("answering")) this.#answers(record, n);
    if (before === state) return;
    const live = now.fold.table
      .effects()
      .filter((one) => one.actor === `turn.${n}` && one.phase === "open");
    if (state === "answering.paused") this.#pauses(record, n, live);
    else if (!state.startsWith("answering") && state !== "listening" && live.length > 0)
      this.#fault("T11-silence", `turn ${n} is ${state} at ${record.seq}, ${live[0]!.id} goes on`);
    const held = live.filter(({ id, src }) => src === "reply" && this.#held.has(id));
    if (state === "answering.speaking" && held.length > 0)
      this.#fault("T12-held", `turn ${n} speaks at ${record.seq}, ${held[0]!.id} is held`);
  }

  /** T11: silence is asked for in the step that decides it. */
  #pauses({ seq, outcome }: LogRecord, n: number, live: readonly EffectEntry[]): void {
    for (const { id } of live) {
      const told = outcome.effects.some(
        ([op, to, what]) => op === "tell" && to === id && what === "pause",
      );
      if (!told) this.#fault("T11-silence", `turn ${n} pauses at ${seq}, ${id} is not told`);
    }
  }

  /**
   * T1: nobody speaks, all is written down, and the delay of such words is over. What the turn
   * before hands on in this very step was waited for by that one.
   */
  #answers({ seq, at }: LogRecord, n: number): void {
    const context = this.#contexts.get(n);
    if (!context || this.#outOfPatience.has(n)) return;
    this.#coverage.count("answers.checked");
    const { voices, words, silentSince } = context;
    if (voices.length > 0)
      this.#fault("T1-grows", `turn ${n} answers at ${seq}, ${voices[0]} speaks`);
    if (!this.#waited.has(n) && words.some(({ final }) => !final))
      this.#fault("T1-grows", `turn ${n} answers at ${seq} to words that are not final`);
    const least = Math.min(...this.#settings.map((settings) => leastDelay(settings, context)));
    if (at - silentSince < least)
      this.#fault("T1-grows", `turn ${n} answers at ${seq}, ${at - silentSince} ms < ${least} ms`);
  }
}

function leastDelay({ endpointing }: TurnSettings, { words, judged }: TurnContext): number {
  const last = words.filter((w) => !w.echo).at(-1);
  const { minDelay, unclearDelay, digitsDelay, maxDelay } = endpointing;
  if (!last || !last.final) return Math.min(minDelay, unclearDelay);
  if (last.class === "digits") return Math.min(digitsDelay, unclearDelay);
  const delays = { complete: minDelay, unclear: unclearDelay, hanging: maxDelay, ended: 0 };
  const heard = judged ?? last.class;
  return heard === "digits" ? digitsDelay : Math.min(delays[heard], unclearDelay);
}

function digestOf(transcript: Transcript, input: ReplyInput): string {
  return requestDigest(historyFor(transcript, input), TOOLS);
}

function bare(text: string): string {
  return text.replaceAll(/\s+/g, "");
}

/** What begins the sentences of turns that are over and of which not a word was heard. */
function unheardMarks(transcript: Transcript): readonly string[] {
  const over = [...transcript.turns.values()].filter(({ ended }) => ended);
  const unheard = over.flatMap(({ runs }) => runs.map((run) => transcript.heard(run).unheard));
  return unheard.flatMap((text) => text.match(MARKS) ?? []);
}
