import type { Json } from "../events/record.ts";
import { disjointTokens } from "../events/usage.events.ts";
import type { LlmEvent, LlmImage, LlmMessage, LlmRequest, LlmUsage } from "./llm.port.ts";
import { base64Of, numbered, outputText } from "./vendor-llm.ts";
import { answeredBy, brokenOff, refused, toolInput } from "./vendor-llm.ts";

/**
 * OpenAI's Chat Completions as other vendors speak them too: a request in their form, and what is
 * streamed back as events of ours. `length` ends an answer as `stop` does; a refusal of the content
 * is the error `provider.refused`, once its usage is told.
 */
type ChatPart = { type: "text"; text: string } | { type: "image_url"; image_url: { url: string } };

type ChatMessage =
  | { role: "system"; content: string }
  | { role: "user"; content: string | ChatPart[]; name?: string }
  | {
      role: "assistant";
      content: string | null;
      tool_calls?: {
        id: string;
        type: "function";
        function: { name: string; arguments: string };
      }[];
    }
  | { role: "tool"; content: string; tool_call_id: string };

interface ChatTool {
  type: "function";
  function: { name: string; description: string; parameters: Record<string, unknown> };
}

interface ChatRequest {
  model: string;
  messages: ChatMessage[];
  tools?: ChatTool[];
  max_completion_tokens?: number;
}

interface ChatUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: {
    readonly cached_tokens?: number;
    readonly cache_write_tokens?: number;
  } | null;
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number } | null;
}

interface ToolDelta {
  readonly index: number;
  readonly id?: string;
  readonly function?: { readonly name?: string; readonly arguments?: string };
}

export interface ChatChunk {
  readonly model?: string;
  readonly choices?: readonly {
    readonly delta?: {
      readonly content?: string | null;
      readonly refusal?: string | null;
      readonly tool_calls?: readonly ToolDelta[];
    };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: ChatUsage | null | undefined;
}

interface Asked {
  readonly provider: string;
  readonly model: string;
}

/** Characters a name may not have, and the most it may. */
const NOT_IN_NAMES = /[\s<|\\/>]+/g;
const NAME_CHARS_MAX = 64;

export function toChat(model: string, request: LlmRequest): ChatRequest {
  const { messages, tools, maxOutputTokens } = request;
  const idOf = numbered(messages);
  return {
    model,
    messages: messages.map((message) => toMessage(message, idOf)),
    ...(tools.length > 0 && { tools: tools.map(toTool) }),
    ...(maxOutputTokens !== undefined && { max_completion_tokens: maxOutputTokens }),
  };
}

export async function* fromChat(
  asked: Asked,
  chunks: AsyncIterable<ChatChunk>,
): AsyncGenerator<LlmEvent> {
  const calls = new Map<number, Call>();
  let refusal = "";
  let finish: string | undefined;
  let usage: ChatUsage | undefined;
  let answered: string | undefined;
  for await (const chunk of chunks) {
    answered ??= chunk.model;
    usage = chunk.usage ?? usage;
    const choice = chunk.choices?.[0];
    if (choice?.delta?.content) yield { type: "text", text: choice.delta.content };
    refusal += choice?.delta?.refusal ?? "";
    for (const delta of choice?.delta?.tool_calls ?? []) add(calls, delta);
    finish = choice?.finish_reason ?? finish;
  }
  const model = answeredBy(asked.model, answered);
  if (usage) yield { type: "usage", usage: toUsage({ provider: asked.provider, model }, usage) };
  if (refusal || finish === "content_filter")
    throw refused(asked.provider, refusal ? "the model refuses" : "its content filter");
  if (finish === undefined) throw brokenOff(asked.provider);
  for (const { id, name, input } of calls.values())
    yield { type: "toolCall", call: { id, name, input: toolInput(asked.provider, name, input) } };
}

interface Call {
  id: string;
  name: string;
  input: string;
}

/** The name comes with the first piece, the input in pieces. */
function add(calls: Map<number, Call>, { index, id, function: given }: ToolDelta): void {
  const call = calls.get(index) ?? { id: id ?? `${index}`, name: given?.name ?? "", input: "" };
  call.input += given?.arguments ?? "";
  calls.set(index, call);
}

function toMessage(message: LlmMessage, idOf: (id: string) => string): ChatMessage {
  switch (message.role) {
    case "system":
      return { role: "system", content: message.text };
    case "user": {
      const name = message.name?.replace(NOT_IN_NAMES, "_").slice(0, NAME_CHARS_MAX);
      return { role: "user", content: toContent(message), ...(name && { name }) };
    }
    case "assistant": {
      const { text, toolCalls = [] } = message;
      if (toolCalls.length === 0) return { role: "assistant", content: text };
      const calls = toolCalls.map(({ id, name, input }) => ({
        id: idOf(id),
        type: "function" as const,
        function: { name, arguments: JSON.stringify(input) },
      }));
      return { role: "assistant", content: text || null, tool_calls: calls };
    }
    case "tool": {
      const content = outputText(message.output);
      return { role: "tool", content, tool_call_id: idOf(message.callId) };
    }
  }
}

type UserMessage = LlmMessage & { readonly role: "user" };

function toContent({ text, images = [] }: UserMessage): string | ChatPart[] {
  if (images.length === 0) return text;
  const parts = images.flatMap(toParts);
  return text ? [...parts, { type: "text", text }] : parts;
}

function toParts(image: LlmImage): ChatPart[] {
  const url = `data:${image.mime};base64,${base64Of(image)}`;
  const label: ChatPart[] = image.label ? [{ type: "text", text: image.label }] : [];
  return [...label, { type: "image_url", image_url: { url } }];
}

function toTool({ name, description, parameters }: LlmRequest["tools"][number]): ChatTool {
  const schema = parameters as Record<string, Json>;
  return { type: "function", function: { name, description, parameters: schema } };
}

/** Its totals hold what was cached and what was reasoned. */
function toUsage(by: Pick<LlmUsage, "provider" | "model">, usage: ChatUsage): LlmUsage {
  const tokens = disjointTokens({
    input: usage.prompt_tokens,
    cacheRead: usage.prompt_tokens_details?.cached_tokens,
    cacheWrite: usage.prompt_tokens_details?.cache_write_tokens,
    output: usage.completion_tokens,
    reasoning: usage.completion_tokens_details?.reasoning_tokens,
  });
  return { ...by, ...tokens, estimated: false };
}
