import type { voice } from "@livekit/agents";

/**
 * How the peer is set. Turn detection is by its voice detector in both: its turn-detector models
 * and its adaptive interruption need its cloud or its worker's inference process.
 */
export interface PeerSettings {
  readonly name: "defaults" | "best";
  readonly session: Omit<voice.AgentSessionOptions, "stt" | "llm" | "tts" | "vad">;
  /** Seconds a model may be silent before the next one is tried. */
  readonly llmAttemptTimeout: number;
  readonly maxRetryPerTts: number;
  /** `closeOnDisconnect` of its room input. */
  readonly closesWhenLeft: boolean;
  /** Ms after which its tools say what they do; by `RunContext.filler`, which nobody has to use. */
  readonly toolFillerMs: number | undefined;
}

export const DEFAULTS: PeerSettings = {
  name: "defaults",
  session: { turnHandling: { turnDetection: "vad" } },
  llmAttemptTimeout: 5,
  maxRetryPerTts: 2,
  closesWhenLeft: true,
  toolFillerMs: undefined,
};

export const BEST: PeerSettings = {
  name: "best",
  session: {
    turnHandling: {
      turnDetection: "vad",
      endpointing: { mode: "dynamic", minDelay: 500, maxDelay: 3_000 },
      interruption: {
        mode: "vad",
        minDuration: 100,
        minWords: 2,
        falseInterruptionTimeout: 600,
        resumeFalseInterruption: true,
      },
      preemptiveGeneration: { enabled: true, preemptiveTts: true },
    },
    userAwayTimeout: 10,
  },
  llmAttemptTimeout: 3,
  maxRetryPerTts: 0,
  closesWhenLeft: false,
  toolFillerMs: 1_200,
};
