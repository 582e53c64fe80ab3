import { LlmEmulator, type Plan, type Wire } from "./llm-emulator.ts";
import type { Exchange, Piece } from "./vendor-server.ts";

/** Google's Gemini API; the base URL is `<url>`. */
interface Body {
  readonly contents: readonly Content[];
  readonly systemInstruction?: { readonly parts: readonly Part[] };
  readonly generationConfig?: { readonly maxOutputTokens?: number };
}

interface Content {
  readonly role: string;
  readonly parts: readonly Part[];
}

interface Part {
  readonly text?: string;
  readonly inlineData?: unknown;
  readonly functionCall?: { readonly name: string; readonly args: unknown };
  readonly functionResponse?: { readonly name: string; readonly response: unknown };
  readonly thoughtSignature?: string;
}

const PATH = /^\/v1beta\/models\/([^:/]+):streamGenerateContent\?alt=sse$/;
const STATUSES: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};
/** What it signs calls with. */
export const SIGNATURE = "c2lnbmVkIGJ5IHRoZSBlbXVsYXRvcg==";
const SKIPS = "skip_thought_signature_validator";

export function startGemini(): Promise<LlmEmulator> {
  return LlmEmulator.start(WIRE);
}

const WIRE: Wire = {
  provider: "gemini",
  answer,
  errorBody: (status, message, retryAfterS) => ({
    error: {
      code: status,
      message,
      status: STATUSES[status] ?? "UNKNOWN",
      ...(retryAfterS !== undefined && {
        details: [
          { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryAfterS}s` },
        ],
      }),
    },
  }),
};

async function answer(exchange: Exchange, emulator: LlmEmulator): Promise<void> {
  const { seen } = exchange;
  const refuse = emulator.refuse.bind(emulator, exchange);
  const model = PATH.exec(seen.path)?.[1];
  if (model === undefined) return refuse(404, `no ${seen.path}`);
  if (!seen.headers["x-goog-api-key"]) return refuse(403, "no API key");
  const body = seen.body as Body;
  const fault = faultOf(body);
  if (fault !== undefined) return refuse(400, fault);
  const parts = [...(body.systemInstruction?.parts ?? []), ...body.contents.flatMap(partsOf)];
  const plan = emulator.accept({
    model,
    texts: parts.map(textOf),
    images: parts.filter(({ inlineData }) => inlineData).length,
    said: body.contents
      .findLast(isSaid)!
      .parts.map(({ text = "" }) => text)
      .join(""),
    maxTokens: body.generationConfig?.maxOutputTokens,
  });
  await exchange.stream("text/event-stream", pieces(emulator, plan));
}

/** What the real one refuses. */
function faultOf({ contents }: Body): string | undefined {
  if (contents[0]?.role !== "user" || contents.at(-1)?.role !== "user")
    return "the first and the last content must be the user's";
  const turn = contents.findLastIndex(isSaid);
  let calls = 0;
  for (const [index, { parts }] of contents.entries()) {
    if (parts.length === 0) return "contents.parts must not be empty";
    if (parts.filter(({ functionResponse }) => functionResponse).length !== calls)
      return "as many function responses as there are function calls";
    const called = parts.filter(({ functionCall }) => functionCall);
    calls = called.length;
    const signature = called[0]?.thoughtSignature;
    if (calls > 0 && index > turn && signature !== SIGNATURE && signature !== SKIPS)
      return "function call is missing a thought_signature";
  }
  return undefined;
}

function partsOf({ parts }: Content): readonly Part[] {
  return parts;
}

function isSaid({ role, parts }: Content): boolean {
  return role === "user" && parts.some(({ functionResponse }) => !functionResponse);
}

function textOf({ text = "", functionCall, functionResponse }: Part): string {
  if (functionCall) return functionCall.name + JSON.stringify(functionCall.args);
  if (functionResponse) return functionResponse.name + JSON.stringify(functionResponse.response);
  return text;
}

function* pieces(emulator: LlmEmulator, plan: Plan): Generator<Piece> {
  const { input, cacheRead, reasoning, model } = plan;
  let output = 0;
  const chunk = (parts: readonly object[], more: object = {}): string => {
    const usageMetadata = {
      promptTokenCount: input + cacheRead,
      ...(cacheRead > 0 && { cachedContentTokenCount: cacheRead }),
      ...(output > 0 && { candidatesTokenCount: output }),
      ...(reasoning > 0 && { thoughtsTokenCount: reasoning }),
      totalTokenCount: input + cacheRead + output + reasoning,
    };
    const candidate = { content: { role: "model", parts }, index: 0, ...more };
    return event({ candidates: [candidate], usageMetadata, modelVersion: model, responseId: "r1" });
  };
  yield {
    data: chunk([{ text: "Thinking about it.", thought: true }]),
    usage: emulator.tokens(plan, "reasoningTokens", reasoning),
  };
  for (const bit of plan.bits) {
    output += bit.tokens;
    const usage = emulator.tokens(plan, "outputTokens", bit.tokens);
    if (bit.type === "text") yield { data: chunk([{ text: bit.text }]), usage };
    // A bad one it keeps to itself.
    else if (plan.end === "badCalls") yield { data: chunk([{ text: "" }]), usage };
    else {
      const functionCall = { name: bit.name, args: JSON.parse(bit.input) as unknown };
      const signed = bit.index === 0 ? { thoughtSignature: SIGNATURE } : {};
      yield { data: chunk([{ functionCall, ...signed }]), usage };
    }
  }
  if (plan.error) return yield { data: event(plan.error) };
  yield { data: chunk([{ text: "" }], { finishReason: finishOf(plan) }), tellsUsage: true };
}

function finishOf({ end }: Plan): string {
  if (end === "refused") return "SAFETY";
  if (end === "badCalls") return "MALFORMED_FUNCTION_CALL";
  return end === "length" ? "MAX_TOKENS" : "STOP";
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\r\n\r\n`;
}
