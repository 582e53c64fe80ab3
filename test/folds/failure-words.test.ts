import assert from "node:assert/strict";
import { test } from "node:test";
import { failureText, retryText, switchText } from "../../src/folds/failure-words.ts";

const model = { what: "model", from: "gpt-x", to: "llama-y" };
const voice = { what: "voice", from: "cartesia/anna", to: "local/slt" };
const ears = { what: "speech-to-text", from: "deepgram/nova", to: "groq/whisper" };

test("a switch says who was left, why, and what is done instead", () => {
  for (const [event, words] of [
    [{ ...model, why: "late", ms: 3_000 }, "gpt-x gave no word in 3 s: llama-y is asked"],
    [{ ...model, why: "late" }, "gpt-x gave no word in its time: llama-y is asked"],
    [{ ...model, why: "empty" }, "gpt-x gave nothing: llama-y is asked"],
    [{ ...model, why: "provider.open" }, "gpt-x was refused by its breaker: llama-y is asked"],
    [
      { ...model, why: "provider.rejected" },
      "gpt-x does not take the key (provider.rejected): llama-y is asked",
    ],
    [{ ...model, why: "some.code" }, "gpt-x failed (some.code): llama-y is asked"],
    [
      { ...voice, why: "late", ms: 1_500 },
      "the voice cartesia/anna gave no sound in 1.5 s: local/slt goes on",
    ],
    [
      { ...voice, to: "text", why: "provider.open" },
      "the voice cartesia/anna was refused by its breaker: no voice is left, " +
        "the answer goes on as text",
    ],
    [
      { ...ears, why: "provider.unavailable" },
      "speech-to-text deepgram/nova could not be reached (provider.unavailable): " +
        "groq/whisper goes on",
    ],
  ] as const)
    assert.equal(switchText(event), words);
});

test("a retry says what failed, and when it is asked again", () => {
  assert.equal(
    retryText({ what: "model", of: "gpt-x", attempt: 3, why: "provider.limited", waitMs: 700 }),
    "gpt-x was asked too often (provider.limited): it is asked again in 700 ms, try 3",
  );
});

test("the end of an effect that failed says why, where a provider is to blame", () => {
  assert.equal(
    failureText("provider.open"),
    "the provider was refused by its breaker (provider.open)",
  );
  assert.equal(failureText("bug"), "bug");
});
