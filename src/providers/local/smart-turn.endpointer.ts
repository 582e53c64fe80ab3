import { samplesOf } from "../../base/audio.ts";
import type { AudioFrame } from "../../base/audio.ts";
import type { Endpointer } from "../endpointer.port.ts";
import type { SmartTurnPaths } from "./models.ts";
import { WorkerPort, workerUrl } from "../../base/worker-port.ts";

/**
 * The open end-of-turn model Smart Turn v3.2 (Daily, BSD-2-Clause) under onnxruntime-web, in one
 * worker thread for all tracks of the process. A judgement takes about 0.1 s of that thread.
 *
 * It judges by the sound of the last 8 s: no words, no language has to be named.
 */
const RATE_HZ = 16_000;
const WINDOW_MS = 8000;

export function openSmartTurn(paths: SmartTurnPaths): Endpointer {
  const port = new WorkerPort(workerUrl("smart-turn.worker", import.meta.url), paths);
  const judge = ({ samples, rateHz }: AudioFrame, signal: AbortSignal): Promise<number> => {
    const latest = samples.slice(-samplesOf(WINDOW_MS, rateHz));
    return port.ask({ samples: latest, rateHz }, { signal, transfer: [latest.buffer] });
  };
  return {
    name: "smart-turn",
    rateHz: RATE_HZ,
    windowMs: WINDOW_MS,
    // The first run is slower than the others too, so readiness means one judgement behind us.
    warm: async () => {
      await judge({ samples: new Int16Array(RATE_HZ), rateHz: RATE_HZ }, neverAborted());
    },
    judge,
    [Symbol.asyncDispose]: () => port[Symbol.asyncDispose](),
  };
}

function neverAborted(): AbortSignal {
  return new AbortController().signal;
}
