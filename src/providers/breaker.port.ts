/** What is failed by one fault: a model of a provider, for one service. */
export interface Guarded {
  readonly service: "stt" | "llm" | "tts" | "vision" | "embedding";
  readonly provider: string;
  readonly model: string;
}

/** `failed` is the provider's fault; `void`: stopped by us, or refused for what was asked. */
export type Ended = "ok" | "failed" | "void";

/** Leave to ask once; it must be ended, and only its first end counts. */
export interface Pass {
  end(how: Ended): void;
}

/** Knows who is not to be asked for now. */
export interface Guard {
  /** Undefined where it must not be asked. */
  enter(guarded: Guarded): Pass | undefined;
}

export type BreakerState = "closed" | "open" | "half-open";

export interface BreakerView extends Guarded {
  readonly state: BreakerState;
  /** When it came to this, ms since the Unix epoch. */
  readonly since: number;
}

/** How all that were asked so far stand. */
export interface BreakerBoard {
  states(): readonly BreakerView[];
  /** Each change, once; returns how to be told no more. */
  onChange(listener: (view: BreakerView) => void): () => void;
}

/** Those that are not asked as usual: one that is half-open is tried by one request at a time. */
export function openOf(board: Pick<BreakerBoard, "states">): readonly BreakerView[] {
  return board.states().filter(({ state }) => state !== "closed");
}
