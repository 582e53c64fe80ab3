import type { Usage } from "../../src/events/effect.events.ts";
import { digestVector, tokensIn } from "./vectors.ts";
import { VendorServer, type Exchange } from "./vendor-server.ts";

export const VOYAGE_TEXTS_MAX = 128;
const MIXED_MAX = 1000;
const DIMENSIONS = 16;
/** Clamped to these, and this many to a token. */
const [PIXELS_MIN, PIXELS_MAX, PIXELS_A_TOKEN] = [50_000, 2_000_000, 560];

interface Content {
  readonly type: string;
  readonly text?: string;
  readonly image_base64?: string;
}

interface Asked {
  readonly model?: string;
  readonly input?: string | readonly string[];
  readonly inputs?: readonly { readonly content: readonly Content[] }[];
  readonly input_type?: string;
  readonly output_dimension?: number;
}

/** Voyage: `/v1/embeddings` for texts, `/v1/multimodalembeddings` for texts and images. */
export function startVoyage(): Promise<VendorServer> {
  return VendorServer.start((exchange) => {
    if (!exchange.seen.headers.authorization?.startsWith("Bearer "))
      return refuse(exchange, 401, "Provided API key is invalid.");
    const { model, input_type: kind } = exchange.seen.body as Asked;
    if (model === undefined) return refuse(exchange, 400, "Argument 'model' is not specified.");
    if (kind !== "query" && kind !== "document") return refuse(exchange, 400, "bad 'input_type'");
    if (exchange.seen.path === "/v1/embeddings") return texts(exchange, model);
    if (exchange.seen.path === "/v1/multimodalembeddings") return mixed(exchange, model);
    return refuse(exchange, 404, "Not Found");
  });
}

async function refuse(exchange: Exchange, status: number, detail: string): Promise<void> {
  exchange.json(status, { detail });
}

async function texts(exchange: Exchange, model: string): Promise<void> {
  const { input = [], output_dimension: dimensions } = exchange.seen.body as Asked;
  const inputs = typeof input === "string" ? [input] : input;
  if (inputs.length === 0 || inputs.length > VOYAGE_TEXTS_MAX)
    return refuse(exchange, 400, `The batch size limit is ${VOYAGE_TEXTS_MAX}.`);
  const tokens = inputs.reduce((sum, text) => sum + tokensIn(text), 0);
  const vectors = inputs.map((text) => digestVector(text, dimensions ?? DIMENSIONS));
  await give(exchange, { model, vectors, usage: { total_tokens: tokens } }, [
    metered(model, "inputTokens", tokens),
  ]);
}

async function mixed(exchange: Exchange, model: string): Promise<void> {
  const { inputs = [] } = exchange.seen.body as Asked;
  if (inputs.length === 0 || inputs.length > MIXED_MAX)
    return refuse(exchange, 400, `The batch size limit is ${MIXED_MAX}.`);
  let [tokens, pixels] = [0, 0];
  const vectors: Float32Array[] = [];
  for (const { content } of inputs) {
    for (const part of content) {
      const wrong = wrongOf(part);
      if (wrong !== undefined) return refuse(exchange, 400, wrong);
      if (part.type === "text") tokens += tokensIn(part.text!);
      else pixels += pixelsOf(part.image_base64!)!;
    }
    vectors.push(digestVector(JSON.stringify(content), DIMENSIONS));
  }
  const usage = {
    text_tokens: tokens,
    image_pixels: pixels,
    total_tokens: tokens + Math.floor(pixels / PIXELS_A_TOKEN),
  };
  await give(exchange, { model, vectors, usage }, [
    ...(tokens > 0 ? [metered(model, "inputTokens", tokens)] : []),
    ...(pixels > 0 ? [metered(model, "pixels", pixels)] : []),
  ]);
}

function wrongOf({ type, text, image_base64: image }: Content): string | undefined {
  if (type === "text") return text === undefined ? "a text without its text" : undefined;
  if (type !== "image_base64") return `content of type '${type}'`;
  return pixelsOf(image ?? "") === undefined ? "an image that cannot be read" : undefined;
}

/** Of a PNG, by its header. */
function pixelsOf(dataUrl: string): number | undefined {
  const base64 = /^data:image\/png;base64,(.+)$/.exec(dataUrl)?.[1];
  const bytes = Buffer.from(base64 ?? "", "base64");
  if (bytes.length < 24 || bytes.toString("latin1", 1, 4) !== "PNG") return undefined;
  const pixels = bytes.readUInt32BE(16) * bytes.readUInt32BE(20);
  return Math.min(Math.max(pixels, PIXELS_MIN), PIXELS_MAX);
}

function metered(model: string, meter: Usage["meter"], quantity: number): Usage {
  return { service: "embedding", provider: "voyage", model, meter, quantity, estimated: false };
}

interface Given {
  readonly model: string;
  readonly vectors: readonly Float32Array[];
  readonly usage: Readonly<Record<string, number>>;
}

async function give(
  exchange: Exchange,
  { model, vectors, usage }: Given,
  billed: readonly Usage[],
): Promise<void> {
  const data = vectors.map((vector, index) => {
    return { object: "embedding", embedding: [...vector], index };
  });
  const answer = { object: "list", data: data.toReversed(), model, usage };
  await exchange.stream("application/json", [{ data: JSON.stringify(answer), usage: billed }]);
}
