import assert from "node:assert/strict";
import { test } from "node:test";
import { KeptAudio } from "../../src/providers/kept-audio.ts";
import { SPEECH_HZ, speech } from "../support/numbered-speech.ts";

/** What a new stream is given, in order. */
function replayed(kept: KeptAudio): readonly string[] {
  const given: string[] = [];
  let ms = 0;
  kept.replay({
    push: ({ samples }) => void (ms += (samples.length * 1000) / SPEECH_HZ),
    speechStarted: (at) => void given.push(`at ${ms}: started ${at}`),
    speechEnded: (at) => void given.push(`at ${ms}: ended ${at}`),
    finish: () => Promise.resolve([]),
    abort: () => [],
  });
  return [...given, `${ms} ms`];
}

function push(kept: KeptAudio, ms: number): void {
  for (let at = 0; at < ms; at += 100) kept.push({ samples: speech([1, 100]), rateHz: SPEECH_HZ });
}

test("an end of speech that is told behind its final is not told to a new stream", () => {
  const kept = new KeptAudio();
  push(kept, 500);
  kept.speechStarted(300);
  push(kept, 1_000);
  kept.final(1_500);
  push(kept, 200);
  kept.speechEnded(1_200);
  push(kept, 300);
  assert.deepEqual(replayed(kept), ["500 ms"]);
});

test("speech that goes on is told to a new stream from where the audio begins", () => {
  const kept = new KeptAudio();
  push(kept, 500);
  kept.speechStarted(300);
  push(kept, 1_000);
  kept.final(1_100);
  push(kept, 200);
  kept.speechEnded(1_600);
  assert.deepEqual(replayed(kept), ["at 0: started 0", "at 600: ended 500", "600 ms"]);
});
