/**
 * A scenario: what a caller says and does, how the providers behave, and what must come of it. All
 * times are ms since the onset of the first utterance; a greeting of four seconds has ended 2 s
 * before.
 */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly says: readonly Spoken[];
  /** The caller's leaving, and coming back. */
  readonly leaves?: { readonly at: number; readonly backAt?: number };
  readonly providers: Behaviour;
  /** How long the call is watched. */
  readonly endMs: number;
  readonly expect: Expectation;
}

export interface Spoken {
  readonly at: number;
  readonly ms: number;
  /** What speech-to-text understands; nothing for a noise. */
  readonly text: string;
  /** What is really said, where that is another thing. */
  readonly sound?: string;
  /** A sign of listening: it asks for no answer. */
  readonly backchannel?: true;
  readonly interims?: readonly { readonly afterMs: number; readonly text: string }[];
  /** From the end of speech to the final words; default 300. */
  readonly finalAfterMs?: number;
  /** When, after the onset, the stream of speech-to-text breaks and when it is back. */
  readonly drop?: { readonly downAfterMs: number; readonly upAfterMs: number };
}

/** How the fakes behave, the same for whoever is measured. */
export interface Behaviour {
  /** Request to first words; default 300. */
  readonly firstTokenMs?: number;
  /** The first model in order never says anything; another is there. */
  readonly firstModelSilent?: true;
  /** The first voice breaks after so much sound of an answer; another is there. */
  readonly firstVoiceDiesAtMs?: number;
  /** The answer to the first utterance is a tool call. */
  readonly tool?: ToolBehaviour;
}

export interface ToolBehaviour {
  readonly name: string;
  readonly write: boolean;
  readonly ms: number;
  readonly sayWhile: string;
}

export interface Expectation {
  /**
   * Lines of `<ms> <what>`, in order; exact to 1 ms on virtual time. On real sound 60 ms are
   * allowed, and 150 where `~` says that the detector's or the recognizer's hearing decides.
   */
  readonly timeline: string;
  /** Requests that went out, the thrown away ones too. */
  readonly requests: number;
  /** Answers of which a word was heard, and those heard to the end. */
  readonly replies: number;
  readonly full: number;
  /** Answers that may begin, where that is more: to the first of two questions, of a result. */
  readonly mayBegin?: number;
  /** Utterances that are one thought: whoever speaks between them cuts the caller off. */
  readonly thoughts?: readonly (readonly number[])[];
  /** What the last request must hold. */
  readonly lastRequest?: readonly string[];
  /** What a request, counted from 0, must hold. */
  readonly requestHolds?: readonly { readonly index: number; readonly part: string }[];
  /** Where this differs from the facts first written down, and why. */
  readonly differs?: string;
}

export const WORD_MS = 400;
export const FIRST_TOKEN_MS = 300;
export const FIRST_AUDIO_MS = 100;
export const FINAL_AFTER_MS = 300;
export const INTERIM_AFTER_MS = 300;

/** Ten words: four seconds, after which the echo guard is over. */
export const GREETING = "Hello and welcome to our small house by the river.";
/** Fifteen words in three sentences: six seconds. No question, no word that the caller says. */
export const ANSWER =
  "Doors open early each morning. Dinner runs late every evening. Fridays stay quite busy here.";
export const FILLER = "One moment.";
export const AWAY = "Are you still there?";
export const FAREWELL = "Goodbye.";
export const INSTRUCTIONS = "You are kind and brief.";

/** The opening of the call to the onset of the first utterance. */
export const ZERO_MS = 6_100;

export function wordsIn(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

export function interimsOf({ text, interims }: Spoken): NonNullable<Spoken["interims"]> {
  if (interims) return interims;
  const words = wordsIn(text);
  const half = words.slice(0, Math.ceil(words.length / 2)).join(" ");
  return words.length === 0 ? [] : [{ afterMs: INTERIM_AFTER_MS, text: half }];
}
