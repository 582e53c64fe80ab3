import { base64, hzOf, speechPieces, wrongKey } from "./tone-speech.ts";
import { type Exchange, type Piece, VendorServer } from "./vendor-server.ts";

/** OpenAI's `POST /v1/audio/speech`: bare samples, or events where the model has them. */
interface Asked {
  readonly input: string;
  readonly model: string;
  readonly voice: string;
  readonly response_format?: string;
  readonly stream_format?: string;
}

const MS_PER_TOKEN = 50;
/** Voices by name, each a tone higher than the one before; beside those called by their pitch. */
const VOICES = ["alloy", "echo", "fable", "onyx", "nova", "shimmer"];

function pitchOf(voice: string): number | undefined {
  const index = VOICES.indexOf(voice);
  return index < 0 ? hzOf(voice) : openAiHz(index);
}

export function openAiHz(index: number): number {
  return 500 + 100 * index;
}

export function startOpenAiSpeech(): Promise<VendorServer> {
  return VendorServer.start(openAiSpeech);
}

export async function openAiSpeech(exchange: Exchange): Promise<void> {
  const { headers, path, body } = exchange.seen;
  const { input, model, voice, response_format, stream_format } = body as Asked;
  const key = wrongKey(headers.authorization);
  const refuse = (status: number, error: Readonly<Record<string, unknown>>): void =>
    exchange.json(status, { error: { type: "invalid_request_error", ...error } });
  if (key) return refuse(401, { message: `Incorrect API key provided: ${key}` });
  if (path !== "/v1/audio/speech") return refuse(404, { message: `no ${path}` });
  if (response_format !== "pcm") return refuse(400, { message: "not pcm" });
  const hz = pitchOf(voice);
  if (!hz) return refuse(400, { message: "Invalid value for voice", param: "voice" });
  const isEvents = stream_format === "sse";
  if (isEvents && model.startsWith("tts-"))
    return refuse(400, { message: "stream_format sse is not supported", param: "stream_format" });
  const spoken = speechPieces({ provider: "openai", model, text: input, voice: `tone-${hz}` });
  if (!isEvents) return exchange.stream("audio/pcm", spoken);
  const done = doneOf(model, input, spoken.at(-1)!.toMs);
  const deltas = spoken.map((piece): Piece => {
    return { ...piece, data: event({ type: "speech.audio.delta", audio: base64(piece.data) }) };
  });
  return exchange.stream("text/event-stream", [...deltas, done]);
}

function doneOf(model: string, input: string, ms: number): Piece {
  const tokens = { inputTokens: input.split(/\s+/).length, audioOutTokens: ms / MS_PER_TOKEN };
  const usage = {
    input_tokens: tokens.inputTokens,
    output_tokens: tokens.audioOutTokens,
    total_tokens: tokens.inputTokens + tokens.audioOutTokens,
  };
  const bill = { service: "tts", provider: "openai", model, estimated: false } as const;
  return {
    data: event({ type: "speech.audio.done", usage }),
    tellsUsage: true,
    usage: [
      { ...bill, meter: "inputTokens", quantity: tokens.inputTokens },
      { ...bill, meter: "audioOutTokens", quantity: tokens.audioOutTokens },
    ],
  };
}

function event(data: { readonly type: string; readonly [more: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}
