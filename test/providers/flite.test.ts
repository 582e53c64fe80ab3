import assert from "node:assert/strict";
import { after, test } from "node:test";
import { levelDb } from "../../src/base/audio.ts";
import { audibleRange, openFlite, wordEnds } from "../../src/providers/local/flite.tts.ts";
import type { TtsEvent } from "../../src/providers/tts.port.ts";

const tts = openFlite();
after(() => tts[Symbol.asyncDispose]());

async function speak(text: string, voice: string, signal?: AbortSignal): Promise<TtsEvent[]> {
  const request = { text, voice, signal: signal ?? new AbortController().signal };
  return Array.fromAsync(tts.speak(request));
}

function samplesIn(events: readonly TtsEvent[]): Int16Array {
  const audio = events.find((event) => event.type === "audio");
  assert.ok(audio?.type === "audio");
  assert.equal(audio.frame.rateHz, 16_000);
  return audio.frame.samples;
}

test("every voice speaks, each in its own way", async () => {
  const heard = new Set<string>();
  for (const voice of tts.voices) {
    const samples = samplesIn(await speak("We are open until six.", voice));
    assert.ok(samples.length > 16_000 && samples.length < 48_000, `${voice}: ${samples.length}`);
    assert.ok(levelDb(samples) > -35, `${voice} is audible`);
    heard.add(Buffer.from(samples.buffer, samples.byteOffset, 20_000).toString("base64"));
  }
  assert.equal(heard.size, 5);
});

test("the same text in the same voice gives the same samples", async () => {
  const once = samplesIn(await speak("Good morning.", "rms"));
  assert.deepEqual(samplesIn(await speak("Good morning.", "rms")), once);
});

test("alignment has one rising end for each written word", async () => {
  const text = "We open at 9:30 am, and close at $5.";
  const events = await speak(text, "slt");
  const durationMs = samplesIn(events).length / 16;
  const alignment = events.find((event) => event.type === "alignment");
  assert.ok(alignment?.type === "alignment");
  const ends = alignment.wordEndsMs;
  assert.equal(ends.length, text.split(" ").length);
  for (const [i, end] of ends.entries()) assert.ok(end >= (ends[i - 1] ?? 0) && end <= durationMs);
  assert.ok(ends.at(-1)! > durationMs - 400, "the last word ends near the end");
});

test("silence at both ends is short", async () => {
  const samples = samplesIn(await speak("Hello there.", "slt"));
  const { from, to } = audibleRange(samples);
  assert.ok(from <= 320, `${from} samples could still go at the start`);
  assert.ok(samples.length - to <= 320, "and none at the end");
});

test("nothing to say is no audio", async () => {
  assert.deepEqual(await speak("😀", "slt"), []);
});

test("an unknown voice is the caller's fault", async () => {
  await assert.rejects(speak("Hi.", "nobody"), { code: "input.invalid" });
});

test("an abort ends the request, waiting or at work, and leaves the next one whole", async () => {
  await assert.rejects(speak("Hi.", "slt", AbortSignal.abort()), { code: "effect.stopped" });
  const stop = new AbortController();
  const atWork = speak("A long sentence that will never be heard.", "slt", stop.signal);
  const waiting = speak("Nor will this one.", "slt", stop.signal);
  stop.abort();
  await assert.rejects(atWork, { code: "effect.stopped" });
  await assert.rejects(waiting, { code: "effect.stopped" });
  assert.ok(samplesIn(await speak("This one will.", "slt")).length > 8_000);
});

test("word ends fall on phones, stretched where the counts do not add up", () => {
  const phones = [
    { name: "pau", endMs: 100 },
    { name: "h", endMs: 150 },
    { name: "ay", endMs: 200 },
    { name: "pau", endMs: 300 },
    { name: "b", endMs: 350 },
    { name: "ay", endMs: 400 },
  ];
  assert.deepEqual(wordEnds(phones, [2, 2]), [200, 400]);
  assert.deepEqual(wordEnds(phones, [4, 4]), [200, 400]);
});
