import assert from "node:assert/strict";
import { after, test } from "node:test";
import { joinSamples } from "../../src/base/audio.ts";
import { openFlite } from "../../src/providers/local/flite.tts.ts";
import { openMoonshine } from "../../src/providers/local/moonshine.stt.ts";
import type { Stt, SttEvent } from "../../src/providers/stt.port.ts";
import { needModels } from "../support/models.ts";
import { wordErrorRate } from "../support/wer.ts";

const SENTENCES = [
  "what are your opening hours on saturday",
  "i would like to book a table for four people",
  "can you tell me a joke please",
  "my phone number is five five five one two three four",
  "please cancel my appointment for tomorrow morning",
  "i need to speak to a human agent",
  "do you have any rooms available next friday",
  "yes that is correct thank you very much",
];
const LEAD_MS = 500;
const TAIL_MS = 600;
/** When the detector reports: some time after the fact, as a real one does. */
const START_SEEN_MS = 120;
const END_SEEN_MS = 400;

const tts = openFlite();
let stt: Stt | undefined;
after(async () => {
  await tts[Symbol.asyncDispose]();
  await stt?.[Symbol.asyncDispose]();
});

async function synthesise(text: string, voice: string): Promise<Int16Array> {
  const signal = new AbortController().signal;
  for await (const event of tts.speak({ text, voice, signal }))
    if (event.type === "audio") return event.frame.samples;
  return assert.fail("no audio");
}

/** Plays one utterance into a stream of its own, with the hints a voice detector would give. */
async function hear(engine: Stt, said: Int16Array): Promise<SttEvent[]> {
  const events: SttEvent[] = [];
  const stream = engine.open((event) => events.push(event));
  const silence = (ms: number): Int16Array => new Int16Array(ms * 16);
  const samples = joinSamples([silence(LEAD_MS), said, silence(TAIL_MS)]);
  const endMs = LEAD_MS + said.length / 16 - 100;
  for (let at = 0; at < samples.length; at += 320) {
    stream.push({ samples: samples.subarray(at, at + 320), rateHz: 16_000 });
    const nowMs = (at + 320) / 16;
    if (nowMs === LEAD_MS + START_SEEN_MS) stream.speechStarted(LEAD_MS);
    if (nowMs >= endMs + END_SEEN_MS) stream.speechEnded(endMs);
    // Room for the answers of the worker between the frames.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const [usage] = await stream.finish();
  assert.equal(usage?.audioMs, Math.round(samples.length / 16));
  return events;
}

function finalOf(events: readonly SttEvent[]): SttEvent & { readonly type: "final" } {
  const finals = events.filter((event) => event.type === "final");
  assert.equal(finals.length, 1);
  assert.equal(events.at(-1), finals[0], "nothing comes after the final");
  return finals[0]!;
}

for (const voice of ["rms", "slt"])
  test(`hears what ${voice} says`, async (t) => {
    const paths = await needModels(t);
    if (!paths) return;
    stt ??= openMoonshine(paths);
    await stt.warm();
    const pairs: [string, string][] = [];
    for (const sentence of SENTENCES) {
      const { text } = finalOf(await hear(stt, await synthesise(sentence, voice)));
      pairs.push([sentence, text]);
    }
    const rate = wordErrorRate(pairs);
    assert.ok(rate <= 0.15, `word error rate ${rate}: ${JSON.stringify(pairs)}`);
  });

test("two streams at once each hear their own words", async (t) => {
  const paths = await needModels(t);
  if (!paths) return;
  stt ??= openMoonshine(paths);
  const said = ["can you tell me a joke please", "i need to speak to a human agent"] as const;
  const audio = [await synthesise(said[0], "rms"), await synthesise(said[1], "slt")] as const;
  const heard = await Promise.all([hear(stt, audio[0]), hear(stt, audio[1])]);
  const pairs = heard.map((events, i): [string, string] => [said[i]!, finalOf(events).text]);
  assert.ok(wordErrorRate(pairs) <= 0.25, JSON.stringify(pairs));
});

test("an utterance longer than one decode is heard to its end", async (t) => {
  const paths = await needModels(t);
  if (!paths) return;
  stt ??= openMoonshine(paths);
  const sentence =
    "please cancel my appointment for tomorrow morning and tell the doctor that i am sorry " +
    "because i have to travel to london with my family and we will only be back next friday " +
    "so i would like to have a new appointment on monday morning if that is possible";
  const audio = await synthesise(sentence, "rms");
  assert.ok(audio.length / 16_000 > 9.5, "long enough to need a cut");
  const final = finalOf(await hear(stt, audio));
  assert.ok(wordErrorRate([[sentence, final.text]]) <= 0.25, final.text);
  assert.match(final.text, /possible/i);
});

test("silence gives a final without words", async (t) => {
  const paths = await needModels(t);
  if (!paths) return;
  stt ??= openMoonshine(paths);
  const final = finalOf(await hear(stt, new Int16Array(16_000)));
  assert.equal(final.text, "");
  assert.deepEqual(final.words, []);
});
