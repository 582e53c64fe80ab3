import { sleep, type Clock } from "../../base/clock.ts";
import { AppError, codeOf } from "../../base/errors.ts";
import type { Usage } from "../../events/effect.events.ts";
import type { Llm, LlmEvent, LlmRequest, LlmUsage } from "../../providers/llm.port.ts";

/**
 * One request over the models of an agent, in their order. The next is asked where one fails or
 * gives nothing in its time, but never once something was given: words cannot be taken back.
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
  /** What each request cost, also of one that was left or cut off. */
  onUsage(usage: readonly Usage[]): void;
}

/**
 * Characters a token has, where the provider does not say:
 * https://platform.openai.com/tokenizer
 */
const CHARS_PER_TOKEN = 4;
const LATE = Symbol("late");

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
  readonly #stop = (): void => this.#abort.abort();
  #first: IteratorResult<LlmEvent> | undefined;
  #chars = 0;
  #metered = false;

  constructor(model: Llm, request: LlmRequest, ports: AnswerPorts) {
    this.#model = model;
    this.#request = request;
    this.#ports = ports;
    ports.signal.addEventListener("abort", this.#stop, { once: true });
    ports.onAsk(model);
    this.#events = begun(() => model.stream(request, this.#abort.signal));
  }

  /** Waits for the first event; returns why the next model is to be asked, if it is. */
  async first(hasNext: boolean): Promise<string | undefined> {
    const first = this.#events.next();
    try {
      const came = hasNext ? await Promise.race([first, this.#late()]) : await first;
      if (came === LATE) {
        first.catch(() => undefined);
        if (!this.#ports.signal.aborted) return "late";
        this.#first = { done: true, value: undefined };
        return undefined;
      }
      this.#first = came as IteratorResult<LlmEvent>;
      return undefined;
    } catch (error) {
      if (!hasNext || this.#ports.signal.aborted) throw error;
      return codeOf(error, "provider.failed");
    }
  }

  async *rest(): AsyncGenerator<Exclude<LlmEvent, { type: "usage" }>> {
    for (let next = this.#first!; !next.done; next = await this.#events.next()) {
      const event = next.value;
      if (event.type === "usage") {
        this.#meter(event.usage);
        continue;
      }
      if (event.type === "text") this.#chars += event.text.length;
      yield event;
    }
  }

  /** What was asked and not metered by the provider is estimated: it is never free. */
  end(): void {
    this.#abort.abort();
    this.#ports.signal.removeEventListener("abort", this.#stop);
    if (this.#metered) return;
    const { provider, model } = this.#model;
    const inputTokens = Math.ceil(JSON.stringify(this.#request).length / CHARS_PER_TOKEN);
    const outputTokens = Math.ceil(this.#chars / CHARS_PER_TOKEN);
    this.#meter({ provider, model, inputTokens, outputTokens, estimated: true });
  }

  async #late(): Promise<typeof LATE> {
    const { clock, awaited, firstTokenMs } = this.#ports;
    await awaited;
    await sleep(clock, firstTokenMs, this.#abort.signal);
    return LATE;
  }

  #meter({ provider, model, inputTokens, outputTokens, estimated }: LlmUsage): void {
    this.#metered = true;
    const meter = { service: "llm", provider, model, estimated } as const;
    this.#ports.onUsage([
      { ...meter, meter: "inputTokens", quantity: inputTokens },
      { ...meter, meter: "outputTokens", quantity: outputTokens },
    ]);
  }
}
