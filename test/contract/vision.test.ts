import { LLM_ADAPTERS } from "./llm-benches.ts";
import { visionContract } from "./vision.contract.ts";

for (const { name, open } of LLM_ADAPTERS) visionContract(name, open);
