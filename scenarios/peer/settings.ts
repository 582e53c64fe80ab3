import type { voice } from "@livekit/agents";

/**
 * How the peer is set. Turn detection is by its voice detector throughout: its turn-detector models
 * and its adaptive interruption need its cloud or its worker's inference process.
 */
export interface PeerSettings {
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
  session: { turnHandling: { turnDetection: "vad" } },
  llmAttemptTimeout: 5,
  maxRetryPerTts: 2,
  closesWhenLeft: true,
  toolFillerMs: undefined,
};

/** The settings that came out best here, of those that answer as soon as ours do. */
export const BEST: PeerSettings = withMinDelay(500);

/** The same with so long a wait at the end of speech that no pause here is taken for an end. */
export const PATIENT: PeerSettings = withMinDelay(1_500);

function withMinDelay(minDelay: number): PeerSettings {
  return {
    session: {
      turnHandling: {
        turnDetection: "vad",
        endpointing: { minDelay },
        // Two words before an answer is cut: a single one lets "uh-huh" cut it.
        interruption: { minDuration: 100, minWords: 2, falseInterruptionTimeout: 600 },
        preemptiveGeneration: { enabled: true, preemptiveTts: true },
      },
      userAwayTimeout: 10,
    },
    llmAttemptTimeout: 3,
    maxRetryPerTts: 0,
    closesWhenLeft: false,
    toolFillerMs: 1_200,
  };
}
