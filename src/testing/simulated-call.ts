import type { AgentParts } from "../actors/agent-parts.ts";
import { replay } from "../actors/replay.ts";
import { agentOf, callOf, type VoiceAgent } from "../agent/voice-agent.ts";
import type { SimulatedClock } from "../base/clock.ts";
import { durationMs, type Duration } from "../base/duration.ts";
import { AppError, toAppError } from "../base/errors.ts";
import type { LogRecord } from "../events/record.ts";
import { turnSummaries, type TurnSummary } from "../folds/turns.ts";
import { MACHINES } from "../machines/machines.ts";
import { checkKnown, isIn, statesOf, type Moment } from "./actor-states.ts";
import { simulatedParts, type SimulateOptions, type Thrown } from "./agent-under-test.ts";
import { failureOf, shown, timelineOf, type Fault } from "./failure.ts";
import { checkFakes, noSuchTool, type ToolCallSeen } from "./fakes.ts";
import { actsOf, isPause, playoutTarget, WORD_MS, type PlayedAct, type Words } from "./caller.ts";
import { Simulation } from "./simulation.ts";
import { ToolRuns } from "./tool-runs.ts";

export interface SaysOptions {
  /** Silence first, counted from the end of the agent's words. */
  readonly pause?: Duration;
  /** How long the words take; default: 250 ms each. */
  readonly takes?: Duration;
  /**
   * `answered`: returns once the agent is through (default). `speaks`: once its sound begins, for a
   * barge-in.
   */
  readonly until?: "answered" | "speaks";
}

export interface BargeInOptions {
  /** So many words of the agent were heard before; default 2. */
  readonly afterWords?: number;
  readonly takes?: Duration;
}

export interface OfTurn {
  /** Only this turn; default: all the agent said since the last thing the test did. */
  readonly turn?: number;
}

interface Noted {
  readonly seen: ToolCallSeen[];
  readonly errors: Thrown[];
  /** Names of all that the call's agents have. */
  readonly tools: readonly string[];
}

/** An utterance that opens no turn in this time was not heard. */
const UNHEARD_MS = 6_000;
const ANSWER_MAX_MS = 60_000;
const BLINK_MS = 20;

/**
 * A whole call on virtual time: the agent's own settings, texts, hooks and tools, the charts and
 * effects that run in production, a caller who does what the test says. No key, no sleep; the same
 * each time.
 */
export class SimulatedCall implements AsyncDisposable {
  readonly #simulation: Simulation;
  readonly #caller: string;
  readonly #seen: ToolCallSeen[];
  readonly #errors: Thrown[];
  readonly #tools: readonly string[];
  readonly #joinedAt: number;
  /** The first record of the last action. */
  #since = 0;
  #live: readonly number[] = [];

  private constructor(simulation: Simulation, caller: string, noted: Noted) {
    this.#simulation = simulation;
    this.#caller = caller;
    this.#seen = noted.seen;
    this.#errors = noted.errors;
    this.#tools = noted.tools;
    this.#joinedAt = simulation.clock.now();
  }

  /** Opens a call that the caller has just joined. Error `config.invalid`. */
  static async open(agent: VoiceAgent, options: SimulateOptions = {}): Promise<SimulatedCall> {
    const { caller = "caller" } = options;
    const all = [agent, ...Object.values(agent.agents)];
    const names = all.flatMap(({ tools }) => tools.map(({ spec }) => spec.name));
    checkFakes(options.tools ?? {}, names);
    const noted: Noted = { seen: [], errors: [], tools: names };
    const byName = new Map<string, AgentParts>();
    const parts = (name: string, clock: SimulatedClock): AgentParts => {
      const known = byName.get(name);
      if (known) return known;
      const made = simulatedParts(agentOf(agent, name), options, { clock, ...noted });
      byName.set(name, made);
      return made;
    };
    const simulation = await Simulation.open({ parts, call: callOf(agent) });
    parts("", simulation.clock);
    simulation.enter(caller);
    const call = new SimulatedCall(simulation, caller, noted);
    await simulation.run(BLINK_MS);
    return call;
  }

  /**
   * The caller waits until the agent is through, and speaks. Words may hold pauses:
   * `["A table", "700ms", "for two"]`.
   */
  async says(words: Words, options: SaysOptions = {}): Promise<void> {
    await this.#quiet();
    if (options.pause !== undefined) await this.#run(durationMs(options.pause, "pause"));
    this.#act("says");
    await this.#speak(words, options);
  }

  /** The caller waits until the agent is through: with its greeting, for one. */
  async listens(): Promise<void> {
    await this.#quiet();
    this.#check();
  }

  /** The same, typed. */
  async types(text: string): Promise<void> {
    await this.#quiet();
    this.#act("types");
    const before = this.#opened;
    this.#simulation.room.type(this.#caller, text);
    await this.#answer(before, "answered");
  }

  /** The caller speaks while the agent does. Throws where the agent is not speaking. */
  async bargeIn(words: Words, { afterWords = 2, takes }: BargeInOptions = {}): Promise<void> {
    this.#act("bargeIn");
    const { clock, records } = this.#simulation;
    const target = (): number | undefined => playoutTarget(records, afterWords);
    const begun = clock.now();
    await clock.run(begun + ANSWER_MAX_MS, () => target() !== undefined || this.#isIdle(begun));
    const at = target();
    if (at === undefined || this.#simulation.isQuiet)
      this.#fail({
        what: "the agent was not speaking for that long",
        expected: `${afterWords} words of an answer before the barge-in`,
        actual: "its answer was over; say the words before it with { until: 'speaks' }",
        operator: "bargeIn",
      });
    await clock.run(at);
    await this.#speak(words, takes === undefined ? {} : { takes });
  }

  /** Nobody speaks for so long. */
  async silence(duration: Duration): Promise<void> {
    this.#mark();
    await this.#run(durationMs(duration, "silence"));
  }

  /** A sound without words, such as a cough, now. */
  async noise(duration: Duration = "300ms"): Promise<void> {
    this.#act("noise");
    await this.#speak("", { takes: duration });
  }

  /** The caller's side by the clock, as in a recorded call; returns once the agent is through. */
  async plays(acts: readonly PlayedAct[]): Promise<void> {
    this.#mark();
    const { clock, room } = this.#simulation;
    for (const act of actsOf(acts)) {
      await clock.run(this.#joinedAt + act.atMs);
      if (act.kind === "leaves") room.leave(this.#caller);
      else if (act.kind === "types") room.type(this.#caller, act.text);
      else void room.say(this.#caller, act.utterance);
    }
    const last = actsOf(acts).at(-1);
    const before = this.#opened;
    if (last?.kind === "says") await this.#run(last.utterance.ms);
    await this.#answer(before - 1, "answered");
  }

  /** The caller hangs up; the call ends. */
  async leaves(): Promise<void> {
    this.#mark();
    this.#simulation.room.leave(this.#caller);
    await this.#run(ANSWER_MAX_MS);
  }

  /** What the caller really heard holds or matches this. */
  heard(expected: string | RegExp, { turn }: OfTurn = {}): this {
    return this.#expect("heard", expected, turn);
  }

  /** What the agent sent to its voice holds or matches this, heard or not. */
  agentSaid(expected: string | RegExp, { turn }: OfTurn = {}): this {
    return this.#expect("said", expected, turn);
  }

  /**
   * `room`, `track`, `turn` (the newest) or `turn.2` is in this state; a turn that is over is in
   * its status: `completed`, `cutOff`, `abandoned`, `failed`. Error `input.invalid` for an actor
   * or a state that there is not.
   */
  state(actor: string, expected: string): this {
    const moment = this.#moment;
    checkKnown(actor, expected, moment);
    const actual = statesOf(actor, moment);
    if (actual.some((leaf) => isIn(leaf, expected))) return this;
    const shownStates = actual.join(", ") || "not there";
    return this.#fail({
      what: `${actor} is in another state`,
      expected,
      actual: shownStates,
      operator: "state",
    });
  }

  /** Error `input.invalid` where the agent has no such tool. */
  tool(name: string): ToolRuns {
    const names = this.#tools;
    if (!names.includes(name))
      throw new AppError("input.invalid", `tool: ${noSuchTool(name, names)}`);
    return new ToolRuns(
      name,
      () => this.#seen,
      (fault) => this.#fail(fault),
    );
  }

  /** The turns so far: what was said, sent and heard, how each ended. */
  get turns(): readonly TurnSummary[] {
    return turnSummaries(this.#simulation.records);
  }

  /** From the end of the caller's words to the agent's first sound, in ms, turn by turn. */
  get gaps(): readonly number[] {
    return this.turns.map(({ latencyMs }) => latencyMs.e2e).filter((ms) => ms !== null);
  }

  /** No gap is longer. */
  maxGap(limit: Duration): this {
    const longest = Math.max(0, ...this.gaps);
    if (longest <= durationMs(limit, "maxGap")) return this;
    return this.#fail({
      what: "the caller waited too long for an answer",
      expected: `at most ${limit}`,
      actual: `${longest}ms`,
      operator: "maxGap",
    });
  }

  /** The log so far gives the same call again, record by record. */
  async replaysExactly(): Promise<void> {
    const { verdict, divergence } = await replay(this.records, { machines: MACHINES, deep: true });
    if (verdict === "reproduced") return;
    this.#fail({
      what: `the log does not replay: ${verdict} at record ${divergence?.seq}: ${divergence?.what}`,
      expected: divergence?.stored,
      actual: divergence?.recomputed,
      operator: "replaysExactly",
    });
  }

  get records(): readonly LogRecord[] {
    return this.#simulation.records;
  }

  /** The call as lines of text: seconds, actor, what happened. */
  timeline(): string {
    return timelineOf(this.records);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#simulation[Symbol.asyncDispose]();
  }

  async #speak(words: Words, { takes, until = "answered" }: SaysOptions): Promise<void> {
    const before = this.#opened;
    const parts = [words].flat();
    for (const [index, part] of parts.entries()) {
      if (isPause(part, index, parts)) {
        await this.#run(durationMs(part, "pause"));
        continue;
      }
      const count = part.split(" ").filter(Boolean).length;
      const ms = takes === undefined ? Math.max(1, count) * WORD_MS : durationMs(takes, "takes");
      this.#simulation.say(part, { ms, identity: this.#caller });
      await this.#run(ms);
    }
    await this.#answer(before, until);
  }

  async #answer(before: number, until: SaysOptions["until"]): Promise<void> {
    const { clock } = this.#simulation;
    await clock.run(clock.now() + UNHEARD_MS, () => this.#opened > before || this.#over);
    if (until === "speaks") {
      const from = this.records.length;
      const stop = (): boolean => this.#sounds(from) || this.#simulation.isQuiet || this.#over;
      await clock.run(clock.now() + ANSWER_MAX_MS, stop);
    } else await this.#quiet();
    this.#check();
  }

  async #quiet(): Promise<void> {
    const { clock } = this.#simulation;
    const stop = (): boolean => this.#simulation.isQuiet || this.#over;
    await clock.run(clock.now() + ANSWER_MAX_MS, stop);
    // What a turn leaves to be done after it, as a hook, is done then.
    await this.#run(BLINK_MS);
  }

  async #run(ms: number): Promise<void> {
    await this.#simulation.run(ms);
    this.#check();
  }

  #sounds(from: number): boolean {
    return this.records.slice(from).some(({ input }) => eventOf(input) === "reply.position");
  }

  #isIdle(begun: number): boolean {
    const { isQuiet, clock } = this.#simulation;
    return this.#over || (isQuiet && clock.now() - begun >= BLINK_MS);
  }

  get #over(): boolean {
    return this.#simulation.host.fold.closed;
  }

  get #opened(): number {
    const room = this.#simulation.host.fold.snapshotOf("room");
    return (room?.context as { n?: number } | undefined)?.n ?? 0;
  }

  /** Nobody hears a caller once the call is over. */
  #act(operator: string): void {
    this.#mark();
    if (!this.#over) return;
    const [expected, actual] = [
      "a call that goes on",
      `the room is ${statesOf("room", this.#moment)[0]}`,
    ];
    this.#fail({ what: "the call has ended", expected, actual, operator });
  }

  #mark(): void {
    this.#since = this.records.length;
    this.#live = this.turns.filter(({ status }) => status === "live").map(({ n }) => n);
  }

  /** An error of the agent's own code is the test's matter, though a call would go on. */
  #check(): void {
    const [thrown] = this.#errors.splice(0);
    if (!thrown) return;
    const { by, error } = thrown;
    const { message } = toAppError(error, "provider.failed");
    this.#fail({
      what: `the agent's ${by} threw`,
      expected: "no error",
      actual: message,
      operator: "throws",
      cause: error,
    });
  }

  #expect(what: "heard" | "said", expected: string | RegExp, turn: number | undefined): this {
    const summaries =
      turn === undefined ? this.#recent() : this.turns.filter(({ n }) => n === turn);
    const texts = summaries.map((one) => (what === "heard" ? one.heardText : one.agentText));
    const fits = (text: string): boolean =>
      typeof expected === "string"
        ? text.toLowerCase().includes(expected.toLowerCase())
        : text.search(expected) >= 0;
    if ([...texts, texts.join(" ")].some(fits)) return this;
    const whose = what === "heard" ? "the caller did not hear that" : "the agent did not say that";
    const where = turn === undefined ? "" : ` in turn ${turn}`;
    return this.#fail({
      what: `${whose}${where}`,
      expected,
      actual: texts.filter(Boolean).map(shown).join(" | ") || "nothing",
      operator: what,
    });
  }

  /** The turns in which the agent spoke since the last action, or was speaking then. */
  #recent(): readonly TurnSummary[] {
    const spoke = new Set(this.#live);
    for (const { actor, input } of this.records.slice(this.#since))
      if (/^(reply|filler)\.segment$/.test(eventOf(input))) spoke.add(Number(actor.slice(5)));
    return this.turns.filter(({ n }) => spoke.has(n));
  }

  get #moment(): Moment {
    return { fold: this.#simulation.host.fold, turns: this.turns };
  }

  #fail(fault: Fault): never {
    throw failureOf(fault, this.records);
  }
}

function eventOf(input: LogRecord["input"]): string {
  return (input["event"] as { readonly type: string } | undefined)?.type ?? "";
}
