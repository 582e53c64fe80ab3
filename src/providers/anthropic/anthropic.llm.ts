import Anthropic from "@anthropic-ai/sdk";
import { alternate, type Part } from "../alternating.ts";
import type { Llm, LlmEvent, LlmRequest, ToolSpec } from "../llm.port.ts";
import {
  answeredBy,
  base64Of,
  brokenOff,
  outputText,
  refused,
  RunningUsage,
} from "../vendor-llm.ts";
import { clientOptions, toolInput, vendorStream, type VendorLlmOptions } from "../vendor-llm.ts";

/**
 * A Claude model, by the Messages API. The longest beginning that was sent before is read from its
 * cache. `max_tokens` ends an answer as its end does; `refusal` is the error `provider.refused`.
 */
const PROVIDER = "anthropic";
/** The API wants a limit; every model in service takes this one. */
const OUTPUT_TOKENS_MAX = 8192;

type Effort = NonNullable<Anthropic.OutputConfig["effort"]>;
type ImageMime = Anthropic.Base64ImageSource["media_type"];
type Event = Anthropic.RawMessageStreamEvent;

/** `effort`: `none` (no thinking), `low` up to `max`. */
export function createAnthropicLlm(options: VendorLlmOptions): Llm {
  const { key, model } = options;
  const vendor = { provider: PROVIDER, keyName: "ANTHROPIC_API_KEY", key };
  const client = new Anthropic(clientOptions(options));
  async function* ask(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmEvent> {
    const body = { ...toMessages(options, request), stream: true as const };
    yield* fromMessages(model, await client.messages.create(body, { signal }));
  }
  return {
    provider: PROVIDER,
    model,
    stream: (request, signal) => vendorStream(vendor, signal, (own) => ask(request, own)),
  };
}

function toMessages(
  { model, effort }: VendorLlmOptions,
  { messages, tools, maxOutputTokens }: LlmRequest,
): Omit<Anthropic.MessageCreateParamsStreaming, "stream"> {
  const { system, sides } = alternate(messages);
  return {
    model,
    max_tokens: maxOutputTokens ?? OUTPUT_TOKENS_MAX,
    cache_control: { type: "ephemeral" },
    ...(system && { system }),
    messages: sides.map(({ role, parts }) => ({ role, content: parts.map(toBlock) })),
    ...(tools.length > 0 && { tools: tools.map(toTool) }),
    ...(effort === "none" && { thinking: { type: "disabled" } }),
    ...(effort && effort !== "none" && { output_config: { effort: effort as Effort } }),
  };
}

function toBlock(part: Part): Anthropic.ContentBlockParam {
  switch (part.type) {
    case "text":
      return part;
    case "image": {
      const media_type = part.image.mime as ImageMime;
      const source = { type: "base64", media_type, data: base64Of(part.image) } as const;
      return { type: "image", source };
    }
    case "call":
      return { type: "tool_use", id: part.id, name: part.name, input: part.input };
    case "result":
      return { type: "tool_result", tool_use_id: part.id, content: outputText(part.output) };
  }
}

function toTool({ name, description, parameters }: ToolSpec): Anthropic.Tool {
  return { name, description, input_schema: parameters as Anthropic.Tool.InputSchema };
}

async function* fromMessages(
  model: string,
  events: AsyncIterable<Event>,
): AsyncGenerator<LlmEvent> {
  const answer = new Answer(model);
  for await (const event of events) yield* answer.take(event);
  yield* answer.end();
}

function usageBy(model: string): RunningUsage {
  return new RunningUsage({ provider: PROVIDER, model });
}

class Answer {
  readonly #model: string;
  readonly #calls = new Map<number, { id: string; name: string; input: string }>();
  #usage: RunningUsage;
  #stop: Anthropic.StopReason | null = null;
  #ended = false;

  constructor(model: string) {
    this.#model = model;
    this.#usage = usageBy(model);
  }

  *take(event: Event): Generator<LlmEvent> {
    switch (event.type) {
      case "message_start":
        this.#usage = usageBy(answeredBy(this.#model, event.message.model));
        // Its output is a first count, of which the last one is the whole.
        return yield* this.#count({ ...event.message.usage, output_tokens: 0 });
      case "content_block_start":
        return this.#begin(event);
      case "content_block_delta":
        if (event.delta.type === "text_delta" && event.delta.text)
          yield { type: "text", text: event.delta.text };
        if (event.delta.type === "input_json_delta")
          return this.#grow(event.index, event.delta.partial_json);
        return;
      case "content_block_stop":
        return;
      case "message_delta":
        this.#stop = event.delta.stop_reason ?? this.#stop;
        return yield* this.#count(event.usage);
      case "message_stop":
        this.#ended = true;
    }
  }

  /** Errors `provider.unavailable` where it broke off, `provider.refused`, `provider.garbled`. */
  *end(): Generator<LlmEvent> {
    if (!this.#ended) throw brokenOff(PROVIDER);
    if (this.#stop === "refusal") throw refused(PROVIDER, "the model refuses");
    for (const { id, name, input } of this.#calls.values())
      yield { type: "toolCall", call: { id, name, input: toolInput(PROVIDER, name, input) } };
  }

  #begin({ index, content_block: block }: Anthropic.RawContentBlockStartEvent): void {
    if (block.type !== "tool_use") return;
    this.#calls.set(index, { id: block.id, name: block.name, input: "" });
  }

  #grow(index: number, input: string): void {
    const call = this.#calls.get(index);
    if (call) call.input += input;
  }

  /** Its input tokens are without those of the cache, its output tokens with the thinking. */
  *#count(usage: Anthropic.MessageDeltaUsage | Anthropic.Usage): Generator<LlmEvent> {
    const reasoningTokens = usage.output_tokens_details?.thinking_tokens ?? 0;
    yield* this.#usage.add({
      inputTokens: usage.input_tokens,
      cacheReadTokens: usage.cache_read_input_tokens,
      cacheWriteTokens: usage.cache_creation_input_tokens,
      outputTokens: usage.output_tokens - reasoningTokens,
      reasoningTokens,
    });
  }
}
