import { type Cancel, type Clock, sleep } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import type { Ids } from "../base/id.ts";
import type { Logger } from "../base/logger.ts";
import type { EventLog } from "../broker/event-log.port.ts";
import type { Measure } from "../events/budget.events.ts";
import type { CallHeader } from "../events/call.events.ts";
import type { CallRef, LogRecord, StoredInput } from "../events/record.ts";
import type { UsageEvent } from "../events/usage.events.ts";
import { isShorter } from "../folds/history.ts";
import { Metering } from "../folds/metering.ts";
import { Allotment } from "../ledger/allotment.ts";
import { Bill } from "../ledger/bill.ts";
import { budgetPath } from "../ledger/budgets.ts";
import type { CostLine } from "../ledger/lines.ts";
import { parsePico } from "../ledger/money.ts";
import type { Prices } from "../ledger/rating.ts";
import { largestWithin, measuresDue } from "../ledger/slices.ts";
import type { Llm } from "../providers/llm.port.ts";
import type { Tts } from "../providers/tts.port.ts";
import type { Leases, Standing } from "./ledger-budgets.ts";
import { LastingSlices } from "./lasting-slices.ts";
import { WholeLog } from "./whole-log.ts";
import type { ModelAsk, Purse, SpeechAsk } from "./purse.ts";
import { dearestOf, modelCost, speechCost } from "./slice-costs.ts";

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
  readonly offer: (input: StoredInput) => Promise<unknown>;
}

/** How long a lease lasts from its last renewal; it is renewed at half of that. */
const LEASE_MS = 300_000;
/** Between two looks at what lasts, as a connection. */
const LOOK_MS = 30_000;
/** The most that a turn waits for its ledger. */
const PATIENCE_MS = 1_000;
/** Of what is wanted at once, so much is leased, so that the next turns find it in memory. */
const AHEAD = 4n;
const TRIES_MAX = 5;
/** Tokens of an answer under a budget: at most, in short ones, and below which none is of use. */
const ANSWER = { most: 1_000n, short: 120n, least: 40n } as const;
/** What the whole of a budget is left of, in thousandths, where a measure begins. */
export const THRESHOLDS: Readonly<Record<Measure, number>> = {
  warn: 200,
  cheaperModel: 150,
  shorterAnswers: 100,
  noVision: 50,
  farewell: 0,
};
const FAREWELL = "farewell";

export class CallBudget implements Purse, Disposable {
  readonly #ref: CallRef;
  readonly #ports: CallBudgetPorts;
  readonly #metering = new Metering();
  readonly #bill: Bill;
  readonly #allotment = new Allotment();
  readonly #closing = new AbortController();
  readonly #opened = Promise.withResolvers<void>();
  readonly #records: WholeLog;
  readonly #lasting: LastingSlices;
  readonly #turnOf = new Map<string, string>();
  readonly #turnCost = new Map<string, bigint>();
  #lines = 0;
  #header: CallHeader | undefined;
  #farewell = "";
  #leases: Leases | undefined;
  #asking: Promise<unknown> = Promise.resolve();
  #isAhead = false;
  #measure: Measure | "none" = "none";
  #look: Cancel | undefined;
  /** The largest slice that was asked for. */
  #largest = 0n;

  constructor(ref: CallRef, ports: CallBudgetPorts) {
    this.#ref = ref;
    this.#ports = ports;
    this.#bill = new Bill(ref.tenant, { ...ports.prices, at: Math.floor(ports.clock.now()) });
    this.#lasting = new LastingSlices(this.#allotment, ports.prices);
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
    const standing = await this.#ready();
    if (!this.#isBound(standing)) return undefined;
    const { model, inputTokens, measure, effect } = ask;
    const cost = (tokens: bigint): bigint =>
      modelCost(this.#subject("llm", model), { inputTokens, tokens }, this.#ports.prices);
    const isShort = measure !== undefined && isShorter(measure);
    const size = { min: ANSWER.least, max: isShort ? ANSWER.short : ANSWER.most };
    const most = cost(size.max);
    if (most === 0n) return undefined;
    const turn = this.#turn(effect, ask.turn);
    const fitting = (): bigint | undefined => largestWithin(this.#free(turn), size, cost);
    if (most > this.#free(turn)) await this.#reach(most);
    const tokens = this.#measure === FAREWELL ? undefined : fitting();
    if (tokens === undefined) {
      if (this.#turnLeft(turn) >= cost(size.min)) this.#exhaust();
      throw new AppError("budget.spent", `no budget for a request to ${model.model}`);
    }
    this.#take(effect, cost(tokens));
    return Number(tokens);
  }

  async admitSpeech(ask: SpeechAsk): Promise<boolean> {
    const standing = await this.#ready();
    if (!this.#isBound(standing)) return true;
    const { effect, voices, characters } = ask;
    const worst = this.#speechCost(voices, characters);
    const turn = this.#turn(effect, ask.turn);
    if (worst > this.#free(turn)) await this.#reach(worst);
    const isLastWord = ask.isFixed && this.#measure === FAREWELL;
    if (!isLastWord && worst > this.#free(turn)) {
      if (this.#turnLeft(turn) >= worst) this.#exhaust();
      return false;
    }
    this.#take(effect, worst);
    return true;
  }

  cheapestFirst(models: readonly Llm[]): readonly Llm[] {
    const usual = { inputTokens: 1_000, tokens: 200n };
    const cost = (model: Llm): bigint =>
      modelCost(this.#subject("llm", model), usual, this.#ports.prices);
    return models.toSorted((a, b) => Number(cost(a) - cost(b)));
  }

  /** Looks no more; what it has leased is another owner's, or expires. */
  [Symbol.dispose](): void {
    this.#closing.abort();
    this.#look?.();
    this.#opened.resolve();
  }

  #fold(record: LogRecord): void {
    const { input } = record;
    for (const event of this.#metering.apply(record)) this.#count(event);
    if (input.type === "call.opened") void this.#open(record);
    if (input.type === "effect.ended") this.#allotment.drop(input["effect"] as string);
    if (input.type === "call.ended") return void this.#close();
    if (this.#leases) this.#watch();
  }

  #count(event: UsageEvent): void {
    this.#bill.add(event);
    const { lines } = this.#bill;
    for (; this.#lines < lines.length; this.#lines++) {
      const line = lines[this.#lines]!;
      const pico = line.priceId === null ? this.#ceiling(line) : line.amountPico;
      this.#allotment.spend(effectOf(event), pico);
      const { turn } = event;
      if (turn !== undefined) this.#turnCost.set(turn, (this.#turnCost.get(turn) ?? 0n) + pico);
    }
    this.#lasting.tell(event, this.#now());
  }

  /** What has no price counts at the dearest that there is. */
  #ceiling(line: CostLine): bigint {
    return dearestOf(this.#ports.prices, line, this.#ref.tenant);
  }

  async #open({ input, text }: LogRecord): Promise<void> {
    const header = input["header"] as unknown as CallHeader;
    this.#header = header;
    const texts = (text?.value ?? {}) as Readonly<Record<string, string>>;
    this.#farewell = texts["overBudget"] ?? texts["farewell"] ?? "";
    try {
      const leases = await this.#ports.leases();
      const node = `call:${header.call}`;
      const { callPico } = header.budget ?? {};
      if (callPico !== undefined) await leases.limit(node, parsePico(callPico));
      this.#allotment.adopt(leases.open(header.call), leases.spent(node));
      this.#leases = leases;
      if (leases.standing(this.#path).length > 0) await this.#reserve();
      this.#watch();
    } catch (error) {
      this.#warn("a call's budget is not known", error);
    } finally {
      this.#opened.resolve();
    }
  }

  /** What the last words will cost. */
  async #reserve(): Promise<void> {
    const worst = this.#speechCost(this.#ports.voicesOf(""), this.#farewell.length);
    if (worst > this.#free()) await this.#reach(worst);
    if (worst > this.#free()) this.#exhaust();
    else this.#take(FAREWELL, worst);
  }

  get #path(): readonly string[] {
    return budgetPath({ agent: this.#header!.agent.name, call: this.#ref.call });
  }

  /** Budgets with limits, once they are known; none where that takes too long (W5). */
  async #ready(): Promise<readonly Standing[]> {
    if (!this.#leases) {
      const late = new AbortController();
      const over = sleep(this.#ports.clock, PATIENCE_MS, late.signal);
      await Promise.race([this.#opened.promise, over]);
      late.abort();
    }
    return this.#leases && this.#header ? this.#leases.standing(this.#path) : [];
  }

  #isBound(standing: readonly Standing[]): boolean {
    return standing.length > 0 || this.#header?.budget?.turnPico !== undefined;
  }

  /** What may be held now. */
  #free(turn?: string): bigint {
    const left = turn === undefined ? INFINITE : this.#turnLeft(turn);
    const standing = this.#leases?.standing(this.#path) ?? [];
    const leased = standing.length > 0 ? this.#allotment.available(this.#now()) : INFINITE;
    return left < leased ? left : leased;
  }

  #turnLeft(turn: string): bigint {
    const limit = this.#header?.budget?.turnPico;
    if (limit === undefined) return INFINITE;
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

  /** Leases more, until so much may be held or no budget of the path has more. */
  #reach(wantedPico: bigint): Promise<void> {
    const late = new AbortController();
    const reached = this.#asking
      .then(() => this.#leaseMore(wantedPico))
      .catch((error: unknown) => this.#warn("a call's ledger cannot be asked", error))
      .finally(() => late.abort());
    this.#asking = reached;
    return Promise.race([reached, sleep(this.#ports.clock, PATIENCE_MS, late.signal)]);
  }

  async #leaseMore(wantedPico: bigint): Promise<void> {
    const { ids } = this.#ports;
    const leases = this.#leases!;
    for (let tries = 0; tries < TRIES_MAX && !this.#closing.signal.aborted; tries++) {
      const short = wantedPico - this.#allotment.available(this.#now());
      if (short <= 0n) return;
      const left = leases.standing(this.#path).map(({ availablePico }) => availablePico);
      const most = left.reduce((a, b) => (a < b ? a : b), short + wantedPico * (AHEAD - 1n));
      if (left.length === 0 || most <= 0n) return;
      const until = Math.floor(this.#now()) + LEASE_MS;
      const lease = { id: `${this.#ref.call}/${ids.call()}`, amountPico: most, until };
      const refusedBy = await leases.take(lease, { path: this.#path, call: this.#ref.call });
      if (refusedBy === undefined) this.#allotment.lease(lease);
    }
  }

  /** After anything has changed: leases ahead of need, and says what is due. */
  #watch(): void {
    const standing = this.#leases?.standing(this.#path) ?? [];
    if (standing.length === 0 || this.#closing.signal.aborted) return;
    this.#look ??= this.#ports.clock.after(LOOK_MS, () => this.#lookAgain());
    const now = this.#now();
    if (this.#allotment.available(now) < this.#largest) this.#lease(standing);
    const own = this.#allotment.available(now) + this.#allotment.heldPico;
    const thresholds = { ...THRESHOLDS, ...this.#header!.budget?.thresholds };
    let due: Measure | "none" = "none";
    for (const { availablePico, limitPico } of standing) {
      const last = measuresDue(availablePico + own, limitPico, thresholds).at(-1);
      if (last !== undefined && (due === "none" || thresholds[last] < thresholds[due])) due = last;
    }
    if (due === FAREWELL) this.#exhaust();
    else this.#say(due);
  }

  /** Off the path of a turn. Where nothing is to be had and more is spent than leased, it ends. */
  #lease(standing: readonly Standing[]): void {
    if (this.#isAhead || this.#measure === FAREWELL) return;
    const done = (): void => {
      this.#isAhead = false;
      if (this.#allotment.available(this.#now()) < 0n) this.#exhaust();
    };
    if (standing.some(({ availablePico }) => availablePico <= 0n)) return done();
    this.#isAhead = true;
    void this.#reach(this.#largest).then(done);
  }

  #lookAgain(): void {
    this.#look = undefined;
    this.#lasting.look(this.#now());
    void this.#renew();
    this.#watch();
  }

  async #renew(): Promise<void> {
    const now = Math.floor(this.#now());
    for (const { id, until } of this.#allotment.leases) {
      if (until - now > LEASE_MS / 2) continue;
      try {
        if (await this.#leases!.renew(id, now + LEASE_MS))
          this.#allotment.renew(id, now + LEASE_MS);
      } catch (error) {
        this.#warn("a lease was not renewed", error);
      }
    }
  }

  /** Nothing more can be held: the last words, out of what was kept for them. */
  #exhaust(): void {
    this.#allotment.drop(FAREWELL);
    this.#say(FAREWELL);
  }

  #say(measure: Measure | "none"): void {
    if (measure === this.#measure || this.#measure === FAREWELL) return;
    this.#measure = measure;
    const standing = this.#leases?.standing(this.#path) ?? [];
    const [least] = standing.toSorted((a, b) => Number(a.availablePico - b.availablePico));
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
    this[Symbol.dispose]();
    await this.#asking;
    const leases = this.#leases;
    for (let one = leases && this.#allotment.settleOldest(); one;)
      try {
        await leases!.settle(one);
        one = this.#allotment.settleOldest();
      } catch (error) {
        // Unsettled it expires, and its ledger has the cost by then.
        return this.#warn("a call's budget was not settled", error);
      }
  }

  #speechCost(voices: readonly Tts[], characters: number): bigint {
    const costs = voices.map((tts) =>
      speechCost(this.#subject("tts", tts), characters, this.#ports.prices),
    );
    return costs.reduce((a, b) => (a > b ? a : b), 0n);
  }

  #subject(service: "llm" | "tts", of: { readonly provider: string; readonly model: string }) {
    const { tenant, call } = this.#ref;
    const { provider, model } = of;
    return { request: "", call, tenant, service, provider, model, at: this.#now() };
  }

  #now(): number {
    return this.#ports.clock.now();
  }

  #warn(what: string, error: unknown): void {
    this.#ports.logger.log("warn", what, { ...this.#ref, error: String(error) });
  }
}

const INFINITE = 1n << 120n;

/** Events of an effect's requests name it first. */
function effectOf({ clientRequest }: UsageEvent): string {
  const end = clientRequest.indexOf("/");
  return end < 0 ? clientRequest : clientRequest.slice(0, end);
}
