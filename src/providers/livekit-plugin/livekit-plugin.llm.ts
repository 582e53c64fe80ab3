import { llm } from "@livekit/agents";
import type { Json } from "../../events/record.ts";
import type { Llm, LlmEvent, LlmImage, LlmMessage, LlmRequest, ToolSpec } from "../llm.port.ts";
import {
  base64Of,
  brokenOff,
  numbered,
  outputText,
  toolInput,
  vendorStream,
} from "../vendor-llm.ts";
import type { LiftLlmOptions } from "./lift-options.ts";
import { connOptions, PluginCalls } from "./plugin-calls.ts";

const NEVER_MS = 2 ** 31 - 1;

/** A language model of a LiveKit Agents plugin. */
export function createPluginLlm(plugin: llm.LLM, options: LiftLlmOptions): Llm {
  const calls = new PluginCalls(plugin, options);
  const { vendor, model } = calls;
  const { provider } = vendor;
  async function* ask(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmEvent> {
    const { stream, failure } = calls.start(() => plugin.chat(chatOf(request)));
    const stop = (): void => stream.close();
    signal.addEventListener("abort", stop, { once: true });
    let told = false;
    try {
      for await (const { delta, usage } of stream) {
        if (delta?.content) yield { type: "text", text: delta.content };
        for (const { callId, name, args } of delta?.toolCalls ?? [])
          yield { type: "toolCall", call: callOf(provider, { callId, name, args }) };
        if (usage) yield usageOf({ provider, model }, usage);
        told ||= usage !== undefined;
      }
      if (signal.aborted) return;
      const failed = failure();
      if (failed) throw failed;
      if (options.tellsUsage && !told) throw brokenOff(provider);
    } finally {
      stream.close();
    }
  }
  return {
    provider,
    model,
    stream: (request, signal) => vendorStream(vendor, signal, (own) => ask(request, own)),
  };
}

function chatOf({ messages, tools, maxOutputTokens }: LlmRequest) {
  const idOf = numbered(messages);
  return {
    chatCtx: new llm.ChatContext(messages.flatMap((message) => itemsOf(message, idOf))),
    ...(tools.length > 0 && { toolCtx: tools.map(toolOf) }),
    connOptions: connOptions(NEVER_MS),
    ...(maxOutputTokens !== undefined && {
      extraKwargs: { max_completion_tokens: maxOutputTokens },
    }),
  };
}

type Item = llm.ChatMessage | llm.FunctionCall | llm.FunctionCallOutput;

function itemsOf(message: LlmMessage, idOf: (id: string) => string): readonly Item[] {
  switch (message.role) {
    case "system":
      return [new llm.ChatMessage({ role: "system", content: message.text })];
    case "user": {
      const { name, text, images = [] } = message;
      const words = name && text ? `${name}: ${text}` : text;
      const content = [...images.flatMap(imageOf), ...(words === "" ? [] : [words])];
      return content.length > 0 ? [new llm.ChatMessage({ role: "user", content })] : [];
    }
    case "assistant": {
      const { text, toolCalls = [] } = message;
      const said = text === "" ? [] : [new llm.ChatMessage({ role: "assistant", content: text })];
      const asked = toolCalls.map(({ id, name, input }) => {
        return new llm.FunctionCall({ callId: idOf(id), name, args: JSON.stringify(input) });
      });
      return [...said, ...asked];
    }
    case "tool": {
      const { callId, name, output } = message;
      const told = { callId: idOf(callId), name, output: outputText(output), isError: false };
      return [new llm.FunctionCallOutput(told)];
    }
  }
}

function imageOf(image: LlmImage) {
  const url = `data:${image.mime};base64,${base64Of(image)}`;
  return [...(image.label ? [image.label] : []), llm.createImageContent({ image: url })];
}

/** The framework never runs it: a plugin only describes it to the model. */
function toolOf({ name, description, parameters }: ToolSpec) {
  const schema = parameters as Record<string, Json> & { type: "object" };
  return llm.tool({ name, description, parameters: schema as never, execute: async () => null });
}

interface PluginToolCall {
  readonly callId: string;
  readonly name: string;
  readonly args: string;
}

function callOf(provider: string, { callId, name, args }: PluginToolCall) {
  return { id: callId, name, input: toolInput(provider, name, args) };
}

/** A plugin's prompt tokens are all of them, those read from a cache and written to it too. */
function usageOf(
  by: { readonly provider: string; readonly model: string },
  { promptTokens, promptCachedTokens, cacheCreationTokens, completionTokens }: llm.CompletionUsage,
): LlmEvent {
  const cacheReadTokens = promptCachedTokens ?? 0;
  const cacheWriteTokens = cacheCreationTokens ?? 0;
  const inputTokens = Math.max(0, promptTokens - cacheReadTokens - cacheWriteTokens);
  const tokens = { inputTokens, outputTokens: completionTokens, cacheReadTokens, cacheWriteTokens };
  return { type: "usage", usage: { ...by, ...tokens, estimated: false } };
}
