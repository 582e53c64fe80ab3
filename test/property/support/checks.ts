import type { Json, LogRecord } from "../../../src/events/record.ts";
import type { CallHeader } from "../../../src/events/call.events.ts";
import type { TurnSettings } from "../../../src/events/settings.events.ts";
import type { TurnEnded } from "../../../src/events/turn.events.ts";
import { BudgetChecks } from "./budget-checks.ts";
import { BOOM, type Coverage } from "./coverage.ts";

/**
 * What must hold of every log, whatever happened while it was written: one pass over its records.
 * The names before the colon are those of the requirements: T2 to T24 of turn taking, which stand
 * in docs/spec/turn.md, B1 to B4 of budgets (budget-checks.ts), E4 one end for each effect, E6
 * time, L1 one writer per epoch.
 */
export interface CheckOptions {
  readonly coverage: Coverage;
  /** Ms of a span in which no timer could fire on time. */
  readonly stalled: (from: number, to: number) => number;
  /** Whether an effect was really started by anybody. */
  readonly ran: (id: string) => boolean;
  /** The actor that asked for an effect. */
  readonly askedBy: (id: string) => string | undefined;
}

const SLACK_MS = 50;
/** Records with which a call is wound up, at most. */
const CLOSING_MAX = 12;
const REARMS = new Set([
  "reply.segment",
  "reply.position",
  "reply.switched",
  "reply.retried",
  "filler.position",
]);
/** What else a reply may meet, and what covers its wait. */
const COUNTED = new Set([
  "reply.context",
  "reply.switched",
  "reply.retried",
  "filler.segment",
  "filler.position",
]);
const DONE = new Set(["completed", "cutOff", "abandoned", "failed"]);

interface Started {
  readonly src: string;
  readonly actor: string | undefined;
  readonly epoch: number;
  /** Asked for by a turn that still listened. */
  readonly speculative: boolean;
  /** The record that stopped it. */
  stoppedAt: number | undefined;
  ends: number;
}

type Asked = Pick<Started, "src" | "actor" | "speculative">;

interface LiveTurn {
  state: string;
  since: number;
}

export class LogChecks {
  readonly faults: string[] = [];
  readonly #options: CheckOptions;
  readonly #budgets = new BudgetChecks();
  readonly #live = new Map<number, LiveTurn>();
  readonly #started = new Map<string, Started>();
  readonly #finals = new Set<string>();
  readonly #placed = new Map<string, string>();
  readonly #gaps: { from: number; to: number }[] = [];
  readonly #armed = new Map<string, number>();
  readonly #values = new Map<string, string>();
  /** Settings that were ever valid: a running timer keeps those it was armed with (T24). */
  readonly #settings: TurnSettings[] = [];
  readonly #speculations = new Map<string, number>();
  /** When the last turn that was the older one of two was over. */
  #olderUntil = 0;
  /** Effects that a new owner must end before anything else. */
  #toRepair = new Set<string>();
  #turns = 0;
  #previous: LogRecord | undefined;

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  add(record: LogRecord): void {
    this.#budgets.add(record);
    this.#order(record);
    this.#takeover(record);
    this.#timers(record);
    this.#given(record);
    if (record.outcome.failed) this.#failed(record);
    this.#progress(record);
    this.#effects(record);
    this.#facts(record);
    this.#states(record);
    this.#previous = record;
  }

  /** What can be said only of a whole call. */
  finish(): void {
    this.faults.push(...this.#budgets.faults);
    for (const [id, { ends }] of this.#started)
      if (ends !== 1) this.#fault("E4-one-end", `${id} has ${ends} ends`);
    const last = this.#previous?.input.type;
    if (last !== "call.ended") this.#fault("closes", `the last record is ${last}`);
    if (this.#live.size > 0 && !this.#gaveUp())
      this.#fault("closes", `turns ${[...this.#live.keys()].join()} are live at the end`);
    this.#options.coverage.count("finals", this.#finals.size);
    this.#options.coverage.count("finals.placed", this.#placed.size);
  }

  #gaveUp(): boolean {
    return this.#previous?.input["how"] === "failed";
  }

  #fault(check: string, what: string): void {
    this.faults.push(`${check}: ${what}`);
  }

  #given({ seq, input, outcome }: LogRecord): void {
    if (input.type === "call.opened") {
      const header = input["header"] as unknown as CallHeader;
      this.#settings.push(header.settings, ...Object.values(header.agents));
    }
    const command = input["command"] as unknown as { name: string; settings: TurnSettings };
    if (input.type !== "command.received") return;
    if (command.name === "set" || command.name === "agent") this.#settings.push(command.settings);
    if (command.name !== "set") return;
    const moved = outcome.effects.some(
      ([op, , src]) => op === "stop" || op === "tell" || src === "filler",
    );
    if (moved) this.#fault("T24-settings", `record ${seq} cuts or starts speech`);
  }

  /** The longest that any settings of the call allow. */
  #longest(of: (settings: TurnSettings) => number): number {
    return Math.max(...this.#settings.map(of));
  }

  #order({ seq, at, epoch, input }: LogRecord): void {
    const before = this.#previous;
    if (seq !== (before?.seq ?? 0) + 1) this.#fault("L1-sequence", `${seq} is out of sequence`);
    if (at < (before?.at ?? 0)) this.#fault("E6-time", `record ${seq} goes back in time`);
    const grows = input.type === "owner.changed" ? 1 : 0;
    if (epoch !== (before?.epoch ?? 1) + grows) this.#fault("L1-epoch", `epoch of ${seq}`);
    if (before && grows) this.#gaps.push({ from: before.at, to: at });
  }

  #failed({ seq, input, outcome }: LogRecord): void {
    this.#options.coverage.count("steps.failed");
    const planned = JSON.stringify(input).includes(`"${BOOM}.`);
    if (!planned) this.#fault("E1-step", `record ${seq} failed: ${outcome.failed?.code}`);
    const { state, emitted, effects } = outcome;
    if (Object.keys(state).length + emitted.length + effects.length > 0)
      this.#fault("E1-rollback", `record ${seq} failed and kept something`);
  }

  /** E3, E4 and T3: what is over or stopped acts no more. */
  #progress({ seq, at, actor, input, outcome }: LogRecord): void {
    if (input.type !== "effect.progress" || outcome.ignored !== undefined) return;
    const effect = this.#started.get(input["effect"] as string);
    if (!effect || effect.ends > 0) this.#fault("E4-progress", `of an ended effect at ${seq}`);
    else if (effect.stoppedAt !== undefined)
      this.#fault("E4-progress", `of a stopped effect at ${seq}`);
    const n = turnOf(actor);
    const turn = n === undefined ? undefined : this.#live.get(n);
    if (n !== undefined && !turn) this.#fault("T3-old-turn", `acts at ${seq}`);
    const { type, ref } = input["event"] as { type: string; ref: string };
    if (COUNTED.has(type)) this.#options.coverage.count(type);
    if (type.startsWith("filler.") && !turn?.state.startsWith("answering"))
      this.#fault("T3-filler", `speaks at ${seq} while its turn is ${turn?.state}`);
    // Each of them arms the stall timer anew.
    const sounds = REARMS.has(type);
    if (turn?.state === "answering.speaking" && sounds) turn.since = at;
    if (type === "stt.final") this.#finals.add(ref);
  }

  /** A filler that hangs is given up once for the answer behind it, which has its time then. */
  #givesUpFiller({ at, input, outcome }: LogRecord): void {
    if (input.type !== "timer.fired") return;
    for (const [op, id] of outcome.effects) {
      const filler = this.#started.get(id);
      if (op !== "stop" || filler?.src !== "filler") continue;
      const turn = this.#live.get(turnOf(filler.actor ?? "") ?? 0);
      if (turn?.state === "answering.speaking") turn.since = at;
      this.#options.coverage.count("filler.givenUp");
    }
  }

  #effects(record: LogRecord): void {
    const { coverage, askedBy } = this.#options;
    const { seq, epoch, input, outcome } = record;
    this.#givesUpFiller(record);
    if (input.type === "effect.ended") this.#end(record);
    for (const [op, id, src] of outcome.effects) {
      if (op === "start") {
        const speculative = src === "reply" && listens(outcome);
        const asked = { src: src as string, actor: askedBy(id), epoch, speculative };
        this.#started.set(id, { ...asked, stoppedAt: undefined, ends: 0 });
        coverage.count(`start.${src as string}`);
        this.#asked(record, id, asked);
      } else if (op === "stop") {
        const effect = this.#started.get(id)!;
        effect.stoppedAt = seq;
        if (effect.speculative && listens(outcome)) coverage.count("speculation.dropped");
      }
    }
    if (outcome.ignored !== undefined) coverage.count(`ignored.${outcome.ignored}`);
  }

  #asked({ at }: LogRecord, id: string, { src, actor, speculative }: Asked): void {
    const turn = this.#live.get(turnOf(actor ?? "") ?? 0);
    if (src !== "reply" || !actor) return;
    if (turn?.state === "answering.thinking") turn.since = at;
    if (!speculative) return;
    const times = (this.#speculations.get(actor) ?? 0) + 1;
    this.#speculations.set(actor, times);
    const max = this.#longest(({ speculation }) => speculation.maxAttempts);
    if (times > max) this.#fault("T15-speculations", `${id} is number ${times} of ${actor}`);
  }

  #end(record: LogRecord): void {
    const { seq, epoch, actor, input, outcome } = record;
    const [id, how] = [input["effect"] as string, input["how"] as string];
    const effect = this.#started.get(id);
    if (!effect) return this.#fault("E4-one-end", `record ${seq} ends what never was`);
    effect.ends++;
    this.#options.coverage.count(`${effect.src}.${how}`);
    // Stopped before it ran, and its owner lived on: it has to say so itself.
    const lateLoss = how === "lost" && effect.stoppedAt !== undefined && effect.epoch === epoch;
    if (lateLoss && !this.#options.ran(id) && effect.stoppedAt! < seq - CLOSING_MAX)
      this.#fault("E5-never-started", `${id} was stopped at ${effect.stoppedAt}`);
    const newer = [...this.#started.entries()].some(
      ([other, one]) => other !== id && one.actor === actor && one.ends === 0 && isAfter(other, id),
    );
    const value = JSON.stringify(outcome.state[actor] ?? null);
    if (newer && value !== "null" && value !== this.#values.get(actor))
      this.#fault("T3-old-run", `the end of ${id} moves ${actor} at ${seq}`);
  }

  /** L5: the old owner's effects end first, before anything happens in the new epoch. */
  #takeover({ seq, input }: LogRecord): void {
    if (input.type === "owner.changed") {
      const live = [...this.#started].filter(([, { ends }]) => ends === 0);
      this.#toRepair = new Set(live.map(([id]) => id));
    } else if (this.#toRepair.size > 0) {
      const ends =
        input.type === "effect.ended" && this.#toRepair.delete(input["effect"] as string);
      const how = input["how"];
      if (!ends || (how !== "lost" && how !== "unknown"))
        this.#fault("L5-repair", `${input.type} at ${seq} comes before the repair`);
    }
  }

  /** E6: a timer fires when its present arming is due, and not before. */
  #timers({ seq, at, input, outcome }: LogRecord): void {
    if (input.type === "timer.fired" && outcome.ignored !== "stale timer") {
      const due = this.#armed.get(input["timer"] as string);
      if (due === undefined || at < due) this.#fault("E6-timer", `${seq} fires before ${due}`);
      this.#armed.delete(input["timer"] as string);
    }
    for (const [op, timer, due] of outcome.effects)
      if (op === "arm") this.#armed.set(timer, due);
      else if (op === "disarm") this.#armed.delete(timer);
  }

  #facts({ outcome }: LogRecord): void {
    for (const fact of outcome.emitted) {
      this.#options.coverage.count(fact.type);
      if (fact.type === "turn.ended") this.#ended(fact as unknown as TurnEnded);
      else if (fact.type === "words.late")
        this.#place(fact["ref"] as string, `turn ${fact["n"] as number}`);
      else if (fact.type === "words.echo") this.#place(fact["ref"] as string, "echo");
    }
  }

  /** T8: the words of a merged turn are those of the next. */
  #ended({ n, kind, status, reason, refs, asides, late, mergedInto, runs }: TurnEnded): void {
    const { coverage } = this.#options;
    if (status !== "completed" && reason === "") this.#fault("T9-reason", `turn ${n} has none`);
    const answered = runs.some(({ segments }) => segments.length > 0);
    if (kind === "user" && status === "completed" && !answered)
      this.#fault("T9-answer", `turn ${n} is completed without a word`);
    const mayCut = this.#settings.some(({ interruption }) => interruption.enabled);
    if (reason === "floor taken" && !mayCut) this.#fault("T17-cut", `turn ${n} was cut by words`);
    coverage.count(`turn.${status}`);
    if (status === "abandoned" || status === "cutOff") coverage.count(`turn.${status} ${reason}`);
    if (mergedInto !== null) {
      coverage.count("turn.merged");
      if (mergedInto !== n + 1) this.#fault("T9-merge", `turn ${n} went to ${mergedInto}`);
    }
    const merged = mergedInto !== null;
    if (new Set([...refs, ...asides]).size < refs.length + asides.length)
      this.#fault("T8-words", `turn ${n} has words twice`);
    for (const ref of merged ? late : [...refs, ...late]) this.#place(ref, `turn ${n}`);
    for (const ref of merged ? [] : asides) this.#place(ref, `an aside of turn ${n}`);
  }

  #place(ref: string, where: string): void {
    // An interim that was left behind says nothing about its final.
    if (!this.#finals.has(ref)) return;
    const before = this.#placed.get(ref);
    // An aside is in no message, and may be the interim of words that opened the next turn.
    const messages = [before, where].every((one) => one?.startsWith("turn "));
    if (messages && before !== where)
      this.#fault("T8-words", `${ref} is in ${before} and in ${where}`);
    if (before === undefined || messages || where.startsWith("turn ")) this.#placed.set(ref, where);
  }

  #states({ seq, at, outcome }: LogRecord): void {
    const agents: number[] = [];
    for (const [actor, value] of Object.entries(outcome.state)) {
      const n = turnOf(actor);
      // What has never listened is a text of the agent.
      if (n !== undefined && n > this.#turns && stateOf(value).startsWith("answering"))
        agents.push(n);
      this.#values.set(actor, JSON.stringify(value));
      if (n !== undefined) this.#turn(n, stateOf(value), at);
    }
    if (agents.length > 0 && this.#live.size > 1)
      this.#fault("T18-agent-turn", `turn ${agents.join()} begins beside another at ${seq}`);
    const states = [...this.#live.values()].map(({ state }) => state.split(".")[0]);
    const listening = states.filter((state) => state === "listening").length;
    if (states.length > 2 || listening > 1 || states.length - listening > 1)
      this.#fault("T2-two-turns", `live at ${seq}: ${states.join()}`);
  }

  #turn(n: number, state: string, at: number): void {
    const known = this.#live.get(n);
    if (!known && n <= this.#turns) this.#fault("T20-numbers", `turn ${n} acts again`);
    if (!known && n > this.#turns + 1) this.#fault("T20-numbers", `turn ${n} leaves a gap`);
    this.#turns = Math.max(this.#turns, n);
    if (known?.state === state) return;
    if (known) this.#left(n, known, at);
    if (DONE.has(state)) this.#over(n, at);
    else this.#live.set(n, { state, since: this.#sinceOf(known, state, at) });
  }

  #over(n: number, at: number): void {
    this.#live.delete(n);
    if (this.#live.size > 0) this.#olderUntil = at;
  }

  /** Listening is one span over its substates. */
  #sinceOf(known: LiveTurn | undefined, state: string, at: number): number {
    const same = known && known.state === state;
    return same ? known.since : at;
  }

  #left(n: number, { state, since }: LiveTurn, at: number): void {
    const { coverage } = this.#options;
    const longest = this.#longest.bind(this);
    const took = at - since - this.#lost(since, at);
    const bound = (check: string, max: number): void => {
      coverage.atMost(`max.${check} over its setting, ms`, took - max);
      if (took > max + SLACK_MS) this.#fault(check, `turn ${n} was ${state} for ${took} ms`);
    };
    if (state === "answering.paused")
      bound(
        "T5-pause",
        longest(({ interruption }) => interruption.pauseMax),
      );
    else if (state === "interrupted")
      bound(
        "T6-interrupted",
        longest(({ interrupted }) => interrupted.max),
      );
    else if (state === "listening") {
      const waited = Math.max(0, Math.min(at, this.#olderUntil) - since);
      bound("T7-listening", longest(({ listening }) => listening.max) + waited);
    } else if (state === "answering.thinking")
      bound(
        "T16-thinking",
        longest(({ answer }) => answer.total),
      );
    else if (state === "answering.speaking")
      bound(
        "T16-speaking",
        longest(({ answer }) => answer.stall),
      );
    else if (state === "answering.working")
      bound("T16-working", longest(({ tool }) => tool.timeout) + 1_000);
  }

  /** Time in which nobody could act: stalls of the clock, and gaps between two owners. */
  #lost(from: number, to: number): number {
    const gaps = this.#gaps.reduce(
      (sum, gap) => sum + Math.max(0, Math.min(to, gap.to) - Math.max(from, gap.from)),
      0,
    );
    return gaps + this.#options.stalled(from, to);
  }
}

export function turnOf(actor: string): number | undefined {
  return actor.startsWith("turn.") ? Number(actor.slice(5)) : undefined;
}

/** Effect ids begin with the record that asked for them, then their place in it. */
function isAfter(a: string, b: string): boolean {
  const [aSeq = 0, aPlace = 0] = a.split(".").map(Number);
  const [bSeq = 0, bPlace = 0] = b.split(".").map(Number);
  const same = a.split(".").slice(2).join(".") === b.split(".").slice(2).join(".");
  return same && (aSeq > bSeq || (aSeq === bSeq && aPlace > bPlace));
}

/** The step leaves one turn, and that one listens. */
function listens({ state }: LogRecord["outcome"]): boolean {
  const turns = Object.entries(state).filter(([actor]) => actor.startsWith("turn."));
  return turns.length === 1 && stateOf(turns[0]![1]) === "listening";
}

/** `answering.paused`, `listening`: as deep as the checks look. */
export function stateOf(value: Json): string {
  if (typeof value === "string") return value;
  const [[name, inner]] = Object.entries(value as Record<string, Json>) as [[string, Json]];
  return name === "answering" && typeof inner === "string" ? `${name}.${inner}` : name;
}
