import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { suite, test } from "node:test";
import type { ErrorCode } from "../../src/base/errors.ts";
import { AppError } from "../../src/base/errors.ts";
import type { EmbeddingInput, Embeddings } from "../../src/providers/embeddings.port.ts";
import type { Fault, VendorServer } from "../emulators/vendor-server.ts";

export const KEY = "sk-never-shown-0123456789";

export interface EmbeddingsUnderTest {
  readonly server: VendorServer;
  readonly port: Embeddings;
  /** The vendor's most inputs of one request. */
  readonly mostInputs: number;
}

const FAULTS: readonly (readonly [Fault, ErrorCode])[] = [
  [{ kind: "status", status: 401 }, "provider.rejected"],
  [{ kind: "status", status: 402 }, "provider.rejected"],
  [{ kind: "status", status: 429, retryAfterS: 3 }, "provider.limited"],
  [{ kind: "status", status: 400 }, "provider.refused"],
  [{ kind: "status", status: 504 }, "provider.timeout"],
  [{ kind: "status", status: 500 }, "provider.failed"],
  [{ kind: "status", status: 529 }, "provider.failed"],
  [{ kind: "drop", after: 0 }, "provider.unavailable"],
  [{ kind: "garbage", after: 0 }, "provider.garbled"],
  [{ kind: "cut", after: 0 }, "provider.garbled"],
];

const text = (words: string): EmbeddingInput => ({ type: "text", text: words });
const never = new AbortController().signal;

/** What every adapter of `Embeddings` must keep. */
export function embeddingsContract(name: string, open: () => Promise<EmbeddingsUnderTest>): void {
  suite(`embeddings: ${name}`, () => {
    test("one vector of each input, in their order, all of one length", async () => {
      const { server, port } = await open();
      await using _ = server;
      const words = ["red", "green", "blue"];
      const { vectors } = await port.embed(words.map(text), { kind: "document", signal: never });
      assert.equal(vectors.length, 3);
      assert.equal(new Set(vectors.map(({ length }) => length)).size, 1);
      for (const [at, word] of words.entries()) {
        const alone = await port.embed([text(word)], { kind: "document", signal: never });
        assert.deepEqual(alone.vectors[0], vectors[at]);
      }
    });

    test("usage is the vendor's own, and what it bills", async () => {
      const { server, port } = await open();
      await using _ = server;
      const inputs = ["two words", "three words here"].map(text);
      const { usage } = await port.embed(inputs, { kind: "query", signal: never });
      assert.deepEqual(usage, server.billed);
      assert.equal(server.total("inputTokens"), 5);
      assert.equal(usage[0]?.service, "embedding");
    });

    test("more than the vendor takes are split, and nothing asks nothing", async () => {
      const { server, port, mostInputs } = await open();
      await using _ = server;
      const inputs = Array.from({ length: 2 * mostInputs + 1 }, (_one, at) => text(`word${at}`));
      const { vectors, usage } = await port.embed(inputs, { kind: "document", signal: never });
      assert.equal(vectors.length, inputs.length);
      assert.equal(new Set(vectors.map((vector) => vector.join())).size, inputs.length);
      assert.equal(usage.length, server.seen.length);
      assert.deepEqual(usage, server.billed);
      const asked = server.seen.length;
      assert.ok(asked >= 3);
      assert.deepEqual(await port.embed([], { kind: "query", signal: never }), {
        vectors: [],
        usage: [],
      });
      assert.equal(server.seen.length, asked);
    });

    test("what was used before a failure is told with it", async () => {
      const { server, port, mostInputs } = await open();
      await using _ = server;
      server.script.faults.push(undefined, { kind: "status", status: 500 });
      const inputs = Array.from({ length: mostInputs + 1 }, (_one, at) => text(`word${at}`));
      const error = await failure(port.embed(inputs, { kind: "document", signal: never }));
      assert.equal(error.code, "provider.failed");
      assert.ok(server.billed.length > 0);
      assert.deepEqual(error.detail["usage"], server.billed);
    });

    for (const [fault, code] of FAULTS)
      test(`${JSON.stringify(fault)} is ${code}, once, without the key`, async () => {
        const { server, port } = await open();
        await using _ = server;
        server.script.faults.push(fault);
        const error = await failure(port.embed([text("a")], { kind: "query", signal: never }));
        assert.equal(error.code, code, error.message);
        assert.equal(server.seen.length, 1);
        assert.ok(!shown(error).includes(KEY));
        assert.equal(error.detail["provider"], port.provider);
        if (code === "provider.limited") assert.equal(error.detail["retryAfterMs"], 3000);
      });

    test("a server that is not there is provider.unavailable", async () => {
      const { server, port } = await open();
      await server[Symbol.asyncDispose]();
      const error = await failure(port.embed([text("a")], { kind: "query", signal: never }));
      assert.equal(error.code, "provider.unavailable", error.message);
    });

    test("an abort ends a request that hangs, and its connection", async () => {
      const { server, port } = await open();
      await using _ = server;
      server.script.faults.push({ kind: "halfOpen", after: 0 });
      const stop = new AbortController();
      const failed = failure(port.embed([text("a")], { kind: "query", signal: stop.signal }));
      await until(() => server.seen.length === 1);
      stop.abort();
      assert.equal((await failed).code, "effect.stopped");
      await until(() => server.aborted === 1 && server.openSockets === 0);
    });

    test("a signal that has aborted already asks nothing", async () => {
      const { server, port } = await open();
      await using _ = server;
      const signal = AbortSignal.abort();
      const error = await failure(port.embed([text("a")], { kind: "query", signal }));
      assert.equal(error.code, "effect.stopped");
      assert.equal(server.seen.length, 0);
    });

    test("1,000 requests leave no sockets and no listeners", async () => {
      const { server, port } = await open();
      await using _ = server;
      server.script.everyMs = 0;
      const { signal } = new AbortController();
      for (let at = 0; at < 1000; at++) await port.embed([text("a")], { kind: "query", signal });
      assert.equal(server.seen.length, 1000);
      assert.ok(server.openSockets <= 2, `${server.openSockets} sockets`);
      assert.ok(server.socketsEver <= 10, `${server.socketsEver} connections`);
      assert.equal(getEventListeners(signal, "abort").length, 0);
    });
  });
}

async function failure(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof AppError, String(error));
  return error;
}

/** All that a log could show of it. */
function shown(error: AppError): string {
  const { message, stack, detail, cause } = error;
  const below = cause instanceof Error ? `${cause.message}${cause.stack}` : String(cause);
  return `${message}${stack}${JSON.stringify(detail)}${below}${JSON.stringify(cause)}`;
}

async function until(fact: () => boolean): Promise<void> {
  while (!fact()) await new Promise((resolve) => setImmediate(resolve));
}
