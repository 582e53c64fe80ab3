import assert from "node:assert/strict";
import { test } from "node:test";
import { AppError } from "../../src/base/errors.ts";
import { MoonshineStream } from "../../src/providers/local/moonshine-stream.ts";
import type { DecodeOptions } from "../../src/providers/local/moonshine-stream.ts";
import { cleanTranscript } from "../../src/providers/local/transcript-text.ts";
import type { SttEvent } from "../../src/providers/stt.port.ts";
import { spreadWords } from "../../src/providers/word-times.ts";

interface Job {
  readonly ms: number;
  readonly interim: boolean;
  readonly signal: AbortSignal;
}

/** A stream over a recognizer that answers at once with `answer(job)`. */
function rig(answer: (job: Job, index: number) => string) {
  const jobs: Job[] = [];
  const events: SttEvent[] = [];
  const decode = async (samples: Int16Array, options: DecodeOptions): Promise<string> => {
    const { signal, interimOf } = options;
    const job = { ms: samples.length / 16, interim: interimOf !== undefined, signal };
    jobs.push(job);
    return answer(job, jobs.length - 1);
  };
  const stream = new MoonshineStream({ name: "a", decode, on: (event) => events.push(event) });
  /** Sound is a square wave: loud or not is all the stream can see of it. */
  const play = async (ms: number, loud: boolean): Promise<void> => {
    for (let done = 0; done < ms; done += 20) {
      const samples = Int16Array.from({ length: 320 }, (_, i) =>
        loud ? (i % 8 < 4 ? 1 : -1) * 4000 : 0,
      );
      stream.push({ samples, rateHz: 16_000 });
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { jobs, events, stream, play };
}

test("the final is decoded during the pause and only waits for the detector's word", async () => {
  const { jobs, events, stream, play } = rig(() => "hello there my friend");
  await play(1000, false);
  await play(100, true);
  stream.speechStarted(1000);
  await play(900, true);
  const interims = jobs.filter((job) => job.interim).length;
  assert.equal(interims, 2);
  await play(300, false);
  const decoded = jobs.length;
  assert.equal(jobs.at(-1)?.interim, false, "decoded before the end was known");
  stream.speechEnded(2000);
  await stream.finish();
  assert.equal(jobs.length, decoded, "and not again");
  const final = events.at(-1);
  assert.ok(final?.type === "final");
  assert.deepEqual([final.fromMs, final.toMs, final.text], [1000, 2000, "hello there my friend"]);
  const interim = events[0];
  assert.ok(interim?.type === "interim" && interim.stableWords === 2);
});

test("speech after the pause makes the early decode void", async () => {
  const { jobs, events, stream, play } = rig((job) => `${Math.round(job.ms)}`);
  await play(100, true);
  stream.speechStarted(0);
  await play(900, true);
  await play(240, false);
  await play(500, true);
  await play(300, false);
  stream.speechEnded(1740);
  await stream.finish();
  const finals = jobs.filter((job) => !job.interim);
  assert.equal(finals.length, 2);
  assert.equal(finals[0]?.signal.aborted, true);
  const final = events.at(-1);
  assert.ok(final?.type === "final" && Number(final.text) > 1740, "the whole range was decoded");
});

test("a long range is cut and joined in order", async () => {
  const { jobs, events, stream, play } = rig((job, index) => (job.interim ? "" : `part${index}`));
  await play(100, true);
  stream.speechStarted(0);
  await play(5900, true);
  await play(160, false);
  await play(6000, true);
  stream.speechEnded(12_160);
  await stream.finish();
  const finals = jobs.filter((job) => !job.interim);
  assert.ok(finals.every((job) => job.ms <= 8500));
  assert.equal(finals.length, 2);
  assert.ok(Math.abs(finals[0]!.ms - 6080) <= 100, `cut in the pause: ${finals[0]!.ms}`);
  const final = events.at(-1);
  assert.ok(final?.type === "final");
  assert.match(final.text, /^part\d+ part\d+$/);
});

test("a decode that fails is tried once more, then there is nothing heard", async () => {
  let tries = 0;
  const { events, stream, play } = rig(() => {
    tries++;
    throw new AppError("provider.failed", "broken");
  });
  await play(200, true);
  stream.speechStarted(0);
  stream.speechEnded(200);
  await stream.finish();
  assert.equal(tries, 2);
  assert.deepEqual(events, [{ type: "final", fromMs: 0, toMs: 200, text: "", words: [] }]);
});

test("an open range ends with the stream, and an aborted stream is still", async () => {
  const { events, stream, play } = rig(() => "yes");
  await play(300, true);
  stream.speechStarted(0);
  assert.deepEqual((await stream.finish())[0]?.audioMs, 300);
  assert.equal(events.length, 1);
  const other = rig(() => "yes");
  await other.play(300, true);
  other.stream.speechStarted(0);
  other.stream.speechEnded(300);
  other.stream.abort();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(other.events, []);
});

test("invented endings go, words stay", () => {
  assert.equal(cleanTranscript(" Have a nice day, eh, eh, eh. "), "Have a nice day");
  assert.equal(cleanTranscript("Yes, yes."), "Yes, yes.");
  assert.equal(cleanTranscript("Bye bye bye bye bye."), "Bye");
  assert.equal(cleanTranscript("No, no, no."), "No, no, no.");
  const loop = "You can use the button to use the button to use the button to use the butt";
  assert.equal(cleanTranscript(loop), "You can use the button to");
  const number = "It is zero zero zero zero five five five five.";
  assert.equal(cleanTranscript(number), number);
  assert.equal(cleanTranscript("Eh, eh."), "");
  assert.equal(cleanTranscript(" ... "), "");
});

test("words share their range by length", () => {
  assert.deepEqual(spreadWords("a bcd", 100, 500), [
    { text: "a", fromMs: 100, toMs: 200 },
    { text: "bcd", fromMs: 200, toMs: 500 },
  ]);
});
