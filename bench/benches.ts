import { append } from "./append.ts";
import { appendNats } from "./append-nats.ts";
import { callPace } from "./call-pace.ts";
import { digestSize } from "./digest.ts";
import { hostStep } from "./host-step.ts";
import { ledger } from "./ledger.ts";
import { longCall } from "./long-call.ts";
import { memory } from "./memory.ts";
import { metering } from "./metering.ts";
import { projector } from "./projector.ts";
import { replayCall } from "./replay.ts";
import type { Bench } from "./report.ts";
import { routing } from "./routing.ts";
import { growth, interruption, turn } from "./side-by-side.ts";
import { voicePath } from "./voice-path.ts";

/** Every bench, in the order of the table. */
export const BENCHES: readonly Bench[] = [
  hostStep,
  callPace,
  voicePath,
  append,
  appendNats,
  replayCall,
  digestSize,
  memory,
  routing,
  longCall,
  ledger,
  metering,
  projector,
  turn,
  interruption,
  growth,
];
