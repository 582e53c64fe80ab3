import { createAnthropicLlm } from "../../src/providers/anthropic/anthropic.llm.ts";
import { createGeminiLlm } from "../../src/providers/gemini/gemini.llm.ts";
import { createGroqLlm } from "../../src/providers/groq/groq.llm.ts";
import type { Llm } from "../../src/providers/llm.port.ts";
import { createOpenAiLlm } from "../../src/providers/openai/openai.llm.ts";
import type { VendorLlmOptions } from "../../src/providers/vendor-llm.ts";
import { startAnthropic } from "../emulators/anthropic.ts";
import { startGemini } from "../emulators/gemini.ts";
import { startGroq } from "../emulators/groq.ts";
import type { LlmEmulator } from "../emulators/llm-emulator.ts";
import { startOpenAi } from "../emulators/openai.ts";
import { KEY, llmContract, type LlmBench } from "./llm.contract.ts";

async function open(
  start: () => Promise<LlmEmulator>,
  create: (options: VendorLlmOptions) => Llm,
  path = "",
): Promise<LlmBench> {
  const emulator = await start();
  const llm = create({ key: KEY, model: "model-1", baseUrl: emulator.server.url + path });
  return { llm, emulator, [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose]() };
}

llmContract({
  name: "OpenAI",
  open: () => open(startOpenAi, createOpenAiLlm, "/v1"),
  countsCacheWrites: true,
  tellsInputFirst: false,
  endPiece: 4,
});
llmContract({
  name: "Groq",
  open: () => open(startGroq, createGroqLlm),
  countsCacheWrites: false,
  tellsInputFirst: false,
  endPiece: 4,
});
llmContract({
  name: "Anthropic",
  open: () => open(startAnthropic, createAnthropicLlm),
  countsCacheWrites: true,
  tellsInputFirst: true,
  endPiece: 8,
});
llmContract({
  name: "Gemini",
  open: () => open(startGemini, createGeminiLlm),
  countsCacheWrites: false,
  tellsInputFirst: true,
  endPiece: 4,
});
