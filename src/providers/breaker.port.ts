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
