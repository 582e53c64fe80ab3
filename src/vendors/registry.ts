import type { Adapters } from "./adapters.ts";

/** Every adapter there is, with the package it needs; some come with turnfold. */
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
  tts: {
    cartesia: {
      packageName: "@cartesia/cartesia-js",
      load: async () => (await import("../providers/cartesia/cartesia.tts.ts")).createCartesiaTts,
    },
    elevenlabs: {
      packageName: "@elevenlabs/elevenlabs-js",
      load: async () =>
        (await import("../providers/elevenlabs/elevenlabs.tts.ts")).createElevenLabsTts,
    },
    openai: {
      packageName: "openai",
      load: async () => (await import("../providers/openai/openai.tts.ts")).createOpenAiTts,
    },
    deepgram: {
      packageName: "@deepgram/sdk",
      load: async () => (await import("../providers/deepgram/deepgram.tts.ts")).createDeepgramTts,
    },
    rime: {
      load: async () => (await import("../providers/rime/rime.tts.ts")).createRimeTts,
    },
  },
  stt: {
    deepgram: {
      packageName: "@deepgram/sdk",
      load: async () => (await import("../providers/deepgram/deepgram.stt.ts")).createDeepgramStt,
    },
    groq: {
      packageName: "groq-sdk",
      load: async () => (await import("../providers/groq/groq.stt.ts")).createGroqStt,
    },
  },
};
