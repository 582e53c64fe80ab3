import { digestVector, tokensIn } from "./vectors.ts";
import { VendorServer, type Exchange } from "./vendor-server.ts";

export const OPENAI_INPUTS_MAX = 2048;
const DIMENSIONS = 8;

interface Asked {
  readonly model?: string;
  readonly input?: string | readonly string[];
  readonly dimensions?: number;
  readonly encoding_format?: "float" | "base64";
}

/** `POST /v1/embeddings` as OpenAI speaks it: base64 where asked for, any order, by `index`. */
export async function answerEmbeddings(exchange: Exchange): Promise<void> {
  const { headers, body } = exchange.seen;
  const { model, input = [], dimensions = DIMENSIONS, encoding_format } = body as Asked;
  const inputs = typeof input === "string" ? [input] : input;
  const refuse = (status: number, message: string): void =>
    exchange.json(status, { error: { message, type: "invalid_request_error" } });
  if (!headers.authorization?.startsWith("Bearer ")) return refuse(401, "no key");
  if (model === undefined) return refuse(400, "you must provide a model parameter");
  if (inputs.length === 0 || inputs.length > OPENAI_INPUTS_MAX || inputs.includes(""))
    return refuse(400, "'$.input' is invalid");
  const tokens = inputs.reduce((sum, text) => sum + tokensIn(text), 0);
  const data = inputs.map((text, index) => {
    const vector = digestVector(text, dimensions);
    const bytes = Buffer.from(vector.buffer);
    const embedding = encoding_format === "base64" ? bytes.toString("base64") : [...vector];
    return { object: "embedding", index, embedding };
  });
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  const answer = { object: "list", data: data.toReversed(), model, usage };
  const billed = { service: "embedding", provider: "openai", model, estimated: false } as const;
  await exchange.stream("application/json", [
    {
      data: JSON.stringify(answer),
      usage: [{ ...billed, meter: "inputTokens", quantity: tokens }],
    },
  ]);
}

export function startOpenAiEmbeddings(): Promise<VendorServer> {
  return VendorServer.start(answerEmbeddings);
}
