import { MEASURES, type DueMeasure } from "../events/budget.events.ts";
import type { TurnSettings } from "../events/settings.events.ts";
import type { EndClass } from "../events/track.events.ts";
import type { RequestedTool, SpeechRange, TurnWords } from "../events/turn.events.ts";

/**
 * What a conversation turn knows, and the small rules its chart reads it by. Features only, never
 * text (C1); JSON only (C6). Times are record ms unless they are a range, which is audio ms.
 */
export interface TurnContext {
  readonly n: number;
  readonly kind: "user" | "agent";
  /** What a user said first, when the turn was opened by words and not by the voice detector. */
  readonly openedAt: number;
  /** What real words do to the turn before: take the floor from its paused answer, cut it without a
   * pause from `echoWords` on, or nothing. */
  readonly contest: "pause" | "echo" | "none";
  readonly previousDone: boolean;
  /** A back-channel now would be an answer: the agent has just asked, or has ended. */
  readonly answerable: boolean;
  /** This turn's answer may be paused and cut by speech. */
  readonly pausable: boolean;
  /** Who answers: an agent's name in this call. */
  readonly agent: string;
  /** Name of the text that covers a wait, or `""`. */
  readonly filler: string;
  /** What a budget of the call asks for. */
  readonly measure: DueMeasure;
  readonly fillers: number;
  readonly settings: TurnSettings;
  /** Tracks that speak now. */
  readonly voices: readonly string[];
  readonly ranges: readonly SpeechRange[];
  /** When the last speech sample of any contributor came in. */
  readonly silentSince: number;
  /** Since when the caller waits for a sound of the agent: for an answer, then for each tool. */
  readonly waitsSince: number;
  readonly words: readonly TurnWords[];
  /** An endpointer's word on the last speech; null while there is none. */
  readonly judged: EndClass | null;
  readonly late: readonly string[];
  readonly mergedFrom: readonly number[];
  readonly sttDown: boolean;
  readonly speculating: boolean;
  readonly speculations: number;
  /** What is said without asking a model: an agent turn's text, the rest of a lost answer. */
  readonly saying: readonly string[] | null;
  /** Requests made so far: makes the key under which one is asked for again. */
  readonly asks: number;
  readonly emptyReplies: number;
  readonly runs: readonly Run[];
  readonly tools: readonly PendingTool[];
  readonly reason: string;
}

/** One effect of an answer that speaks: what it said and how far it was played. */
export interface Run {
  readonly child: "reply" | "filler";
  /** Its first frame is out. */
  readonly started: boolean;
  /** It has ended, however. */
  readonly over: boolean;
  readonly segments: readonly Segment[];
  readonly positionMs: number;
  readonly complete: boolean;
}

export interface Segment {
  readonly ref: string;
  readonly words: number;
  readonly question: boolean;
  /** Length and first word's end in ms; null until its audio is known. */
  readonly ms: number | null;
  readonly firstWordMs: number;
}

interface PendingTool extends RequestedTool {
  /** Asked of the room, and answered by it. */
  readonly asked: boolean;
  readonly done: boolean;
}

export interface TurnInput {
  readonly n: number;
  readonly kind: "user" | "agent";
  readonly contest: TurnContext["contest"];
  readonly previousDone: boolean;
  readonly pausable: boolean;
  readonly saying: readonly string[] | null;
  readonly sttDown: boolean;
  readonly agent: string;
  readonly filler: string;
  readonly measure: DueMeasure;
  readonly settings: TurnSettings;
  readonly at: number;
}

export function newTurn(input: TurnInput): TurnContext {
  return {
    n: input.n,
    kind: input.kind,
    openedAt: input.at,
    contest: input.contest,
    previousDone: input.previousDone,
    answerable: false,
    pausable: input.pausable,
    agent: input.agent,
    filler: input.filler,
    measure: input.measure,
    fillers: 0,
    settings: input.settings,
    voices: [],
    ranges: [],
    silentSince: input.at,
    waitsSince: input.at,
    words: [],
    judged: null,
    late: [],
    mergedFrom: [],
    sttDown: input.sttDown,
    speculating: false,
    speculations: 0,
    saying: input.saying,
    asks: 0,
    emptyReplies: 0,
    runs: [],
    tools: [],
    reason: "",
  };
}

/** From shorter answers on nothing is said that is no answer: no filler, no prompt. */
export function savesWords(measure: DueMeasure): boolean {
  return measure !== "none" && MEASURES.indexOf(measure) >= MEASURES.indexOf("shorterAnswers");
}

const SILENT = { started: false, over: false, segments: [], positionMs: 0, complete: false };
export const NO_RUN: Run = { child: "reply", ...SILENT };
export const NO_FILLER: Run = { child: "filler", ...SILENT };
