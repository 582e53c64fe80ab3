import { SimulatedClock } from "../../src/base/clock.ts";
import { createDeepgramStt } from "../../src/providers/deepgram/deepgram.stt.ts";
import { createGroqStt } from "../../src/providers/groq/groq.stt.ts";
import { startDeepgramListen } from "../emulators/deepgram-listen.ts";
import { startGroqWhisper } from "../emulators/groq-whisper.ts";
import { SECRET, sttContract, type SttBench } from "./stt.contract.ts";

async function deepgram(model: string): Promise<SttBench> {
  const server = await startDeepgramListen();
  const clock = new SimulatedClock();
  const stt = createDeepgramStt({ key: SECRET, model, baseUrl: server.url, clock });
  return { server, clock, stt };
}

const keyName = "DEEPGRAM_API_KEY";
sttContract("Deepgram's Nova", { open: () => deepgram("nova-3"), keyName });
sttContract("Deepgram's Flux", { open: () => deepgram("flux-general-en"), keyName });
sttContract("Whisper on Groq", {
  keyName: "GROQ_API_KEY",
  isBatch: true,
  open: async () => {
    const server = await startGroqWhisper();
    const clock = new SimulatedClock();
    const model = "whisper-large-v3-turbo";
    const stt = createGroqStt({ key: SECRET, model, baseUrl: server.url, clock });
    return { server, clock, stt };
  },
});
