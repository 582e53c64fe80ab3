import { inPieces, LlmEmulator, type Bit, type Plan, type Wire } from "./llm-emulator.ts";
import type { Exchange, Piece } from "./vendor-server.ts";

/** Anthropic's Messages API; the base URL is `<url>`. */
interface Body {
  readonly model: string;
  readonly max_tokens?: number;
  readonly system?: string;
  readonly messages: readonly { readonly role: string; readonly content: readonly Block[] }[];
  readonly stream?: boolean;
}

interface Block {
  readonly type: string;
  readonly text?: string;
  readonly id?: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly tool_use_id?: string;
  readonly content?: string;
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

export function startAnthropic(): Promise<LlmEmulator> {
  return LlmEmulator.start(WIRE);
}

const WIRE: Wire = {
  provider: "anthropic",
  answer,
  errorBody: (status, message) => ({
    type: "error",
    error: { type: ERROR_TYPES[status] ?? "api_error", message },
    request_id: "req_1",
  }),
};

async function answer(exchange: Exchange, emulator: LlmEmulator): Promise<void> {
  const { seen } = exchange;
  const refuse = emulator.refuse.bind(emulator, exchange);
  if (seen.path !== "/v1/messages") return refuse(404, `no ${seen.path}`);
  if (!/^Bearer \S+$/.test(seen.headers.authorization ?? "")) return refuse(401, "no API key");
  const body = seen.body as Body;
  const fault = seen.headers["anthropic-version"] ? faultOf(body) : "anthropic-version: required";
  if (fault !== undefined) return refuse(400, fault);
  const blocks = body.messages.flatMap(({ content }) => content);
  const said = body.messages.findLast(({ content }) => content.some(isText))!.content;
  const plan = emulator.accept({
    model: body.model,
    texts: [body.system ?? "", ...blocks.map(textOf)],
    images: blocks.filter(({ type }) => type === "image").length,
    said: said.map(({ text = "" }) => text).join(""),
    maxTokens: body.max_tokens,
  });
  await exchange.stream("text/event-stream", pieces(emulator, plan));
}

/** What the real one refuses. */
function faultOf({ messages, max_tokens, stream }: Body): string | undefined {
  if (!stream) return "this emulator only streams";
  if (max_tokens === undefined) return "max_tokens: Field required";
  if (messages[0]?.role !== "user") return "messages: first message must use the user role";
  if (messages.at(-1)?.role !== "user") return "prefill is not supported";
  let open: readonly string[] = [];
  for (const { role, content } of messages) {
    if (content.some(({ type, text }) => type === "text" && text === ""))
      return "text content blocks must be non-empty";
    const results = content.filter(({ type }) => type === "tool_result");
    if (content.findLastIndex(({ type }) => type === "tool_result") !== results.length - 1)
      return "tool_result blocks must come first";
    if (results.map(({ tool_use_id }) => tool_use_id).join() !== open.join())
      return "each tool_use block must have its tool_result in the next message";
    open = content.filter(({ type }) => type === "tool_use").map(({ id = "" }) => id);
    if (open.some((id) => !/^[a-zA-Z0-9_-]+$/.test(id))) return "tool_use.id: bad pattern";
    if (role === "user" && open.length > 0) return "a user uses no tools";
  }
  return undefined;
}

function isText({ type }: Block): boolean {
  return type === "text";
}

function textOf({ type, text = "", name = "", input, content = "" }: Block): string {
  if (type === "tool_use") return name + JSON.stringify(input);
  return type === "tool_result" ? content : text;
}

function* pieces(emulator: LlmEmulator, plan: Plan): Generator<Piece> {
  const { model, reasoning, input, cacheRead, cacheWrite } = plan;
  const usage = {
    input_tokens: input,
    cache_read_input_tokens: cacheRead,
    cache_creation_input_tokens: cacheWrite,
    output_tokens: 1,
    service_tier: "standard",
  };
  const message = { id: "msg_1", type: "message", role: "assistant", model, content: [], usage };
  yield {
    data: event("message_start", { message: { ...message, stop_reason: null } }),
    usage: emulator.tokens(plan, "reasoningTokens", reasoning),
  };
  yield { data: event("ping", {}) };
  yield* blocks(emulator, plan);
  if (plan.error) return yield { data: event("error", plan.error) };
  const delta = { stop_reason: stopOf(plan), stop_sequence: null };
  yield {
    data: event("message_delta", { delta, usage: lastUsage(plan) }),
    tellsUsage: true,
  };
  yield { data: event("message_stop", {}) };
}

function* blocks(emulator: LlmEmulator, plan: Plan): Generator<Piece> {
  const texts = plan.bits.filter((bit) => bit.type === "text");
  const calls = plan.bits.filter((bit) => bit.type === "call");
  const all: readonly (readonly Bit[])[] = [
    ...(texts.length > 0 ? [texts] : []),
    ...calls.map((call) => [call]),
  ];
  for (const [index, bits] of all.entries()) {
    const [first] = bits;
    const block =
      first?.type === "call"
        ? { type: "tool_use", id: `toolu_0${index}`, name: first.name, input: {} }
        : { type: "text", text: "" };
    yield { data: event("content_block_start", { index, content_block: block }) };
    for (const bit of bits) {
      const usage = emulator.tokens(plan, "outputTokens", bit.tokens);
      const deltas =
        bit.type === "text"
          ? [{ type: "text_delta", text: bit.text }]
          : ["", ...inPieces(bit.input)].map((json) => ({
              type: "input_json_delta",
              partial_json: json,
            }));
      for (const [n, delta] of deltas.entries())
        yield { data: event("content_block_delta", { index, delta }), ...(n === 0 && { usage }) };
    }
    yield { data: event("content_block_stop", { index }) };
  }
}

/** Totals, of which the output holds the thinking. */
function lastUsage({ output, reasoning, input, cacheRead, cacheWrite }: Plan): object {
  return {
    input_tokens: input,
    cache_read_input_tokens: cacheRead,
    cache_creation_input_tokens: cacheWrite,
    output_tokens: output + reasoning,
    output_tokens_details: { thinking_tokens: reasoning },
  };
}

function stopOf({ end, bits }: Plan): string {
  if (end === "refused") return "refusal";
  if (end === "length" || end === "badCalls") return "max_tokens";
  return bits.some(({ type }) => type === "call") ? "tool_use" : "end_turn";
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
