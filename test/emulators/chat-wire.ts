import { inPieces, type LlmEmulator, type Plan, type Wire } from "./llm-emulator.ts";
import type { Exchange, Piece } from "./vendor-server.ts";

/** OpenAI's Chat Completions on the wire, as OpenAI and those who copied it speak them. */
interface Body {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly max_completion_tokens?: number;
}

interface Message {
  readonly role: string;
  readonly content: string | readonly ContentPart[] | null;
  readonly name?: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly ToolCall[];
}

interface ContentPart {
  readonly type: string;
  readonly text?: string;
}

interface ToolCall {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

interface Shape {
  readonly provider: string;
  readonly path: string;
  /** Usage comes with the last words in a field of the vendor's own, and not in a chunk behind. */
  readonly usageInXGroq?: boolean;
}

const TYPES: Readonly<Record<number, string>> = {
  401: "invalid_request_error",
  429: "requests",
  500: "server_error",
};

export function chatWire(shape: Shape): Wire {
  return {
    provider: shape.provider,
    answer: (exchange, emulator) => answer(shape, exchange, emulator),
    errorBody: (status, message) => {
      const code = status === 429 ? "rate_limit_exceeded" : null;
      const type = TYPES[status] ?? "invalid_request_error";
      return { error: { message, type, param: null, code } };
    },
  };
}

async function answer(shape: Shape, exchange: Exchange, emulator: LlmEmulator): Promise<void> {
  const { seen } = exchange;
  const refuse = emulator.refuse.bind(emulator, exchange);
  if (seen.path !== shape.path) return refuse(404, `Unknown request URL: ${seen.path}`);
  if (!/^Bearer \S+$/.test(seen.headers.authorization ?? "")) return refuse(401, "No API key");
  const body = seen.body as Body;
  const fault = faultOf(body);
  if (fault !== undefined) return refuse(400, fault);
  const parts = body.messages.flatMap(partsOf);
  const plan = emulator.accept({
    model: body.model,
    texts: parts.map(({ text = "" }) => text),
    images: parts.filter(({ type }) => type === "image_url").length,
    said: partsOf(body.messages.findLast(({ role }) => role === "user"))
      .map(({ text = "" }) => text)
      .join(""),
    maxTokens: body.max_completion_tokens,
  });
  await exchange.stream("text/event-stream", pieces(shape, emulator, plan));
}

/** What the real one refuses. */
function faultOf({ messages, stream }: Body): string | undefined {
  if (!stream) return "this emulator only streams";
  const open = new Set<string>();
  for (const { role, name, tool_calls = [], tool_call_id = "" } of messages) {
    if (name !== undefined && !/^[^\s<|\\/>]{1,64}$/.test(name)) return `bad name ${name}`;
    if (role !== "tool" && open.size > 0) return "a tool call without its result";
    if (role === "tool" && !open.delete(tool_call_id)) return "a result without its tool call";
    for (const { id } of tool_calls) {
      if (!/^[\w-]{1,40}$/.test(id)) return `bad tool call id ${id}`;
      open.add(id);
    }
  }
  return open.size > 0 ? "a tool call without its result" : undefined;
}

function partsOf(message: Message | undefined): readonly ContentPart[] {
  const { content, tool_calls = [] } = message ?? { content: null };
  const said = typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
  const called = tool_calls.map(({ function: { name, arguments: input } }) => ({
    type: "call",
    text: name + input,
  }));
  return [...said, ...called];
}

function* pieces(shape: Shape, emulator: LlmEmulator, plan: Plan): Generator<Piece> {
  const chunk = (delta: object, more: object = {}, finish: string | null = null): string =>
    event({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1,
      model: plan.model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...more,
    });
  const bill = (tokens: number): Pick<Piece, "usage"> => ({
    usage: emulator.tokens(plan, "outputTokens", tokens),
  });
  yield {
    data: chunk({ role: "assistant", content: "" }),
    usage: emulator.tokens(plan, "reasoningTokens", plan.reasoning),
  };
  for (const bit of plan.bits) {
    if (bit.type === "text") {
      yield { data: chunk({ content: bit.text }), ...bill(bit.tokens) };
      continue;
    }
    const { index, name, input, tokens } = bit;
    const call = { index, id: `call_abc${index}`, type: "function" };
    const begun = { ...call, function: { name, arguments: "" } };
    yield { data: chunk({ tool_calls: [begun] }), ...bill(tokens) };
    for (const piece of inPieces(input))
      yield { data: chunk({ tool_calls: [{ index, function: { arguments: piece } }] }) };
  }
  if (plan.error) return yield { data: endedBy(shape, plan.error, chunk) };
  const finish = finishOf(plan);
  const usage = usageOf(plan);
  if (shape.usageInXGroq)
    yield { data: chunk({}, { x_groq: { id: "req_1", usage } }, finish), tellsUsage: true };
  else {
    yield { data: chunk({}, {}, finish) };
    yield { data: chunk({}, { choices: [], usage }), tellsUsage: true };
  }
  yield { data: "data: [DONE]\n\n" };
}

/** Groq may tell it in its own field, as one text. */
function endedBy(
  { usageInXGroq }: Shape,
  error: object,
  chunk: (delta: object, more: object) => string,
): string {
  const { message, code } = (error as { error: { message: string; code: string | null } }).error;
  return usageInXGroq && code === null ? chunk({}, { x_groq: { error: message } }) : event(error);
}

function finishOf({ end, bits }: Plan): string {
  if (end === "refused") return "content_filter";
  if (end === "length" || end === "badCalls") return "length";
  return bits.some(({ type }) => type === "call") ? "tool_calls" : "stop";
}

/** Its totals hold what was cached and reasoned. */
function usageOf({ input, cacheRead, cacheWrite, output, reasoning }: Plan): object {
  const prompt = input + cacheRead + cacheWrite;
  return {
    prompt_tokens: prompt,
    completion_tokens: output + reasoning,
    total_tokens: prompt + output + reasoning,
    prompt_tokens_details: { cached_tokens: cacheRead, cache_write_tokens: cacheWrite },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
