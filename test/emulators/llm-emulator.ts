import type { Json } from "../../src/events/record.ts";
import type { Usage } from "../../src/events/effect.events.ts";
import { VendorServer, type Exchange } from "./vendor-server.ts";

/**
 * What is the same for all emulated language models: they say what a test scripts, or else back
 * what they were told, word by word, and a token is four characters of what they get and give.
 */
export interface Scripted {
  readonly text?: string;
  readonly toolCalls?: readonly { readonly name: string; readonly input: Json }[];
  /** Thought before it speaks. */
  readonly reasoningTokens?: number;
  /** Of its input. */
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  /** Ends with the vendor's word for a refusal. */
  readonly refused?: boolean;
  /** Fails with this status once its words are given, which is told within the stream. */
  readonly fails?: number;
  /** Its tool calls end in their middle. */
  readonly badCalls?: boolean;
  /** The model it says has answered; the asked one without it. */
  readonly model?: string;
}

/** What a request holds, out of the vendor's form. */
export interface Told {
  readonly model: string;
  /** All that is billed as text. */
  readonly texts: readonly string[];
  readonly images: number;
  /** The user's last words. */
  readonly said: string;
  readonly maxTokens?: number | undefined;
}

export type Bit =
  | { readonly type: "text"; readonly text: string; readonly tokens: number }
  | {
      readonly type: "call";
      readonly index: number;
      readonly name: string;
      /** JSON. */
      readonly input: string;
      readonly tokens: number;
    };

/** One answer as it will leave. */
export interface Plan {
  readonly model: string;
  readonly bits: readonly Bit[];
  readonly end: "whole" | "length" | "refused" | "badCalls";
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly reasoning: number;
  readonly output: number;
  /** Body of the error that its stream ends with. */
  readonly error?: object;
}

const CHARS_PER_TOKEN = 4;
export const IMAGE_TOKENS = 85;

/** What the vendor's form is: `answer` reads a request and streams a plan. */
export interface Wire {
  readonly provider: string;
  answer(exchange: Exchange, emulator: LlmEmulator): Promise<void>;
  readonly errorBody: VendorServer["errorBody"];
}

export class LlmEmulator implements AsyncDisposable {
  readonly server: VendorServer;
  /** The next answers, or what finds one in what is told; words said back where there is none. */
  readonly answers: (Scripted | ((told: Told) => Scripted))[] = [];
  readonly #provider: string;

  private constructor(provider: string, server: VendorServer) {
    this.#provider = provider;
    this.server = server;
  }

  static async start(wire: Wire): Promise<LlmEmulator> {
    const server = await VendorServer.start((exchange) => wire.answer(exchange, emulator));
    const emulator = new LlmEmulator(wire.provider, server);
    server.errorBody = wire.errorBody;
    return emulator;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  /** As the vendor refuses what it does not take. */
  refuse(exchange: Exchange, status: number, message: string): void {
    exchange.json(status, this.server.errorBody(status, message));
  }

  /** Takes a request on, which bills its input. */
  accept(told: Told): Plan {
    const next = this.answers.shift() ?? { text: `You said: ${told.said}` };
    const scripted = typeof next === "function" ? next(told) : next;
    const { fails } = scripted;
    const error = fails && { error: this.server.errorBody(fails, `scripted ${fails}`) as object };
    const plan = { ...planOf(told, scripted), ...error };
    const { input, cacheRead, cacheWrite } = plan;
    this.server.bill([
      ...this.tokens(plan, "inputTokens", input),
      ...this.tokens(plan, "cacheReadTokens", cacheRead),
      ...this.tokens(plan, "cacheWriteTokens", cacheWrite),
    ]);
    return plan;
  }

  tokens({ model }: Plan, meter: Usage["meter"], quantity: number): readonly Usage[] {
    if (quantity === 0) return [];
    const by = { service: "llm", provider: this.#provider, model, estimated: false } as const;
    return [{ ...by, meter, quantity }];
  }
}

function planOf(told: Told, scripted: Scripted): Plan {
  const { cacheReadTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = scripted;
  const { text = "", toolCalls = [] } = scripted;
  const charsMax = (told.maxTokens ?? Infinity) * CHARS_PER_TOKEN;
  const words = text.slice(0, charsMax).match(/\S+\s*/g) ?? [];
  const count = counter();
  const bits: readonly Bit[] = [
    ...words.map((word): Bit => ({ type: "text", text: word, tokens: count(word) })),
    ...toolCalls.map(({ name, input }, index): Bit => {
      const whole = JSON.stringify(input);
      const json = scripted.badCalls ? whole.slice(0, whole.length / 2) : whole;
      return { type: "call", index, name, input: json, tokens: count(name + json) };
    }),
  ];
  const all = tokensOf(told.texts.join("")) + told.images * IMAGE_TOKENS;
  return {
    model: scripted.model ?? told.model,
    bits,
    end: endOf(scripted, text.length > charsMax),
    input: all - cacheReadTokens - cacheWriteTokens,
    cacheRead: cacheReadTokens,
    cacheWrite: cacheWriteTokens,
    reasoning: reasoningTokens,
    output: bits.reduce((sum, { tokens }) => sum + tokens, 0),
  };
}

function endOf({ refused, badCalls }: Scripted, isLong: boolean): Plan["end"] {
  if (refused) return "refused";
  if (badCalls) return "badCalls";
  return isLong ? "length" : "whole";
}

/** Tokens of each piece, so that their sum is what the whole has. */
function counter(): (text: string) => number {
  let given = "";
  return (text) => {
    const before = tokensOf(given);
    given += text;
    return tokensOf(given) - before;
  };
}

function tokensOf(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}

/** Cut into pieces that end in the middle of things, as inputs of tools are streamed. */
export function inPieces(text: string, chars = 7): readonly string[] {
  return text.match(new RegExp(`[^]{1,${chars}}`, "g")) ?? [];
}
