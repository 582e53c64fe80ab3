import assert from "node:assert/strict";
import { test } from "node:test";
import { soundsOf, wavAct } from "../../src/cli/simulate/script.ts";
import { SimulatedClock } from "../../src/base/clock.ts";
import { ScriptedTts } from "../../src/providers/scripted/scripted-mouth.ts";

const { signal } = new AbortController();
const tts = new ScriptedTts(new SimulatedClock());
const voice = { tts, name: "scripted", rateHz: 16_000, signal };

test("a WAV that is not there says so, and a folder cannot be read", async () => {
  const missing = soundsOf([wavAct("/nowhere/question.wav")], voice);
  await assert.rejects(missing, { code: "wav.invalid", message: /^there is no file \/nowhere\// });
  const folder = soundsOf([wavAct(import.meta.dirname)], voice);
  await assert.rejects(folder, { code: "wav.invalid", message: /^cannot read / });
});
