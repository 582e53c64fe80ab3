import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleAll,
  type CircuitBreakerPolicy,
  type IBreaker,
} from "cockatiel";
import { systemClock } from "../base/clock.ts";
import type { Ended, Guard, Guarded, Pass } from "./breaker.port.ts";

/**
 * Circuit breakers of a process, shared by all its calls: one for each service, provider and model.
 * Who keeps failing is asked no more for a while; then one request tries whether it is back, and
 * everybody else is refused at once meanwhile. Time is the process's own (ADR 0017).
 */
export type BreakerState = "closed" | "open" | "half-open";

export interface BreakerView extends Guarded {
  readonly state: BreakerState;
  /** When it came to this, ms since the Unix epoch. */
  readonly since: number;
}

/** When a breaker opens, and for how long. */
export interface BreakerRules {
  /** Failures in a row. */
  readonly inRow: number;
  /** Share of failures among the calls of the last `windowMs`, where there were `callsMin`. */
  readonly share: number;
  readonly callsMin: number;
  readonly windowMs: number;
  readonly openMs: number;
}

const BREAKER_RULES: BreakerRules = Object.freeze({
  inRow: 5,
  share: 0.5,
  callsMin: 10,
  windowMs: 30_000,
  openMs: 30_000,
});

type Listener = (view: BreakerView) => void;

export class Breakers implements Guard {
  readonly #rules: BreakerRules;
  readonly #breakers = new Map<string, Breaker>();
  readonly #listeners = new Set<Listener>();

  constructor(rules: Partial<BreakerRules> = {}) {
    this.#rules = { ...BREAKER_RULES, ...rules };
  }

  enter({ service, provider, model }: Guarded): Pass | undefined {
    const key = JSON.stringify([service, provider, model]);
    let breaker = this.#breakers.get(key);
    if (!breaker) {
      const tell: Listener = (view) => this.#listeners.forEach((listener) => listener(view));
      breaker = new Breaker({ service, provider, model }, this.#rules, tell);
      this.#breakers.set(key, breaker);
    }
    return breaker.enter();
  }

  /** All that were asked so far. */
  states(): readonly BreakerView[] {
    return [...this.#breakers.values()].map(({ view }) => view);
  }

  /** Each change, once; returns how to be told no more. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

const STATES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: "closed",
  [CircuitState.Open]: "open",
  [CircuitState.HalfOpen]: "half-open",
  [CircuitState.Isolated]: "open",
};

class Breaker {
  readonly #guarded: Guarded;
  readonly #rules: BreakerRules;
  readonly #tell: Listener;
  readonly #rule: IBreaker;
  #policy: CircuitBreakerPolicy;
  #view: BreakerView;

  constructor(guarded: Guarded, rules: BreakerRules, tell: Listener) {
    this.#guarded = guarded;
    this.#rules = rules;
    this.#tell = tell;
    this.#rule = new EitherRule([new ConsecutiveBreaker(rules.inRow), new ShareRule(rules)]);
    this.#policy = this.#open();
    this.#view = { ...guarded, state: "closed", since: systemClock.now() };
  }

  get view(): BreakerView {
    return this.#view;
  }

  enter(): Pass | undefined {
    const policy = this.#policy;
    // The library would have it wait for the one that tries.
    if (policy.state === CircuitState.HalfOpen) return undefined;
    const isProbe = policy.state === CircuitState.Open;
    const outcome = Promise.withResolvers<void>();
    let isLet = false;
    const asked = policy.execute(() => {
      isLet = true;
      return outcome.promise;
    });
    asked.catch(() => undefined);
    if (!isLet) return undefined;
    let isOver = false;
    const end = (how: Ended): void => {
      if (isOver) return;
      isOver = true;
      if (how === "void") {
        if (isProbe) this.#tryAgain();
        return;
      }
      // Of those from before it opened nothing can be learnt any more.
      if (!isProbe && policy.state !== CircuitState.Closed) return;
      if (how === "ok") outcome.resolve();
      else outcome.reject(how);
    };
    return { end };
  }

  /** The one that tried has told nothing: open as before, and the next one tries. */
  #tryAgain(): void {
    this.#policy = this.#open(this.#policy.toJSON());
    this.#changed(CircuitState.Open);
  }

  #open(initialState?: unknown): CircuitBreakerPolicy {
    const policy = circuitBreaker(handleAll, {
      halfOpenAfter: this.#rules.openMs,
      breaker: this.#rule,
      ...(initialState !== undefined && { initialState }),
    });
    policy.onStateChange((state) => this.#changed(state));
    return policy;
  }

  #changed(state: CircuitState): void {
    this.#view = { ...this.#guarded, state: STATES[state], since: systemClock.now() };
    this.#tell(this.#view);
  }
}

/** Opens as soon as one of its rules would. */
class EitherRule implements IBreaker {
  /** Kept in the rules themselves, which outlive a policy. */
  state: unknown = null;
  readonly #rules: readonly IBreaker[];

  constructor(rules: readonly IBreaker[]) {
    this.#rules = rules;
  }

  success(state: CircuitState): void {
    for (const rule of this.#rules) rule.success(state);
  }

  failure(state: CircuitState): boolean {
    return this.#rules.map((rule) => rule.failure(state)).includes(true);
  }
}

/**
 * Too great a share of the calls of late. The library's own sampling forgets only while it is
 * asked: where calls are few it would count those of long ago.
 */
class ShareRule implements IBreaker {
  state: unknown = null;
  readonly #rules: BreakerRules;
  #calls: { readonly at: number; readonly isFailure: boolean }[] = [];

  constructor(rules: BreakerRules) {
    this.#rules = rules;
  }

  success(state: CircuitState): void {
    if (state === CircuitState.HalfOpen) this.#calls = [];
    this.#note(false);
  }

  failure(): boolean {
    this.#note(true);
    const failures = this.#calls.filter(({ isFailure }) => isFailure).length;
    const { callsMin, share } = this.#rules;
    return this.#calls.length >= callsMin && failures >= share * this.#calls.length;
  }

  #note(isFailure: boolean): void {
    const now = systemClock.now();
    const from = this.#calls.findIndex(({ at }) => now - at < this.#rules.windowMs);
    this.#calls.splice(0, from < 0 ? this.#calls.length : from);
    this.#calls.push({ at: now, isFailure });
  }
}
