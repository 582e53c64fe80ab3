import { voiceAgent } from "../../src/agent/voice-agent.ts";
import { serve } from "../../src/cli/serve.ts";
import { readConfig } from "../../src/config.ts";
import type { Llm, LlmEvent } from "../../src/providers/llm.port.ts";

/**
 * `turnfold start` with a model that has a price; it is configured by variables. The parent sends
 * `sample` for a call, `settle` to be told once all is posted and projected, `close`.
 */
export type BooksTold =
  | { readonly what: "ready" | "settled" | "closed" }
  /** A record that tells of something that costs is in the log. */
  | { readonly what: "used" };

const tell = (told: BooksTold): void => void process.send?.(told);

const model: Llm = {
  provider: "openai",
  model: "gpt-6-luna",
  async *stream(): AsyncIterable<LlmEvent> {
    yield { type: "text", text: "We open at nine." };
    const tokens = { inputTokens: 1_000, cacheReadTokens: 0, outputTokens: 40 };
    const usage = { provider: "openai", model: "gpt-6-luna", ...tokens, estimated: false };
    yield { type: "usage", usage };
  },
};

const agent = voiceAgent({ name: "priced", instructions: "Answer.", model });
const serving = await serve(readConfig(), agent, (_, { input }) => {
  if (input.type === "effect.ended" && Array.isArray(input["usage"])) tell({ what: "used" });
});

const orders: Readonly<Record<string, () => Promise<void>>> = {
  sample: async () => {
    await fetch(`${serving.url}/api/sample`, { method: "POST" });
  },
  settle: async () => {
    await serving.books.start();
    await serving.books.idle();
    tell({ what: "settled" });
  },
  close: async () => {
    await serving[Symbol.asyncDispose]();
    tell({ what: "closed" });
    process.disconnect();
  },
};
process.on("message", (order) => void orders[order as string]!());
process.once("disconnect", () => process.exit());
tell({ what: "ready" });
