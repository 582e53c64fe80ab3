import { aborted, sleep, type Clock } from "../../base/clock.ts";
import { AppError, codeOf } from "../../base/errors.ts";
import type { Usage } from "../../events/effect.events.ts";
import type { Llm, LlmEvent, LlmRequest, LlmUsage } from "../../providers/llm.port.ts";

/**
 * One request over the models of an agent, in their order. The next is asked where one fails or
 * gives nothing, or nothing in its time, but never once something was given: words cannot be taken
 * back.
 */
export interface AnswerPorts {
  readonly models: readonly Llm[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves when somebody waits for the answer; the deadline counts from here. */
  readonly awaited: Promise<void>;
  readonly firstTokenMs: number;
  onAsk(model: Llm): void;
  onSwitch(from: Llm, to: Llm, why: string): void;
  /** What a model threw that is left for the next. */
  onFailure(model: Llm, error: unknown): void;
  /** What each request cost, also of one that was left or cut off. */
  onUsage(usage: readonly Usage[]): void;
}

/**
 * Characters a token has, where the provider does not say:
 * https://platform.openai.com/tokenizer
 */
const CHARS_PER_TOKEN = 4;
const OTHER_TOKENS = ["cacheReadTokens", "cacheWriteTokens", "reasoningTokens"] as const;
const LATE = Symbol("late");
const OVER = Symbol("over");

export async function* streamAnswer(
  request: LlmRequest,
  ports: AnswerPorts,
): AsyncGenerator<Exclude<LlmEvent, { type: "usage" }>> {
  for (const [index, model] of ports.models.entries()) {
    const next = ports.models[index + 1];
    const asked = new Asked(model, request, ports);
    try {
      const why = await asked.first(next !== undefined);
      if (why === undefined) return yield* asked.rest();
      ports.onSwitch(model, next!, why);
    } finally {
      asked.end();
    }
  }
  throw new AppError("bug", "an agent without a model");
}

/** A model may throw before it gives a stream: that too comes with the first event. */
async function* begun(open: () => AsyncIterable<LlmEvent>): AsyncGenerator<LlmEvent> {
  yield* open();
}

class Asked {
  readonly #model: Llm;
  readonly #request: LlmRequest;
  readonly #ports: AnswerPorts;
  readonly #abort = new AbortController();
  readonly #events: AsyncIterator<LlmEvent>;
  /** A model may not heed its signal: nobody waits for it then. */
  readonly #stopped: Promise<typeof OVER>;
  #first: LlmEvent | undefined;
  #chars = 0;
  #metered: Pick<LlmUsage, "inputTokens" | "outputTokens"> | undefined;

  constructor(model: Llm, request: LlmRequest, ports: AnswerPorts) {
    this.#model = model;
    this.#request = request;
    this.#ports = ports;
    const signal = AbortSignal.any([ports.signal, this.#abort.signal]);
    this.#stopped = aborted(signal).then((): typeof OVER => OVER);
    ports.onAsk(model);
    this.#events = begun(() => model.stream(request, signal));
  }

  /** Waits for the first words or tool call; returns why the next model is to be asked, if so. */
  async first(hasNext: boolean): Promise<string | undefined> {
    const late = hasNext ? this.#late() : this.#stopped;
    try {
      for (;;) {
        const came = await Promise.race([this.#next(), late]);
        if (came === LATE) return "late";
        if (came === OVER) return hasNext && !this.#ports.signal.aborted ? "empty" : undefined;
        if (!this.#isAnswer(came)) continue;
        this.#first = came;
        return undefined;
      }
    } catch (error) {
      if (!hasNext || this.#ports.signal.aborted) throw error;
      this.#ports.onFailure(this.#model, error);
      return codeOf(error, "provider.failed");
    }
  }

  async *rest(): AsyncGenerator<Exclude<LlmEvent, { type: "usage" }>> {
    if (!this.#first) return;
    let event: LlmEvent | typeof OVER = this.#first;
    for (; event !== OVER; event = await this.#next()) {
      if (event.type === "text") this.#chars += event.text.length;
      if (event.type === "usage") this.#meter(event.usage);
      else yield event;
    }
  }

  /** What was asked and not metered by the provider is estimated: it is never free. */
  end(): void {
    this.#abort.abort();
    const { provider, model } = this.#model;
    const given = Math.ceil(this.#chars / CHARS_PER_TOKEN);
    const counted = this.#metered;
    if (!counted)
      this.#meter({
        provider,
        model,
        // Only where it must be: a long call's request is long.
        inputTokens: Math.ceil(JSON.stringify(this.#request, noBytes).length / CHARS_PER_TOKEN),
        outputTokens: given,
        estimated: true,
      });
    // Counted before its words came. A model that counts nothing at all uses no tokens.
    else if (counted.inputTokens > 0 && counted.outputTokens === 0 && given > 0) {
      const meter = { service: "llm", provider, model, estimated: true } as const;
      this.#ports.onUsage([{ ...meter, meter: "outputTokens", quantity: given }]);
    }
  }

  /** The next event, or that there is none: it is done, or nobody wants it any more. */
  async #next(): Promise<LlmEvent | typeof OVER> {
    const coming = this.#events.next();
    coming.catch(() => undefined);
    const came = await Promise.race([coming, this.#stopped]);
    return came === OVER || came.done ? OVER : checked(came.value);
  }

  /** Counts and white space are no answer yet. */
  #isAnswer(event: LlmEvent): boolean {
    if (event.type === "usage") this.#meter(event.usage);
    return event.type === "toolCall" || (event.type === "text" && event.text.trim() !== "");
  }

  async #late(): Promise<typeof LATE | typeof OVER> {
    const { clock, awaited, firstTokenMs, signal } = this.#ports;
    const over = AbortSignal.any([signal, this.#abort.signal]);
    await Promise.race([awaited, this.#stopped]);
    await sleep(clock, firstTokenMs, over);
    return over.aborted ? OVER : LATE;
  }

  /** What is no count is as if it was not said; who counts is known without its word. */
  #meter(usage: Partial<LlmUsage> | null | undefined): void {
    const { inputTokens, outputTokens, estimated } = usage ?? {};
    if (!isCount(inputTokens) || !isCount(outputTokens)) return;
    const others = OTHER_TOKENS.filter((name) => isCount(usage?.[name]) && usage[name] > 0);
    const cached = usage?.cacheReadTokens ?? 0;
    const before = this.#metered ?? { inputTokens: 0, outputTokens: 0 };
    this.#metered = {
      inputTokens: before.inputTokens + inputTokens + cached,
      outputTokens: before.outputTokens + outputTokens,
    };
    const provider = nameOr(usage?.provider, this.#model.provider);
    const model = nameOr(usage?.model, this.#model.model);
    const meter = { service: "llm", provider, model, estimated: estimated === true } as const;
    this.#ports.onUsage([
      { ...meter, meter: "inputTokens", quantity: inputTokens },
      { ...meter, meter: "outputTokens", quantity: outputTokens },
      ...others.map((name) => ({ ...meter, meter: name, quantity: usage?.[name] ?? 0 })),
    ]);
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

/** What an image costs has nothing to do with its bytes. */
function noBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? undefined : value;
}

function isCount(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0;
}
