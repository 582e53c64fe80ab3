import type { Adapters } from "./adapters.ts";

/** Every adapter there is, with the package it needs; `openai` and Deepgram's come with turnfold. */
export const ADAPTERS: Adapters = {
  llm: {
    openai: {
      packageName: "openai",
      load: async () => (await import("../providers/openai/openai.llm.ts")).createOpenAiLlm,
    },
    groq: {
      packageName: "groq-sdk",
      load: async () => (await import("../providers/groq/groq.llm.ts")).createGroqLlm,
    },
    anthropic: {
      packageName: "@anthropic-ai/sdk",
      load: async () =>
        (await import("../providers/anthropic/anthropic.llm.ts")).createAnthropicLlm,
    },
    gemini: {
      packageName: "@google/genai",
      load: async () => (await import("../providers/gemini/gemini.llm.ts")).createGeminiLlm,
    },
  },
  tts: {},
  stt: {
    deepgram: {
      packageName: "@deepgram/sdk",
      load: async () => (await import("../providers/deepgram/deepgram.stt.ts")).createDeepgramStt,
    },
  },
};
