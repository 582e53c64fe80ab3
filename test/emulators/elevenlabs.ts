import { base64, hzOf, MS_PER_CHARACTER, speechPieces, wrongKey } from "./tone-speech.ts";
import { type Piece, VendorServer } from "./vendor-server.ts";

/**
 * ElevenLabs' `POST /v1/text-to-speech/<voice>/stream/with-timestamps`: lines of JSON. Times count
 * from the start of the sentence; of a model named `..._relative` from the start of each line.
 */
interface Asked {
  readonly text: string;
  readonly model_id: string;
}

export function startElevenLabs(): Promise<VendorServer> {
  return VendorServer.start(async (exchange) => {
    const { headers, path, body } = exchange.seen;
    const { pathname, searchParams } = new URL(path, "http://elevenlabs");
    const { text, model_id: model } = body as Asked;
    const key = wrongKey(headers["xi-api-key"] as string | undefined);
    const refuse = (code: number, status: string, message: string): void =>
      exchange.json(code, { detail: { status, message } });
    if (key) return refuse(401, "invalid_api_key", `Invalid API key ${key}`);
    const voice = /^\/v1\/text-to-speech\/([^/]+)\/stream\/with-timestamps$/.exec(pathname)?.[1];
    if (voice === undefined) return refuse(404, "not_found", `no ${pathname}`);
    if (searchParams.get("output_format") !== "pcm_24000")
      return refuse(400, "invalid_output_format", "no such format");
    if (!hzOf(voice)) return refuse(404, "voice_not_found", "A voice for it was not found.");
    return exchange.stream("application/json", lines(text, model, voice));
  });
}

function* lines(text: string, model: string, voice: string): Iterable<Piece> {
  const endOf = (i: number): number => (i + 1) * MS_PER_CHARACTER;
  let [next, fromMs] = [0, 0];
  for (const piece of speechPieces({ provider: "elevenlabs", model, text, voice })) {
    const first = next;
    while (next < text.length && endOf(next) <= piece.toMs) next++;
    const zeroMs = model.endsWith("_relative") ? fromMs : 0;
    const ends = Array.from({ length: next - first }, (_, i) => (endOf(first + i) - zeroMs) / 1000);
    const alignment = {
      characters: Array.from(text.slice(first, next)),
      character_start_times_seconds: ends.map((end) => end - MS_PER_CHARACTER / 1000),
      character_end_times_seconds: ends,
    };
    const line = { audio_base64: base64(piece.data), alignment, normalized_alignment: alignment };
    yield { ...piece, data: `${JSON.stringify(line)}\n` };
    fromMs = piece.toMs;
  }
}
