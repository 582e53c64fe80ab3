import { createCartesiaTts } from "../../src/providers/cartesia/cartesia.tts.ts";
import { createDeepgramTts } from "../../src/providers/deepgram/deepgram.tts.ts";
import { createElevenLabsTts } from "../../src/providers/elevenlabs/elevenlabs.tts.ts";
import { createOpenAiTts } from "../../src/providers/openai/openai.tts.ts";
import { createRimeTts } from "../../src/providers/rime/rime.tts.ts";
import { startCartesia } from "../emulators/cartesia.ts";
import { startDeepgramSpeak } from "../emulators/deepgram-speak.ts";
import { startElevenLabs } from "../emulators/elevenlabs.ts";
import { startOpenAiSpeech } from "../emulators/openai-speech.ts";
import { startRime } from "../emulators/rime.ts";
import { ttsContract } from "./tts.contract.ts";

ttsContract("OpenAI by events", {
  start: startOpenAiSpeech,
  create: (url, key) => createOpenAiTts({ key, model: "gpt-speech", baseUrl: `${url}/v1` }),
  keyName: "OPENAI_API_KEY",
});

ttsContract("OpenAI by bare samples", {
  start: startOpenAiSpeech,
  create: (url, key) => createOpenAiTts({ key, model: "tts-1", baseUrl: `${url}/v1` }),
  keyName: "OPENAI_API_KEY",
  learns: true,
});

ttsContract("Cartesia", {
  start: startCartesia,
  create: (baseUrl, key) => createCartesiaTts({ key, model: "sonic-3.5", baseUrl, language: "en" }),
  keyName: "CARTESIA_API_KEY",
  aligns: true,
});

ttsContract("ElevenLabs", {
  start: startElevenLabs,
  create: (baseUrl, key) => createElevenLabsTts({ key, model: "eleven_flash_v2_5", baseUrl }),
  keyName: "ELEVENLABS_API_KEY",
  aligns: true,
});

ttsContract("Rime", {
  start: startRime,
  create: (baseUrl, key) => createRimeTts({ key, model: "coda", baseUrl, language: "en" }),
  keyName: "RIME_API_KEY",
});

ttsContract("Deepgram", {
  start: startDeepgramSpeak,
  create: (baseUrl, key) => createDeepgramTts({ key, model: "aura-2", baseUrl }),
  keyName: "DEEPGRAM_API_KEY",
});
