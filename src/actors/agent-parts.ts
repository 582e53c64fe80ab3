import type { Json } from "../events/record.ts";
import type { TurnStatus } from "../events/turn.events.ts";
import type { HistoryMessage } from "../folds/history.ts";
import type { Routing } from "../folds/routes.ts";
import type { Llm } from "../providers/llm.port.ts";
import type { Tool } from "../providers/tool.port.ts";
import type { Tts } from "../providers/tts.port.ts";

/** What an agent's effects run with; its words and settings stand in the log instead. */
export interface AgentParts {
  /** In the order they are tried within one answer; one at least. */
  readonly models: readonly Llm[];
  /** Which of them a turn is put to first, where that follows from its words. */
  readonly routing?: Routing<Llm>;
  readonly voices: readonly Voice[];
  readonly tools: readonly Tool[];
  readonly hooks: Hooks;
}

export interface Voice {
  readonly tts: Tts;
  /** One of `tts.voices`. */
  readonly name: string;
}

/** User code at fixed places of a turn: run as an effect, its result recorded, never replayed. */
export interface Hooks {
  /**
   * Before each request of an answer: what it returns is given to the model beside the caller's
   * words (retrieval). Runs for speculative requests too, so it must only read.
   */
  beforeReply?(turn: BeforeReply, context: HookContext): Given<string>;
  /** After each answered turn of a caller; what it returns stands in the log. */
  afterTurn?(turn: AfterTurn, context: HookContext): Given<Json>;
}

/** At once or later; nothing is fine too. */
type Given<T> = T | undefined | void | Promise<T | undefined | void>;

export interface HookContext {
  /** Stable over retries and takeovers: an idempotency key. */
  readonly key: string;
  readonly signal: AbortSignal;
}

export interface BeforeReply {
  readonly turn: number;
  /** The caller's words of this turn. */
  readonly text: string;
  readonly messages: readonly HistoryMessage[];
}

export interface AfterTurn {
  readonly turn: number;
  readonly status: TurnStatus;
  readonly userText: string;
  /** All the agent sent, and what of it was heard. */
  readonly agentText: string;
  readonly heardText: string;
}

/** Parts by the agent's name in the call; `""` is the one the call began with. */
export type PartsOf = (agent: string) => AgentParts;
