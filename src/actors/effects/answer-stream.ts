import { sleep, type Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Usage } from "../../events/effect.events.ts";
import type { Guard, Pass } from "../../providers/breaker.port.ts";
import type { Llm, LlmEvent, LlmRequest } from "../../providers/llm.port.ts";
import { AskedModel } from "./asked-model.ts";
import { failureCode, retryDelay, type Retried } from "./retry.ts";

/**
 * One request over the models of an agent, in their order. One that fails is asked again while its
 * time lasts; then, or where it gives nothing, or nothing in its time, the next one is. Never once
 * something was given: words cannot be taken back.
 *
 * A model has `firstTokenMs` for all its tries. The last has nobody behind it: its first try has
 * `firstTokenMs`, so that one that hangs is asked anew, and the others what is left of `totalMs`,
 * so that one that is merely slow still answers.
 */
export interface AnswerPorts {
  readonly models: readonly Llm[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves when somebody waits for the answer; the deadlines count from here. */
  readonly awaited: Promise<void>;
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly guard: Guard | undefined;
  random(): number;
  /** How many tokens the answer may have, where that is bounded. Error `budget.spent`. */
  readonly admit?: ((model: Llm) => Promise<number | undefined>) | undefined;
  onAsk(model: Llm): void;
  onRetry(model: Llm, retried: Retried): void;
  /** `ms`: the time in which it gave nothing, where that is why. */
  onSwitch(from: Llm, to: Llm, left: Left): void;
  /** What a model threw, or that its time was over, and whether it is asked again or left. */
  onFailure(model: Llm, error: unknown, then: "again" | "next"): void;
  /** What each request cost, also of one that was left or cut off. */
  onUsage(usage: readonly Usage[]): void;
}

/** Why one was left: an error code, `late`, `empty`. */
export interface Left {
  readonly why: string;
  readonly ms?: number;
}

type Given = Exclude<LlmEvent, { type: "usage" }>;

export async function* streamAnswer(
  request: LlmRequest,
  ports: AnswerPorts,
): AsyncGenerator<Given> {
  const { models, clock, awaited, firstTokenMs, totalMs } = ports;
  const total = new Deadline(clock, awaited, totalMs);
  for (const [index, model] of models.entries()) {
    const next = models[index + 1];
    const deadline = next ? new Deadline(clock, awaited, firstTokenMs) : total;
    const left = yield* answerOf({ model, request, deadline, isLast: !next }, ports);
    if (!left) return;
    ports.onSwitch(model, next!, left);
  }
  throw new AppError("bug", "an agent without a model");
}

interface Turn {
  readonly model: Llm;
  readonly request: LlmRequest;
  readonly deadline: Deadline;
  readonly isLast: boolean;
}

/** All that one model says, over its tries; or why the next is to be asked. Throws of the last. */
async function* answerOf(
  { model, request, deadline, isLast }: Turn,
  ports: AnswerPorts,
): AsyncGenerator<Given, Left | undefined> {
  const { clock, signal, guard, firstTokenMs } = ports;
  const random = (): number => ports.random();
  const guarded = { service: "llm", provider: model.provider, model: model.model } as const;
  for (let attempt = 1; ; attempt++) {
    const most = isLast && attempt > 1 ? Infinity : firstTokenMs;
    const patience = (): number => Math.min(most, deadline.leftMs);
    const pass = guard?.enter(guarded);
    if (guard && !pass) {
      if (!isLast) return { why: "provider.open" };
      throw new AppError("provider.open", `${model.provider}/${model.model} keeps failing`);
    }
    const maxOutputTokens = await admitted({ model, pass }, ports);
    if (signal.aborted) {
      pass?.end("void");
      return undefined;
    }
    if (attempt === 1) ports.onAsk(model);
    const bounded = maxOutputTokens === undefined ? request : { ...request, maxOutputTokens };
    const asked = new AskedModel({ model, request: bounded, attempt, pass, patience }, ports);
    try {
      const gave = await asked.first();
      if (gave === "nothing" && !isLast && !signal.aborted) return { why: "empty" };
      return yield* asked.rest();
    } catch (error) {
      asked.failed(error);
      asked.end();
      if (signal.aborted || asked.hasGiven) throw error;
      const { leftMs } = deadline;
      const waitMs = retryDelay({ error, attempt, leftMs, random });
      const why = asked.isLate ? "late" : failureCode(error);
      if (waitMs === undefined && isLast) throw error;
      ports.onFailure(model, error, waitMs === undefined ? "next" : "again");
      if (waitMs === undefined) return { why, ...(asked.isLate && { ms: firstTokenMs }) };
      ports.onRetry(model, { attempt: attempt + 1, why, waitMs });
      await sleep(clock, waitMs, signal);
      if (signal.aborted) return undefined;
    } finally {
      asked.end();
    }
  }
}

/** Only one that is really asked is held money for. */
async function admitted(
  { model, pass }: { readonly model: Llm; readonly pass: Pass | undefined },
  { admit }: AnswerPorts,
): Promise<number | undefined> {
  try {
    return admit && (await admit(model));
  } catch (error) {
    pass?.end("void");
    throw error;
  }
}

/** Runs from when somebody waits. */
class Deadline {
  readonly #clock: Clock;
  readonly #ms: number;
  #endsAt: number | undefined;

  constructor(clock: Clock, awaited: Promise<void>, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
    void awaited.then(() => (this.#endsAt = clock.now() + ms));
  }

  get leftMs(): number {
    if (this.#endsAt === undefined) return this.#ms;
    return Math.max(0, this.#endsAt - this.#clock.now());
  }
}
