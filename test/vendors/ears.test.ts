import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.ts";
import { readConfig } from "../../src/config.ts";
import type { Stt } from "../../src/providers/stt.port.ts";
import type { Makers } from "../../src/vendors/adapters.ts";
import { openEars } from "../../src/vendors/ears.ts";

const none = async () => undefined;

function sttOf(provider: string, model: string): Stt {
  const open = () => assert.fail("nobody speaks here");
  return { provider, model, rateHz: 16_000, warm: none, open, [Symbol.asyncDispose]: none };
}

async function open(env: Readonly<Record<string, string>>, local?: Stt) {
  const made: object[] = [];
  const warnings: string[] = [];
  const deepgram: Makers["stt"] = ({ key, model, language }) => {
    made.push({ key, model, language });
    return sttOf("deepgram", model);
  };
  const ears = await openEars({
    vendors: readConfig({}, env).vendors,
    adapters: { llm: {}, tts: {}, stt: { deepgram: { load: async () => deepgram } } },
    clock: systemClock,
    local,
    warn: (message) => warnings.push(message),
    random: () => 0,
  });
  return { ears, made, warnings };
}

test("Deepgram hears where it has a key, made once for each language of callers", async () => {
  const { ears, made } = await open({ DEEPGRAM_API_KEY: "k" }, sttOf("local", "m"));
  const stt = ears.of("de");
  assert.deepEqual([stt?.provider, stt?.model], ["deepgram", "nova-3"]);
  assert.equal(ears.of("de"), stt);
  assert.notEqual(ears.of("en"), stt);
  const access = { key: "k", model: "nova-3" };
  assert.deepEqual(made, [
    { ...access, language: "de" },
    { ...access, language: "en" },
  ]);
});

test("without a key the local engine hears, or nobody where its models are missing", async () => {
  const local = sttOf("local", "m");
  const there = await open({}, local);
  assert.equal(there.ears.of("en"), local);
  const missing = await open({});
  assert.deepEqual([missing.ears.isEmpty, missing.ears.of("en")], [true, undefined]);
});

test("who is chosen to hear and has no key, or no adapter, is refused at the start", async () => {
  const chosen = { AGENT_STT_PROVIDER: "deepgram" };
  await assert.rejects(open(chosen), { code: "provider.missing", message: /DEEPGRAM_API_KEY/ });
  const groq = { AGENT_STT_PROVIDER: "groq", GROQ_API_KEY: "k" };
  await assert.rejects(open(groq), { code: "provider.missing", message: /groq/ });
});

test("who would only stand in, and cannot, is left out with a warning", async () => {
  const { ears, warnings } = await open({ DEEPGRAM_API_KEY: "k", GROQ_API_KEY: "k" });
  assert.equal(ears.of("en")?.provider, "deepgram");
  assert.match(warnings.join(), /groq is left out/);
});
