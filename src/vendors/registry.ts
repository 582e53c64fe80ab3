import type { Adapters } from "./adapters.ts";

/** Every adapter there is, with the package it needs. */
export const ADAPTERS: Adapters = { llm: {}, tts: {}, stt: {} };
