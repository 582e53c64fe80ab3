import { type Cancel, type Clock, sleep } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import type { Ids } from "../base/id.ts";
import type { Logger } from "../base/logger.ts";
import { charactersIn } from "../base/tokens.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { DueMeasure } from "../events/budget.events.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { CallRef, LogRecord } from "../events/record.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import { isShorter } from "../folds/history.ts";
import { Metering } from "../folds/metering.ts";
import { Allotment } from "../ledger/allotment.ts";
import { Bill } from "../ledger/bill.ts";
import { budgetPath } from "../ledger/budgets.ts";
import { parsePico } from "../ledger/money.ts";
import type { Prices } from "../ledger/rating.ts";
import { largestWithin, strictestDue, THRESHOLDS } from "../ledger/slices.ts";
import type { Llm } from "../providers/llm.port.ts";
import type { Tts } from "../providers/tts.port.ts";
import { CallLeases, PATIENCE_MS, UNBOUNDED } from "./call-leases.ts";
import type { Leases, Standing } from "./ledger-budgets.ts";
import { LastingSlices } from "./lasting-slices.ts";
import { WholeLog } from "./whole-log.ts";
import type { CallPurse, ModelAsk, OfferInput, SpeechAsk } from "../actors/purse.ts";
import { SliceCosts } from "./slice-costs.ts";

/**
 * The money of one call while it runs. W1: what is let out is held at its worst first, out of what
 * was leased to the call: in memory, so that a turn waits for no ledger while there is enough. W2:
 * what it has cost is folded from its own log, as the ledger will. W3: what is decided for want of
 * money reaches the charts as a logged input. W4: what is needed for the last words is held from
 * the beginning, and they are said whatever they cost. W5: a ledger that cannot be asked silences
 * nobody: it is told later.
 */
export interface CallBudgetPorts {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly log: Pick<EventLog, "read">;
  readonly prices: Prices;
  /** The ledger of the call's tenant. */
  readonly leases: () => Promise<Leases>;
  /** Of an agent of the call, by its name there. */
  readonly voicesOf: (agent: string) => readonly Tts[];
  readonly offer: OfferInput;
  /** Of the process: after it no ledger is asked any more. */
  readonly signal?: AbortSignal;
}

/** Between two looks at what lasts, as a connection. */
const LOOK_MS = 30_000;
/** Tokens of an answer under a budget: at most, in short ones, and below which none is of use. */
const ANSWER = { most: 1_000n, short: 120n, least: 40n } as const;
const FAREWELL = "farewell";

export class CallBudget implements CallPurse {
  readonly #ref: CallRef;
  readonly #ports: CallBudgetPorts;
  readonly #metering = new Metering();
  readonly #bill: Bill;
  readonly #costs: SliceCosts;
  readonly #allotment = new Allotment();
  /** The call is over, or another's. */
  readonly #closing = new AbortController();
  /** It is another's. */
  readonly #gone = new AbortController();
  readonly #opened = Promise.withResolvers<void>();
  readonly #records: WholeLog;
  readonly #lasting: LastingSlices;
  readonly #turnOf = new Map<string, string>();
  readonly #turnCost = new Map<string, bigint>();
  #header: CallHeader | undefined;
  #farewell = "";
  #leases: CallLeases | undefined;
  /** Over once for the call: not each of its turns waits for a ledger that does not answer. */
  #patience: Promise<void> | undefined;
  #isAhead = false;
  /** The ledger could not be asked in time: nothing is bounded until it can. */
  #isAway = false;
  #measure: DueMeasure = "none";
  #look: Cancel | undefined;
  #isSettled = false;
  /** The largest slice that was asked for. */
  #largest = 0n;

  constructor(ref: CallRef, ports: CallBudgetPorts) {
    this.#ref = ref;
    this.#ports = ports;
    this.#bill = new Bill(ref.tenant, { ...ports.prices, at: Math.floor(ports.clock.now()) });
    this.#costs = new SliceCosts(ref, ports.prices, ports.clock);
    this.#lasting = new LastingSlices(this.#allotment, this.#costs);
    this.#records = new WholeLog(ref, {
      ...ports,
      signal: this.#closing.signal,
      fold: (record) => this.#fold(record),
      onFailure: (error) => this.#warn("a call's budget cannot be folded", error),
    });
  }

  /** Each record of the call that its log has acknowledged, in order. */
  apply(record: LogRecord): void {
    this.#records.apply(record);
  }

  async admitModel(ask: ModelAsk): Promise<number | undefined> {
    if (!(await this.#isBound())) return undefined;
    const { model, voices, inputTokens, measure, effect } = ask;
    const cost = (tokens: bigint): bigint => this.#costs.request(model, { inputTokens, tokens });
    const isShort = measure !== undefined && isShorter(measure);
    const size = { min: ANSWER.least, max: isShort ? ANSWER.short : ANSWER.most };
    const most = cost(size.max);
    if (most === 0n) return undefined;
    const turn = this.#turn(effect, ask.turn);
    await this.#reach(most, turn);
    if (!this.#turnOf.has(effect)) throw new AppError("effect.stopped", "it ended meanwhile");
    const held =
      this.#measure === FAREWELL ? undefined : largestWithin(this.#free(turn), size, cost);
    if (held === undefined) {
      this.#exhaust(turn, cost(size.min));
      throw new AppError("budget.spent", `no budget for a request to ${model.model}`);
    }
    // An answer that nothing is left to say aloud would be paid for in vain.
    const costSaid = (tokens: bigint): bigint =>
      cost(tokens) + this.#costs.speech(voices, charactersIn(Number(tokens)));
    const said = largestWithin(this.#left(turn), size, costSaid) ?? size.min;
    const tokens = said < held ? said : held;
    this.#take(effect, cost(tokens));
    return Number(tokens);
  }

  async admitSpeech(ask: SpeechAsk): Promise<boolean> {
    if (!(await this.#isBound())) return true;
    const { effect, voices, characters } = ask;
    const worst = this.#costs.speech(voices, characters);
    if (worst === 0n) return true;
    // A turn's budget bounds its answer: that there is none can still be said.
    const counted = this.#turn(effect, ask.turn);
    const turn = ask.isFixed ? undefined : counted;
    await this.#reach(worst, turn);
    // It has ended meanwhile: nobody would give back what it holds.
    if (!this.#turnOf.has(effect)) return false;
    const isLastWord = ask.isFixed && this.#measure === FAREWELL;
    if (!isLastWord && worst > this.#free(turn)) {
      this.#exhaust(turn, worst);
      return false;
    }
    this.#take(effect, worst);
    return true;
  }

  cheapestFirst(models: readonly Llm[]): readonly Llm[] {
    return this.#costs.cheapestFirst(models);
  }

  /** Looks no more; what it has leased is another owner's, or expires. */
  [Symbol.dispose](): void {
    this.#gone.abort();
    this.#stop();
  }

  #stop(): void {
    this.#closing.abort();
    this.#look?.();
    this.#opened.resolve();
  }

  #fold(record: LogRecord): void {
    const { input } = record;
    for (const event of this.#metering.apply(record)) this.#count(event);
    if (input.type === "call.opened") void this.#open(record);
    // What was on its way before a farewell does not take it back.
    if (input.type === "budget.changed" && this.#measure !== FAREWELL)
      this.#measure = input["measure"] as DueMeasure;
    if (input.type === "effect.ended") this.#drop(input["effect"] as string);
    if (input.type === "call.ended") return void this.#close();
    if (this.#leases) this.#watch();
  }

  #count(event: UsageEvent): void {
    for (const line of this.#bill.add(event)) {
      const pico = line.priceId === null ? this.#costs.dearest(line) : line.amountPico;
      this.#allotment.spend(effectOf(event), pico);
      const { turn } = event;
      if (turn !== undefined) this.#turnCost.set(turn, (this.#turnCost.get(turn) ?? 0n) + pico);
    }
    this.#lasting.tell(event, this.#now());
  }

  async #open({ input, text }: LogRecord): Promise<void> {
    const header = input["header"] as unknown as CallHeader;
    this.#header = header;
    const texts = (text?.value ?? {}) as Readonly<Record<string, string>>;
    this.#farewell = texts["overBudget"] ?? texts["farewell"] ?? "";
    void this.#waited();
    // What owners before have spent is known then.
    await this.#records.whole;
    const { leases, clock, signal } = this.#ports;
    const gone = signal ? AbortSignal.any([signal, this.#gone.signal]) : this.#gone.signal;
    while (!this.#leases && !gone.aborted)
      try {
        await this.#lease(header, await leases());
      } catch (error) {
        this.#warn("a call's budget is not known", error);
        this.#opened.resolve();
        await sleep(clock, LOOK_MS, gone);
      }
    this.#opened.resolve();
    // It was over before: what it has used is counted all the same.
    if (this.#closing.signal.aborted && !gone.aborted) await this.#settle();
  }

  async #lease(header: CallHeader, leases: Leases): Promise<void> {
    const { call, agent, budget } = header;
    if (budget?.callPico !== undefined)
      await leases.limit(`call:${call}`, parsePico(budget.callPico));
    const path = budgetPath({ agent: agent.name, call });
    const { signal } = this.#closing;
    this.#leases = new CallLeases(this.#ref, this.#allotment, {
      ...this.#ports,
      leases,
      path,
      signal,
    });
    if (signal.aborted) return;
    if (this.#leases.standing.length > 0) await this.#reserve(this.#leases);
    this.#watch();
  }

  /** What the last words will cost. */
  async #reserve(leases: CallLeases): Promise<void> {
    const worst = this.#costs.speech(this.#ports.voicesOf(""), this.#farewell.length);
    if (worst > this.#free() && !(await leases.reach(worst, 1n))) this.#isAway = true;
    if (worst > this.#free()) this.#exhaust();
    else this.#allotment.hold(FAREWELL, worst);
  }

  /** Whether anything bounds the call; nothing does while its ledger is not known in time (W5). */
  async #isBound(): Promise<boolean> {
    if (!this.#leases) {
      await Promise.race([this.#opened.promise, this.#waited()]);
    }
    return this.#standing.length > 0 || this.#header?.budget?.turnPico !== undefined;
  }

  #waited(): Promise<void> {
    return (this.#patience ??= sleep(this.#ports.clock, PATIENCE_MS, this.#closing.signal));
  }

  get #standing(): readonly Standing[] {
    return this.#leases?.standing ?? [];
  }

  /** What may be held in a turn, now and once more was leased. */
  #left(turn: string): bigint {
    const more = this.#standing.map(({ availablePico }) => availablePico);
    const least = more.reduce((a, b) => (a < b ? a : b), UNBOUNDED);
    const all = this.#free() + least;
    const left = this.#turnLeft(turn);
    return left < all ? left : all;
  }

  /** What may be held now. */
  #free(turn?: string): bigint {
    const left = turn === undefined ? UNBOUNDED : this.#turnLeft(turn);
    const isLeased = this.#standing.length > 0 && !this.#isAway;
    const leased = isLeased ? this.#allotment.available(this.#now()) : UNBOUNDED;
    return left < leased ? left : leased;
  }

  #turnLeft(turn: string): bigint {
    const limit = this.#header?.budget?.turnPico;
    if (limit === undefined) return UNBOUNDED;
    let held = 0n;
    for (const [effect, of] of this.#turnOf)
      if (of === turn) held += this.#allotment.heldFor(effect);
    return parsePico(limit) - (this.#turnCost.get(turn) ?? 0n) - held;
  }

  #turn(effect: string, n: number): string {
    const turn = `turn.${n}`;
    this.#turnOf.set(effect, turn);
    return turn;
  }

  #take(effect: string, amountPico: bigint): void {
    this.#allotment.hold(effect, this.#allotment.heldFor(effect) + amountPico);
    if (amountPico > this.#largest) this.#largest = amountPico;
    this.#watch();
  }

  #drop(effect: string): void {
    this.#allotment.drop(effect);
    this.#turnOf.delete(effect);
  }

  /** Leases what is wanted where it is not in memory. */
  async #reach(wantedPico: bigint, turn?: string): Promise<void> {
    if (!this.#leases || wantedPico <= this.#allotment.available(this.#now())) return;
    if (this.#standing.length === 0) return;
    if (turn !== undefined && this.#turnLeft(turn) <= 0n) return;
    this.#isAway = !(await this.#leases.reach(wantedPico));
  }

  /** After anything has changed: leases ahead of need, and says what is due. */
  #watch(): void {
    const leases = this.#leases;
    const standing = this.#standing;
    if (!leases || standing.length === 0 || this.#closing.signal.aborted) return;
    this.#look ??= this.#ports.clock.after(LOOK_MS, () => this.#lookAgain());
    if (this.#allotment.available(this.#now()) < this.#largest) this.#leaseAhead(leases);
    const thresholds = { ...THRESHOLDS, ...this.#header!.budget?.thresholds };
    const left = standing.map(({ availablePico, limitPico }) => ({
      availablePico: availablePico + leases.ownPico,
      limitPico,
    }));
    const due = strictestDue(left, thresholds);
    if (due === FAREWELL) this.#exhaust();
    else this.#say(due);
  }

  /** Off the path of a turn. Where nothing is to be had and more is spent than leased, it ends. */
  #leaseAhead(leases: CallLeases): void {
    if (this.#isAhead || this.#measure === FAREWELL) return;
    const isOverdrawn = (): boolean => this.#allotment.available(this.#now()) < 0n;
    const wanted = isOverdrawn() ? 0n : this.#largest;
    // What others may need too is not kept for later.
    if (!isOverdrawn() && !leases.isAmple(wanted)) return;
    this.#isAhead = true;
    void leases.reach(wanted).then((reached) => {
      this.#isAhead = false;
      if (reached && isOverdrawn()) this.#exhaust();
    });
  }

  #lookAgain(): void {
    this.#look = undefined;
    this.#lasting.look(this.#now());
    void this.#leases?.renew();
    this.#watch();
  }

  /** Nothing more can be held: the last words, out of what was kept for them. */
  #exhaust(turn?: string, wantedPico = 0n): void {
    // It is the turn's own budget that ends: the call goes on.
    if (turn !== undefined && this.#turnLeft(turn) < wantedPico) return;
    this.#allotment.drop(FAREWELL);
    this.#say(FAREWELL);
  }

  #say(measure: DueMeasure): void {
    if (measure === this.#measure || this.#measure === FAREWELL) return;
    this.#measure = measure;
    // By the share that is left, as the measures go by it.
    const [least] = this.#standing.toSorted((a, b) =>
      Number(a.availablePico * b.limitPico - b.availablePico * a.limitPico),
    );
    const told = {
      measure,
      node: least?.node ?? "",
      limitPico: String(least?.limitPico ?? 0n),
      spentPico: String(this.#allotment.costPico),
      heldPico: String(this.#allotment.heldPico),
    };
    this.#ports.offer({ type: "budget.changed", ...told }).catch(() => undefined);
  }

  /** The call is over: what it has cost, it has. */
  async #close(): Promise<void> {
    this.#stop();
    await this.#settle();
  }

  async #settle(): Promise<void> {
    if (this.#isSettled || !this.#leases) return;
    this.#isSettled = true;
    await this.#leases.settle();
  }

  #now(): number {
    return this.#ports.clock.now();
  }

  #warn(what: string, error: unknown): void {
    this.#ports.logger.log("warn", what, { ...this.#ref, error: String(error) });
  }
}

/** Events of an effect's requests name it first. */
function effectOf({ clientRequest }: UsageEvent): string {
  const end = clientRequest.indexOf("/");
  return end < 0 ? clientRequest : clientRequest.slice(0, end);
}
