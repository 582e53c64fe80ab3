import { chatWire } from "./chat-wire.ts";
import { LlmEmulator } from "./llm-emulator.ts";

/** OpenAI's Chat Completions; the base URL is `<url>/v1`. */
export function startOpenAi(): Promise<LlmEmulator> {
  return LlmEmulator.start(chatWire({ provider: "openai", path: "/v1/chat/completions" }));
}
