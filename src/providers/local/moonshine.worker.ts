import { workerData } from "node:worker_threads";
import { createOfflineRecognizer } from "sherpa-onnx";
import type { OfflineRecognizer } from "sherpa-onnx";
import { AppError } from "../../base/errors.ts";
import type { MoonshinePaths } from "./models.ts";
import { serveWorker } from "../../base/worker-port.ts";

/** The decoding thread: one Moonshine recognizer, one run of samples in, its text out. */
const RATE_HZ = 16_000;

let recognizer: OfflineRecognizer | undefined;

function create(): OfflineRecognizer {
  const paths = workerData as MoonshinePaths;
  return createOfflineRecognizer({
    featConfig: { sampleRate: RATE_HZ, featureDim: 80 },
    modelConfig: {
      moonshine: { encoder: paths.encoder, mergedDecoder: paths.decoder },
      tokens: paths.tokens,
      numThreads: 1,
      provider: "cpu",
      debug: 0,
    },
  });
}

function decode(samples: Float32Array): string {
  recognizer ??= create();
  const stream = recognizer.createStream();
  try {
    stream.acceptWaveform(RATE_HZ, samples);
    recognizer.decode(stream);
    return recognizer.getResult(stream).text;
  } catch (error) {
    // After a C++ exception the recognizer's state is unknown: the next decode gets a new one.
    const broken = recognizer;
    recognizer = undefined;
    broken.free();
    const seconds = samples.length / RATE_HZ;
    throw new AppError("provider.failed", `Moonshine threw on ${seconds} s of audio`, {
      cause: error,
    });
  } finally {
    stream.free();
  }
}

serveWorker(decode);
