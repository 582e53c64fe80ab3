import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as soon } from "node:timers/promises";
import type { AppError } from "../../src/base/errors.ts";
import { createGroqStt } from "../../src/providers/groq/groq.stt.ts";

/** One that `fetch` refuses by itself, at once: it is never dialled. */
const BLOCKED = "http://127.0.0.1:9";

test("a request that fails while its form is read fails the stream, not the process", async () => {
  await using stt = createGroqStt({ key: "k", model: "whisper", baseUrl: BLOCKED });
  const failed = Promise.withResolvers<AppError>();
  const stream = stt.open((event) => {
    if (event.type === "failed") failed.resolve(event.error);
  });
  stream.push({ samples: new Int16Array(2 * stt.rateHz), rateHz: stt.rateHz });
  stream.speechStarted(100);
  stream.speechEnded(1_800);
  assert.equal((await failed.promise).code, "provider.unavailable");
  // What Node throws of the form comes after, and the runner of the tests takes it for a failure.
  for (let turns = 0; turns < 20; turns++) await soon();
});
