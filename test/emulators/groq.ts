import { chatWire } from "./chat-wire.ts";
import { LlmEmulator } from "./llm-emulator.ts";

/** Groq's Chat Completions; the base URL is `<url>`. */
export function startGroq(): Promise<LlmEmulator> {
  const path = "/openai/v1/chat/completions";
  return LlmEmulator.start(chatWire({ provider: "groq", path, usageInXGroq: true }));
}
