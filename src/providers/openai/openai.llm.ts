import OpenAI from "openai";
import { fromChat, toChat } from "../chat-completions.ts";
import type { Llm, LlmEvent, LlmRequest } from "../llm.port.ts";
import { clientOptions, vendorStream, type VendorLlmOptions } from "../vendor-llm.ts";

const PROVIDER = "openai";

type Effort = OpenAI.ReasoningEffort;

/** A model of OpenAI, by its Chat Completions. `effort`: `none`, `minimal`, `low` up to `max`. */
export function createOpenAiLlm(options: VendorLlmOptions): Llm {
  const { key, model, effort } = options;
  const vendor = { provider: PROVIDER, keyName: "OPENAI_API_KEY", key };
  // The SDK would take them from the environment.
  const unasked = { organization: null, project: null };
  const client = new OpenAI({ ...clientOptions(options), ...unasked });
  async function* ask(request: LlmRequest, signal: AbortSignal): AsyncGenerator<LlmEvent> {
    const chunks = await client.chat.completions.create(
      {
        ...toChat(model, request),
        stream: true,
        stream_options: { include_usage: true },
        ...(effort !== undefined && { reasoning_effort: effort as Effort }),
      },
      { signal },
    );
    yield* fromChat({ provider: PROVIDER, model }, chunks);
  }
  return {
    provider: PROVIDER,
    model,
    stream: (request, signal) => vendorStream(vendor, signal, (own) => ask(request, own)),
  };
}
