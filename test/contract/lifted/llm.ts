import { LLM } from "@livekit/agents-plugin-openai";
import { liftLlm } from "../../../src/index.ts";
import { startOpenAi } from "../../emulators/openai.ts";
import { KEY, llmContract } from "../llm.contract.ts";

llmContract({
  name: "OpenAI by its LiveKit plugin",
  countsCacheWrites: false,
  tellsInputFirst: false,
  endPiece: 4,
  open: async () => {
    const emulator = await startOpenAi();
    const options = { apiKey: KEY, model: "model-1", baseURL: `${emulator.server.url}/v1` };
    const lift = { provider: "openai", tellsUsage: true, key: KEY };
    const llm = await liftLlm(() => new LLM(options), lift);
    return { llm, emulator, [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose]() };
  },
});
