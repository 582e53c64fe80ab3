import { samplesOf } from "../../base/audio.ts";
import type { Stt, SttEvent, SttStream } from "../stt.port.ts";
import type { MoonshinePaths } from "./models.ts";
import { MoonshineStream, PAD_AFTER_MS, PAD_BEFORE_MS } from "./moonshine-stream.ts";
import type { Decode } from "./moonshine-stream.ts";
import { cleanTranscript } from "./transcript-text.ts";
import { WorkerPort, workerUrl } from "../../base/worker-port.ts";

/**
 * Offline speech to text: Moonshine tiny (English) under sherpa-onnx, in one worker thread for all
 * streams of the process. A decode takes about 0.1 s, so finals pass interims in the queue.
 */
const RATE_HZ = 16_000;
const FINAL_RANK = 0;
const INTERIM_RANK = 1;

export function openMoonshine(paths: MoonshinePaths): Stt {
  const port = new WorkerPort(workerUrl("moonshine.worker", import.meta.url), paths);
  const decode: Decode = async (samples, { signal, interimOf }) => {
    const padded = toPadded(samples);
    const text = await port.ask<string>(padded, {
      signal,
      transfer: [padded.buffer],
      ...(interimOf ? { rank: INTERIM_RANK, key: interimOf } : { rank: FINAL_RANK }),
    });
    return cleanTranscript(text);
  };
  let streams = 0;
  return {
    provider: "local",
    model: "moonshine-tiny-en",
    rateHz: RATE_HZ,
    // The first decode after loading is slow, so readiness means one decode behind us.
    warm: async () => {
      await decode(new Int16Array(RATE_HZ / 2), { signal: new AbortController().signal });
    },
    open: (on: (event: SttEvent) => void): SttStream =>
      new MoonshineStream({ name: `stream-${++streams}`, decode, on }),
    [Symbol.asyncDispose]: () => port[Symbol.asyncDispose](),
  };
}

/** The model was trained on calm edges: without silence around it the word error rate doubles. */
function toPadded(samples: Int16Array): Float32Array<ArrayBuffer> {
  const before = samplesOf(PAD_BEFORE_MS, RATE_HZ);
  const out = new Float32Array(before + samples.length + samplesOf(PAD_AFTER_MS, RATE_HZ));
  for (let i = 0; i < samples.length; i++) out[before + i] = samples[i]! / 32_768;
  return out;
}
