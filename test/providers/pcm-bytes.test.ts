import assert from "node:assert/strict";
import { test } from "node:test";
import { formatWav, joinSamples } from "../../src/base/audio.ts";
import { PcmBytes } from "../../src/providers/pcm-bytes.ts";
import { RATE_HZ, speechOf } from "../emulators/tone-speech.ts";

const SPEECH = speechOf("We open at nine.", 1_000);
const RAW = Buffer.from(SPEECH.buffer);
const WAV = Buffer.from(formatWav({ samples: SPEECH, rateHz: RATE_HZ }));

function pushed(bytes: Uint8Array, size: number): [PcmBytes, Int16Array] {
  const pcm = new PcmBytes(RATE_HZ);
  const parts: Int16Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(pcm.push(bytes.slice(at, at + size)));
  return [pcm, joinSamples(parts)];
}

test("bytes cut anywhere are the same samples, and a WAV header is no sound", () => {
  for (const bytes of [RAW, WAV])
    for (const size of [1, 3, 7, 43, 45, 4_095, bytes.length]) {
      const [pcm, samples] = pushed(bytes, size);
      assert.deepEqual(samples, SPEECH, `${size} bytes at a time`);
      assert.equal(pcm.ms, 400);
      pcm.endUnsaid();
    }
});

test("what stands before the sound of a WAV is left out", () => {
  const list = Buffer.from("LIST\x04\0\0\0abcd", "latin1");
  const [, samples] = pushed(Buffer.concat([WAV.subarray(0, 36), list, WAV.subarray(36)]), 5);
  assert.deepEqual(samples, SPEECH);
});

test("a WAV of another rate is told, not played too slow", () => {
  const wav = formatWav({ samples: SPEECH, rateHz: 16_000 });
  assert.throws(() => pushed(wav, 100), { code: "provider.garbled", message: /1,16000,16/ });
});

test("a WAV header without an end is told", () => {
  const head = Buffer.concat([WAV.subarray(0, 36), Buffer.from("LIST\xff\xff\xff\x7f", "latin1")]);
  assert.throws(() => pushed(Buffer.concat([head, Buffer.alloc(5_000)]), 1_000), {
    code: "provider.garbled",
  });
});

test("half a sample, no sound, and an end at full voice are errors", () => {
  const [half] = pushed(RAW.subarray(0, -1), 100);
  assert.throws(() => half.end(), { code: "provider.garbled", message: /sample/ });
  assert.throws(() => new PcmBytes(RATE_HZ).end(), {
    code: "provider.garbled",
    message: /no sound/,
  });
  const [loud] = pushed(RAW.subarray(0, 6_000), 100);
  loud.end();
  assert.throws(() => loud.endUnsaid(), { code: "provider.garbled", message: /word/ });
});
