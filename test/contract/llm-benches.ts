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
import { KEY, type LlmAdapter, type LlmBench } from "./llm.contract.ts";

interface Vendor {
  readonly start: () => Promise<LlmEmulator>;
  readonly create: (options: VendorLlmOptions) => Llm;
  /** Of the base URL. */
  readonly path?: string;
}

async function open({ start, create, path = "" }: Vendor, effort?: string): Promise<LlmBench> {
  const emulator = await start();
  const baseUrl = emulator.server.url + path;
  const reasoning = effort === undefined ? {} : { effort };
  const llm = create({ key: KEY, model: "model-1", baseUrl, ...reasoning });
  return { llm, emulator, [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose]() };
}

const OPENAI: Vendor = { start: startOpenAi, create: createOpenAiLlm, path: "/v1" };
const GROQ: Vendor = { start: startGroq, create: createGroqLlm };
const ANTHROPIC: Vendor = { start: startAnthropic, create: createAnthropicLlm };
const GEMINI: Vendor = { start: startGemini, create: createGeminiLlm };

export const LLM_ADAPTERS: readonly LlmAdapter[] = [
  {
    name: "OpenAI",
    open: (effort) => open(OPENAI, effort),
    countsCacheWrites: true,
    tellsInputFirst: false,
    endPiece: 4,
  },
  {
    name: "Groq",
    open: (effort) => open(GROQ, effort),
    countsCacheWrites: false,
    tellsInputFirst: false,
    endPiece: 4,
  },
  {
    name: "Anthropic",
    open: (effort) => open(ANTHROPIC, effort),
    countsCacheWrites: true,
    tellsInputFirst: true,
    endPiece: 8,
  },
  {
    name: "Gemini",
    open: (effort) => open(GEMINI, effort),
    countsCacheWrites: false,
    tellsInputFirst: true,
    endPiece: 4,
  },
];
