import { hzOf, RATE_HZ, speechPieces, wrongKey } from "./tone-speech.ts";
import { type Exchange, VendorServer } from "./vendor-server.ts";

/** Deepgram's `POST /v1/speak`: its model is the voice, and a header tells the characters. */
const FORMAT = `encoding=linear16 container=none sample_rate=${RATE_HZ}`;

export function startDeepgramSpeak(): Promise<VendorServer> {
  return VendorServer.start(deepgramSpeak);
}

export async function deepgramSpeak(exchange: Exchange): Promise<void> {
  const { headers, path, body } = exchange.seen;
  const { pathname, searchParams: asked } = new URL(path, "http://deepgram");
  const { text } = body as { text: string };
  const key = wrongKey(headers.authorization);
  const refuse = (status: number, code: string, message: string): void =>
    exchange.json(status, { err_code: code, err_msg: message, request_id: "r" });
  if (key) return refuse(401, "INVALID_AUTH", `Invalid credentials: ${key}`);
  if (pathname !== "/v1/speak") return refuse(404, "NOT_FOUND", `no ${pathname}`);
  const names = ["encoding", "container", "sample_rate"];
  const format = names.map((name) => `${name}=${asked.get(name)}`).join(" ");
  if (format !== FORMAT) return refuse(400, "INVALID_QUERY", format);
  // `<model>-<voice>-<language>`
  const [, model, voice] = /^(aura-\d)-(.*)-\w+$/.exec(asked.get("model") ?? "") ?? [];
  if (!model || !voice || !hzOf(voice))
    return refuse(400, "INVALID_QUERY", "No such model/language/tier combination found.");
  const spoken = speechPieces({ provider: "deepgram", model, text, voice });
  const told = { "dg-char-count": String(text.length), "dg-model-name": `${model}-${voice}` };
  return exchange.stream(`audio/l16;rate=${RATE_HZ}`, spoken, told);
}
