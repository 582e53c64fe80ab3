import Groq from "groq-sdk";
import type { ChatCompletionCreateParamsStreaming } from "groq-sdk/resources/chat/completions";
import { fromChat, toChat, type ChatChunk } from "../chat-completions.ts";
import { AppError } from "../../base/errors.ts";
import type { Llm, LlmEvent, LlmRequest } from "../llm.port.ts";
import { clientOptions, vendorStream, type VendorLlmOptions } from "../vendor-llm.ts";

const PROVIDER = "groq";

type Chunk = Groq.Chat.ChatCompletionChunk;
type Effort = NonNullable<ChatCompletionCreateParamsStreaming["reasoning_effort"]>;

/** A model that Groq serves. With an `effort` it is one that reasons: its thoughts stay there. */
export function createGroqLlm(options: VendorLlmOptions): Llm {
  const { key, model, effort } = options;
  const vendor = { provider: PROVIDER, keyName: "GROQ_API_KEY", key };
  const client = new Groq(clientOptions(options));
  async function* ask(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmEvent> {
    const reasoning =
      effort === undefined ? {} : { reasoning_effort: effort as Effort, include_reasoning: false };
    const body = { ...toChat(model, request), ...reasoning, stream: true as const };
    const chunks = await client.chat.completions.create(body, { signal });
    yield* fromChat({ provider: PROVIDER, model }, chatChunks(chunks));
  }
  return {
    provider: PROVIDER,
    model,
    stream: (request, signal) => vendorStream(vendor, signal, (own) => ask(request, own)),
  };
}

/** Usage, and an answer that ends early, stand in a field of Groq's own. */
async function* chatChunks(chunks: AsyncIterable<Chunk>): AsyncGenerator<ChatChunk> {
  for await (const chunk of chunks) {
    const { usage, error } = chunk.x_groq ?? {};
    if (error) throw new AppError("provider.failed", `${PROVIDER}: ${error}`);
    yield { ...chunk, ...(usage && { usage }) };
  }
}
