import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import { embedInBatches } from "../../src/providers/embed-batches.ts";
import { createOpenAiEmbeddings } from "../../src/providers/openai/openai.embeddings.ts";
import { createVoyageEmbeddings } from "../../src/providers/voyage/voyage.embeddings.ts";
import { OPENAI_INPUTS_MAX, startOpenAiEmbeddings } from "../emulators/openai-embeddings.ts";
import { startVoyage, VOYAGE_TEXTS_MAX } from "../emulators/voyage.ts";
import { embeddingsContract, KEY } from "./embeddings.contract.ts";

embeddingsContract("openai", async () => {
  const server = await startOpenAiEmbeddings();
  const options = { key: KEY, model: "any-text-model", baseUrl: `${server.url}/v1` };
  return { server, port: createOpenAiEmbeddings(options), mostInputs: OPENAI_INPUTS_MAX };
});

for (const takesImages of [false, true])
  embeddingsContract(takesImages ? "voyage, multimodal" : "voyage, texts", async () => {
    const { server, port } = await openVoyage(takesImages);
    return { server, port, mostInputs: VOYAGE_TEXTS_MAX };
  });

async function openVoyage(takesImages: boolean) {
  const server = await startVoyage();
  const options = { key: KEY, model: "any-model", baseUrl: `${server.url}/v1`, takesImages };
  return { server, port: createVoyageEmbeddings(options) };
}

suite("embeddings of texts and images", () => {
  const { signal } = new AbortController();

  test("one text and one image: vectors of equal length, one usage each", async () => {
    const { server, port } = await openVoyage(true);
    await using _ = server;
    const { vectors, usage } = await port.embed(
      [
        { type: "text", text: "a blue square" },
        { type: "image", mime: "image/png", bytes: png(300, 200) },
      ],
      { kind: "document", signal },
    );
    assert.equal(vectors.length, 2);
    assert.equal(vectors[0]!.length, vectors[1]!.length);
    assert.notDeepEqual(vectors[0], vectors[1]);
    assert.deepEqual(
      usage.map(({ meter, quantity, estimated }) => [meter, quantity, estimated]),
      [
        ["inputTokens", 3, false],
        ["pixels", 60_000, false],
      ],
    );
    assert.deepEqual(usage, server.billed);
    assert.equal(server.seen.length, 1);
  });

  test("an image where none is taken is refused before anything is sent", async () => {
    const { server, port } = await openVoyage(false);
    await using _ = server;
    const image = { type: "image", mime: "image/png", bytes: png(1, 1) } as const;
    await assert.rejects(port.embed([image], { kind: "query", signal }), { code: "input.invalid" });
    assert.equal(server.seen.length, 0);
  });

  test("the kind and the wanted length reach the vendor", async () => {
    const server = await startVoyage();
    await using _ = server;
    const port = createVoyageEmbeddings({
      key: KEY,
      model: "any-model",
      baseUrl: `${server.url}/v1`,
      takesImages: false,
      dimensions: 4,
    });
    const { vectors } = await port.embed([{ type: "text", text: "a" }], { kind: "query", signal });
    assert.equal(vectors[0]!.length, 4);
    assert.equal((server.seen[0]!.body as { input_type: string }).input_type, "query");
  });
});

test("what an answer without its vectors cost is told with its error", async () => {
  const [meter, quantity] = ["inputTokens", 3] as const;
  const of = { service: "embedding", provider: "acme", model: "m" } as const;
  const usage = [{ ...of, meter, quantity, estimated: false }];
  const batches = {
    vendor: { provider: "acme", keyName: "ACME_API_KEY", key: KEY },
    size: 8,
    request: () => Promise.resolve({ data: [] }),
    usageOf: () => usage,
  };
  const { signal } = new AbortController();
  const asked = embedInBatches(batches, [{ type: "text", text: "a" }], { kind: "query", signal });
  await assert.rejects(asked, { code: "provider.garbled", detail: { provider: "acme", usage } });
});

/** A blue PNG. */
function png(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(3 * width, Buffer.of(0, 0, 255))]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", pixels),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
