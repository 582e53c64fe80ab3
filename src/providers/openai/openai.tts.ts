import OpenAI, { APIError } from "openai";
import { Stream } from "openai/core/streaming";
import { AppError } from "../../base/errors.ts";
import { PcmBytes } from "../pcm-bytes.ts";
import { charactersOf, type Tts, type TtsEvent, type TtsRequest } from "../tts.port.ts";
import { audio, vendorTts, type VendorTtsOptions } from "../vendor-tts.ts";

/**
 * Speech of OpenAI. It is asked for events, which say when they are over and what they cost; older
 * models give bare samples instead or refuse, and are asked for samples from then on. No alignment.
 */
const RATE_HZ = 24_000;
/** The longest time Node can wait: deadlines are ours. */
const NEVER_MS = 2_147_483_647;
const EVENTS = /stream_format|sse/i;

type SpeechEvent =
  | { readonly type: "speech.audio.delta"; readonly audio: string }
  | {
      readonly type: "speech.audio.done";
      readonly usage?: { readonly input_tokens: number; readonly output_tokens: number };
    };

export function createOpenAiTts({ key, model, baseUrl }: VendorTtsOptions): Tts {
  const client = new OpenAI({
    apiKey: key,
    baseURL: baseUrl ?? null,
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: NEVER_MS,
    logLevel: "off",
  });
  let hasEvents = true;

  async function ask({ text, voice, signal }: TtsRequest, isEvents = hasEvents): Promise<Response> {
    const format = { response_format: "pcm", stream_format: isEvents ? "sse" : "audio" } as const;
    try {
      return await client.audio.speech.create({ model, voice, input: text, ...format }, { signal });
    } catch (error) {
      if (!isEvents || !isAboutEvents(error)) throw error;
      hasEvents = false;
      return ask({ text, voice, signal }, false);
    }
  }

  async function* say(request: TtsRequest): AsyncIterable<TtsEvent> {
    const response = await ask(request);
    yield { type: "usage", usage: { characters: charactersOf(request.text) } };
    const isEvents = response.headers.get("content-type")?.startsWith("text/event-stream");
    yield* isEvents ? fromEvents(response, client) : fromSamples(response);
  }

  const vendor = { provider: "openai", keyName: "OPENAI_API_KEY", key };
  return vendorTts({ vendor, model, rateHz: RATE_HZ, say });
}

async function* fromEvents(response: Response, client: OpenAI): AsyncIterable<TtsEvent> {
  const pcm = new PcmBytes(RATE_HZ);
  const events = Stream.fromSSEResponse<SpeechEvent>(response, new AbortController(), client);
  let isDone = false;
  // Read to the end of the answer, not of the speech: its socket can be used again.
  for await (const event of events) {
    if (event.type === "speech.audio.delta")
      yield* audio(pcm.push(Buffer.from(event.audio, "base64")), RATE_HZ);
    if (event.type !== "speech.audio.done") continue;
    isDone = true;
    if (!event.usage) continue;
    const { input_tokens: inputTokens, output_tokens: audioOutTokens } = event.usage;
    yield { type: "usage", usage: { inputTokens, audioOutTokens } };
  }
  if (!isDone) throw new AppError("provider.garbled", "the speech ended before it was done");
  pcm.end();
}

async function* fromSamples(response: Response): AsyncIterable<TtsEvent> {
  const pcm = new PcmBytes(RATE_HZ);
  for await (const bytes of response.body ?? []) yield* audio(pcm.push(bytes), RATE_HZ);
  pcm.endUnsaid();
}

function isAboutEvents(error: unknown): boolean {
  return error instanceof APIError && error.status === 400 && EVENTS.test(error.message);
}
