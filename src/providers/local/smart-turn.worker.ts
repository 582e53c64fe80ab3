import { readFile } from "node:fs/promises";
import { workerData } from "node:worker_threads";
import type * as Onnx from "onnxruntime-web";
import { resample } from "../../base/audio.ts";
import type { AudioFrame } from "../../base/audio.ts";
import { AppError } from "../../base/errors.ts";
import { MEL_BANDS, MEL_HOP, MEL_RATE_HZ, toLogMel } from "./log-mel.ts";
import type { SmartTurnPaths } from "./models.ts";
import { serveWorker } from "../../base/worker-port.ts";

/** The judging thread: one model, the last seconds of a turn in, a probability out. */
const WINDOW_SAMPLES = 8 * MEL_RATE_HZ;
/** The model's own names; its output is a probability already, whatever it is called. */
const INPUT = "input_features";
const OUTPUT = "logits";

interface Model {
  readonly onnx: typeof Onnx;
  readonly session: Onnx.InferenceSession;
}

let model: Promise<Model> | undefined;

async function load(): Promise<Model> {
  const weights = await readWeights((workerData as SmartTurnPaths).model);
  const onnx = await importRuntime();
  // More threads would be workers of this worker, and are slower for so small a model.
  onnx.env.wasm.numThreads = 1;
  const session = await onnx.InferenceSession.create(weights, { executionProviders: ["wasm"] });
  return { onnx, session };
}

async function readWeights(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const fix = `run "turnfold models pull smart-turn"`;
    throw new AppError("endpointer.missing", `no smart-turn weights at ${path}: ${fix}`, { cause });
  }
}

async function importRuntime(): Promise<typeof Onnx> {
  try {
    return await import("onnxruntime-web");
  } catch (cause) {
    const fix = `run "npm install onnxruntime-web"`;
    throw new AppError("endpointer.missing", `smart-turn needs an npm package: ${fix}`, { cause });
  }
}

async function judge(audio: AudioFrame): Promise<number> {
  // What was missing may have been fetched since: only success is kept.
  model ??= load().catch((error: unknown) => {
    model = undefined;
    throw error;
  });
  const { onnx, session } = await model;
  const { samples } = resample(audio, MEL_RATE_HZ);
  const features = toLogMel(samples, WINDOW_SAMPLES);
  const shape = [1, MEL_BANDS, WINDOW_SAMPLES / MEL_HOP];
  const input = new onnx.Tensor("float32", features, shape);
  const { [OUTPUT]: output } = await session.run({ [INPUT]: input });
  const probability = output?.data[0];
  if (typeof probability === "number" && probability >= 0 && probability <= 1) return probability;
  throw new AppError("provider.failed", `smart-turn gave no probability but ${probability}`);
}

serveWorker(judge);
