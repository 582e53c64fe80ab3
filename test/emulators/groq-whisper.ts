import { parseWav } from "../../src/base/audio.ts";
import { NumberedEars } from "../support/numbered-speech.ts";
import { type Exchange, type Piece, VendorServer } from "./vendor-server.ts";

/**
 * Groq's transcriptions: a multipart form with a WAV file in, `verbose_json` out. It hears numbered
 * speech, and bills the audio it was sent once it has answered.
 */
export function startGroqWhisper(): Promise<VendorServer> {
  return VendorServer.start(async (exchange) => {
    if (exchange.seen.path !== "/openai/v1/audio/transcriptions")
      return exchange.json(404, { error: { message: `no path ${exchange.seen.path}` } });
    await transcribe(exchange);
  });
}

async function transcribe(exchange: Exchange): Promise<void> {
  const type = String(exchange.seen.headers["content-type"]);
  const body = new Uint8Array(exchange.raw);
  const form = await new Response(body, { headers: { "content-type": type } }).formData();
  const file = form.get("file");
  const model = form.get("model");
  if (!(file instanceof File) || typeof model !== "string")
    return exchange.json(400, { error: { message: "file and model are required" } });
  const wav = parseWav(new Uint8Array(await file.arrayBuffer()));
  const ears = new NumberedEars();
  ears.push(wav.samples);
  ears.flush();
  const answer = {
    task: "transcribe",
    language: "English",
    duration: ears.audioMs / 1000,
    text: ` ${ears.words.map(({ text }) => text).join(" ")}`,
    words: ears.words.map(({ text, fromMs, toMs }) => ({
      word: text,
      start: fromMs / 1000,
      end: toMs / 1000,
    })),
    x_groq: { id: "req_1" },
  };
  const json = JSON.stringify(answer);
  const usage = {
    service: "stt",
    provider: "groq",
    model,
    meter: "audioMs",
    quantity: ears.audioMs,
    estimated: false,
  } as const;
  const half = json.length >> 1;
  const pieces: Piece[] = [
    { data: json.slice(0, half) },
    { data: json.slice(half), usage: [usage] },
  ];
  await exchange.stream("application/json", pieces);
}
