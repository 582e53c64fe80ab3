import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, test } from "node:test";
import { joinSamples, resample, samplesOf, type AudioFrame } from "../../src/base/audio.ts";
import { CALLER_VOICE } from "../../src/main.ts";
import type { Endpointer } from "../../src/providers/endpointer.port.ts";
import { openFlite } from "../../src/providers/local/flite.tts.ts";
import type { SmartTurnPaths } from "../../src/providers/local/models.ts";
import { openSmartTurn } from "../../src/providers/local/smart-turn.endpointer.ts";
import { needSmartTurn } from "../support/models.ts";

/** The model itself on spoken sentences. How fast it is depends on the machine: not asserted. */
const QUESTION = "What are your opening hours on Saturday?";
const BOOKING = "I would like to book a table for four people on Friday.";
/** Words of `BOOKING` up to and with "table for". */
const CUT_AFTER = 8;
/** Where a voice detector says that speech has ended. */
const SILENCE_MS = 200;
/** Defaults of the settings that make a probability a class. */
const SURE = 0.7;
const UNSURE = 0.3;

const { signal } = new AbortController();
const tts = openFlite();
let opened: Endpointer | undefined;
after(async () => {
  await tts[Symbol.asyncDispose]();
  await opened?.[Symbol.asyncDispose]();
});

function endpointer(paths: SmartTurnPaths): Endpointer {
  return (opened ??= openSmartTurn(paths));
}

/** The sentence, or its first words, and the silence after it. */
async function spoken(text: string, words?: number): Promise<AudioFrame> {
  const parts: Int16Array[] = [];
  let rateHz = 0;
  let endMs = Infinity;
  for await (const event of tts.speak({ text, voice: CALLER_VOICE, signal })) {
    if (event.type === "alignment" && words) endMs = event.wordEndsMs[words - 1]!;
    if (event.type !== "audio") continue;
    parts.push(event.frame.samples);
    rateHz = event.frame.rateHz;
  }
  const all = joinSamples(parts);
  let end = Math.min(all.length, samplesOf(endMs, rateHz));
  // The voice brings a silence of its own; how long it is must not matter here.
  while (end > 0 && Math.abs(all[end - 1]!) < 200) end--;
  const silence = new Int16Array(samplesOf(SILENCE_MS, rateHz));
  return { samples: joinSamples([all.subarray(0, end), silence]), rateHz };
}

test("a finished sentence scores high, one that breaks off low", async (t) => {
  const paths = await needSmartTurn(t);
  if (!paths) return;
  const model = endpointer(paths);
  await model.warm();
  const judge = async (text: string, words?: number): Promise<number> =>
    model.judge(await spoken(text, words), signal);
  const [question, booking, cut] = [
    await judge(QUESTION),
    await judge(BOOKING),
    await judge(BOOKING, CUT_AFTER),
  ];
  t.diagnostic(`question ${question}, booking ${booking}, cut ${cut}`);
  assert.ok(question >= SURE, `question ${question}`);
  assert.ok(booking >= SURE, `booking ${booking}`);
  assert.ok(cut <= UNSURE, `cut ${cut}`);
});

test("other rates are converted, old audio is left out, samples stay the caller's", async (t) => {
  const paths = await needSmartTurn(t);
  if (!paths) return;
  const model = endpointer(paths);
  const cut = await spoken(BOOKING, CUT_AFTER);
  const expected = await model.judge(cut, signal);
  assert.ok((await model.judge(resample(cut, 48_000), signal)) <= UNSURE);
  const lead = new Int16Array(samplesOf(model.windowMs, cut.rateHz) - cut.samples.length);
  const speechBefore = (await spoken(QUESTION)).samples;
  const long = { ...cut, samples: joinSamples([speechBefore, lead, cut.samples]) };
  assert.equal(await model.judge(long, signal), expected, "the last 8 s alone count");
  assert.ok(cut.samples.length > 0, "not transferred away");
});

test("an aborted judgement ends at once, and the next is made", async (t) => {
  const paths = await needSmartTurn(t);
  if (!paths) return;
  const model = endpointer(paths);
  const audio = await spoken(QUESTION);
  await assert.rejects(model.judge(audio, AbortSignal.abort()), { code: "effect.stopped" });
  const stop = new AbortController();
  const first = model.judge(audio, stop.signal);
  const second = model.judge(audio, stop.signal);
  stop.abort();
  for (const one of [first, second]) await assert.rejects(one, { code: "effect.stopped" });
  assert.ok((await model.judge(audio, signal)) >= SURE);
});

test("missing weights are named with the command that fetches them", async () => {
  await using model = openSmartTurn({ model: join(import.meta.dirname, "none.onnx") });
  const fix = {
    code: "endpointer.missing",
    message: /none\.onnx.*turnfold models pull smart-turn/,
  };
  await assert.rejects(model.warm(), fix);
  const audio = { samples: new Int16Array(1600), rateHz: model.rateHz };
  await assert.rejects(model.judge(audio, signal), fix, "every time, as long as they are missing");
});

/** Runs before anything else in each thread of a process: the package cannot be found there. */
const WITHOUT_PACKAGE = `
  import { registerHooks } from "node:module";
  registerHooks({
    resolve(specifier, context, next) {
      return next(specifier === "onnxruntime-web" ? "not-installed" : specifier, context);
    },
  });`;

const WARM = `
  const { openSmartTurn } = await import(${JSON.stringify(
    new URL("../../src/providers/local/smart-turn.endpointer.ts", import.meta.url).href,
  )});
  await using model = openSmartTurn({ model: ${JSON.stringify(import.meta.filename)} });
  await model.warm().catch(({ code, message }) => console.log(code, message));`;

test("a missing package is named with the command that installs it", async () => {
  const hook = `data:text/javascript,${encodeURIComponent(WITHOUT_PACKAGE)}`;
  const args = ["--import", hook, "--eval", WARM];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  for await (const text of child.stdout.setEncoding("utf8")) told += text;
  assert.match(told, /^endpointer\.missing .*npm install onnxruntime-web/);
});

test("weights that are no model are an error of the provider", async () => {
  await using model = openSmartTurn({ model: import.meta.filename });
  await assert.rejects(model.warm(), { code: "provider.failed" });
});
