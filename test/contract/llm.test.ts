import { LLM_ADAPTERS } from "./llm-benches.ts";
import { llmContract } from "./llm.contract.ts";

for (const adapter of LLM_ADAPTERS) llmContract(adapter);
