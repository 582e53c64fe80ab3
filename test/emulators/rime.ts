import { hzOf, RATE_HZ, speechPieces, wrongKey } from "./tone-speech.ts";
import { VendorServer } from "./vendor-server.ts";

/** Rime's `POST /v1/rime-tts`: headerless samples for `Accept: audio/L16`. */
interface Asked {
  readonly speaker: string;
  readonly text: string;
  readonly modelId: string;
  readonly samplingRate: number;
}

export function startRime(): Promise<VendorServer> {
  return VendorServer.start(async (exchange) => {
    const { headers, path, body } = exchange.seen;
    const { speaker, text, modelId, samplingRate } = body as Asked;
    const key = wrongKey(headers.authorization);
    const refuse = (status: number, error: string): void => exchange.json(status, { error });
    if (key) return refuse(401, `bad token ${key}`);
    if (path !== "/v1/rime-tts") return refuse(404, `no ${path}`);
    if (headers.accept !== "audio/L16" || samplingRate !== RATE_HZ)
      return refuse(400, "no such format");
    if (!hzOf(speaker)) return refuse(400, `invalid speaker for ${modelId}`);
    const asked = { provider: "rime", model: modelId, text, voice: speaker };
    return exchange.stream("audio/L16", speechPieces(asked));
  });
}
