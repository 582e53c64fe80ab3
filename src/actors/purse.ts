import type { LogRecord, StoredInput } from "../events/record.ts";
import type { Measure } from "../events/budget.events.ts";
import type { Llm } from "../providers/llm.port.ts";
import type { Tts } from "../providers/tts.port.ts";

/** A request to a model, before it goes out. */
export interface ModelAsk {
  readonly effect: string;
  readonly turn: number;
  readonly model: Llm;
  /** Of those that may say its answer. */
  readonly voices: readonly Tts[];
  readonly inputTokens: number;
  readonly measure: Measure | undefined;
}

/** A sentence, before a voice is given it. */
export interface SpeechAsk {
  readonly effect: string;
  readonly turn: number;
  readonly voices: readonly Tts[];
  readonly characters: number;
  /** A text of the agent's own: what it ends the call with is said whatever it costs. */
  readonly isFixed: boolean;
}

/**
 * What the effects of a call ask before they let something out that costs. Where no budget bounds
 * the call everything is let out.
 */
export interface Purse {
  /**
   * Holds the worst case of a request. Gives how many tokens its answer may have at most,
   * undefined where nothing bounds it. Error `budget.spent`.
   */
  admitModel(ask: ModelAsk): Promise<number | undefined>;
  /** Holds the worst case of a sentence. False where it must not be said. */
  admitSpeech(ask: SpeechAsk): Promise<boolean>;
  /** The same models, those that cost least first. */
  cheapestFirst(models: readonly Llm[]): readonly Llm[];
}

/** The purse of a running call; disposed when the call is no longer this process's. */
export interface CallPurse extends Purse, Disposable {
  /** Each record of the call that its log has acknowledged, in order. */
  apply(record: LogRecord): void;
}

/** Puts an input to the call. */
export type OfferInput = (input: StoredInput) => Promise<unknown>;
