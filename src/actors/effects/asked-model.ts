import { tokensIn } from "../../base/tokens.ts";
import { aborted, sleep, type Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import type { Usage } from "../../events/effect.events.ts";
import type { Pass } from "../../providers/breaker.port.ts";
import type { Llm, LlmEvent, LlmRequest, LlmUsage } from "../../providers/llm.port.ts";
import { endedBy, wasTurnedDown } from "./retry.ts";
import { attemptOf, Tally } from "./tally.ts";

/** One try at one model. */
export interface Try {
  readonly model: Llm;
  readonly request: LlmRequest;
  /** From 1. */
  readonly attempt: number;
  readonly pass: Pass | undefined;
  /** Ms it has for its first words, asked for once somebody waits for them. */
  readonly patience: () => number;
}

interface TryPorts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly awaited: Promise<void>;
  onUsage(usage: readonly Usage[]): void;
}

const OTHER_TOKENS = ["cacheReadTokens", "cacheWriteTokens", "reasoningTokens"] as const;
const LATE = Symbol("late");
const OVER = Symbol("over");

/** A model may throw before it gives a stream: that too comes with the first event. */
async function* begun(open: () => AsyncIterable<LlmEvent>): AsyncGenerator<LlmEvent> {
  yield* open();
}

export class AskedModel {
  readonly #try: Try;
  readonly #ports: TryPorts;
  readonly #abort = new AbortController();
  readonly #events: AsyncGenerator<LlmEvent>;
  /** A model may not heed its signal: nobody waits for it then. */
  readonly #stopped: Promise<typeof OVER>;
  readonly #tally = new Tally();
  #first: LlmEvent | undefined;
  #chars = 0;
  #metered: Pick<LlmUsage, "inputTokens" | "outputTokens"> | undefined;
  #how: "stopped" | "failed" | undefined = "stopped";
  #turnedDown = false;
  #isLate = false;
  #isOver = false;

  constructor(one: Try, ports: TryPorts) {
    this.#try = one;
    this.#ports = ports;
    const signal = AbortSignal.any([ports.signal, this.#abort.signal]);
    this.#stopped = aborted(signal).then((): typeof OVER => OVER);
    this.#events = begun(() => one.model.stream(one.request, signal));
  }

  /** It gave words or a tool call: they cannot be taken back. */
  get hasGiven(): boolean {
    return this.#first !== undefined;
  }

  /** What it failed with is that its time was over. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Waits for the first words or tool call. Error `provider.timeout` once its time is over. */
  async first(): Promise<"something" | "nothing"> {
    const late = this.#late();
    for (;;) {
      const came = await Promise.race([this.#next(), late]);
      if (came === LATE) {
        this.#isLate = true;
        throw new AppError("provider.timeout", `${this.#try.model.model} gave nothing in its time`);
      }
      if (came === OVER) return "nothing";
      if (!this.#isAnswer(came)) continue;
      this.#first = came;
      return "something";
    }
  }

  async *rest(): AsyncGenerator<Exclude<LlmEvent, { type: "usage" }>, undefined> {
    if (!this.#first) return;
    let event: LlmEvent | typeof OVER = this.#first;
    for (; event !== OVER; event = await this.#next()) {
      if (event.type === "text") this.#chars += event.text.length;
      if (event.type === "usage") this.#meter(event.usage);
      else yield event;
    }
  }

  failed(error: unknown): void {
    if (this.#ports.signal.aborted) return;
    this.#how = "failed";
    this.#turnedDown = wasTurnedDown(error);
    this.#try.pass?.end(endedBy(error));
  }

  /** Nothing more is wanted of it. What it cost is told now, once. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#abort.abort();
    // Behind the abort, and not waited for: it may have something to close, and may hang.
    this.#events.return(undefined).catch(() => undefined);
    if (this.#how !== "failed") this.#try.pass?.end(this.#how ? "void" : "ok");
    this.#estimate();
    const which = attemptOf(this.#try.attempt, this.#how);
    this.#ports.onUsage(this.#tally.rows.map((row) => ({ ...row, ...which })));
  }

  /** What was asked and not metered by the provider is estimated: it is never free. */
  #estimate(): void {
    const { provider, model } = this.#try.model;
    const given = tokensIn(this.#chars);
    const counted = this.#metered;
    const meter = { service: "llm", provider, model } as const;
    if (!counted && this.#turnedDown)
      this.#tally.add({ ...meter, meter: "requests", quantity: 1, estimated: false });
    else if (!counted)
      this.#meter({
        provider,
        model,
        inputTokens: estimatedTokens(this.#try.request),
        outputTokens: given,
        estimated: true,
      });
    // Counted before its words came. A model that counts nothing at all uses no tokens.
    else if (counted.inputTokens > 0 && counted.outputTokens === 0 && given > 0)
      this.#tally.add({ ...meter, meter: "outputTokens", quantity: given, estimated: true });
  }

  /** The next event, or that there is none: it is done, or nobody wants it any more. */
  async #next(): Promise<LlmEvent | typeof OVER> {
    const coming = this.#events.next();
    coming.catch(() => undefined);
    const came = await Promise.race([coming, this.#stopped]);
    if (came === OVER) return OVER;
    if (!came.done) return checked(came.value);
    this.#how = undefined;
    return OVER;
  }

  /** Counts and white space are no answer yet. */
  #isAnswer(event: LlmEvent): boolean {
    if (event.type === "usage") this.#meter(event.usage);
    return event.type === "toolCall" || (event.type === "text" && event.text.trim() !== "");
  }

  async #late(): Promise<typeof LATE | typeof OVER> {
    const { clock, awaited, signal } = this.#ports;
    const over = AbortSignal.any([signal, this.#abort.signal]);
    await Promise.race([awaited, this.#stopped]);
    await sleep(clock, this.#try.patience(), over);
    return over.aborted ? OVER : LATE;
  }

  /** What is no count is as if it was not said; who counts is known without its word. */
  #meter(usage: Partial<LlmUsage> | null | undefined): void {
    const { inputTokens, outputTokens, estimated } = usage ?? {};
    if (!isCount(inputTokens) || !isCount(outputTokens)) return;
    const before = this.#metered ?? { inputTokens: 0, outputTokens: 0 };
    this.#metered = {
      inputTokens: before.inputTokens + inputTokens + (usage?.cacheReadTokens ?? 0),
      outputTokens: before.outputTokens + outputTokens,
    };
    const provider = nameOr(usage?.provider, this.#try.model.provider);
    const model = nameOr(usage?.model, this.#try.model.model);
    const meter = { service: "llm", provider, model, estimated: estimated === true } as const;
    this.#tally.add({ ...meter, meter: "inputTokens", quantity: inputTokens });
    this.#tally.add({ ...meter, meter: "outputTokens", quantity: outputTokens });
    for (const name of OTHER_TOKENS) {
      const quantity = usage?.[name];
      if (isCount(quantity) && quantity > 0) this.#tally.add({ ...meter, meter: name, quantity });
    }
  }
}

/** A model of one's own may give anything. Error `provider.failed`, naming the field. */
function checked(event: LlmEvent): LlmEvent {
  const fault = faultOf(event);
  if (fault === undefined) return event;
  throw new AppError("provider.failed", `an event of the model: ${fault}`);
}

function faultOf(event: Partial<LlmEvent> | null | undefined): string | undefined {
  switch (event?.type) {
    case "usage":
      return undefined;
    case "text":
      return typeof event.text === "string" ? undefined : "text: give a string";
    case "toolCall":
      return typeof event.call?.name === "string" ? undefined : "call.name: give a tool's name";
    default:
      return "type: there are text, toolCall and usage";
  }
}

function nameOr(given: unknown, own: string): string {
  return typeof given === "string" ? given : own;
}

/**
 * Of all that a model is given to read; an image costs what has nothing to do with its bytes.
 * Counted in pieces: a long call's request is long.
 */
export function estimatedTokens({ messages, tools }: LlmRequest): number {
  let chars = 0;
  for (const message of messages) {
    if (message.role === "tool") chars += JSON.stringify(message.output).length;
    else chars += message.text.length;
    if (message.role !== "assistant") continue;
    for (const { name, input } of message.toolCalls ?? [])
      chars += name.length + JSON.stringify(input).length;
  }
  for (const spec of tools) chars += JSON.stringify(spec).length;
  return tokensIn(chars);
}

function isCount(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0;
}
