import { TurnSettings } from "../../../src/events/settings.events.ts";
import { featuresOf, type Features } from "../../../src/folds/features.ts";

/** What is said in the runs, with the features the edge computes from it. */
export interface Phrase {
  readonly text: string;
  readonly features: Features;
}

/** As the edge of a call with these settings computes them. */
export function featuresWith(
  text: string,
  { language, backchannel, endpointing }: TurnSettings,
): Features {
  return featuresOf(text, {
    lang: language,
    before: "",
    agent: [],
    backchannelMax: backchannel.maxWords,
    endpointer: endpointing.endpointer,
  });
}

const DEFAULTS = TurnSettings.parse({});
const phrase = (text: string): Phrase => ({ text, features: featuresWith(text, DEFAULTS) });

export const PHRASES: readonly Phrase[] = [
  "What are your opening hours?",
  "I want to book",
  "a table for",
  "five five five",
  "No, I mean Sunday.",
  "stop",
  "and then",
  "My number is seven.",
].map(phrase);
export const BACKCHANNELS: readonly Phrase[] = ["uh-huh", "yeah", "mm-hmm okay"].map(phrase);
export const NOTHING = phrase("");

export const SENTENCES: readonly string[] = [
  "We are open from nine to five.",
  "Would you like a table?",
  "All right.",
  "One moment please, I look into the book of tables.",
];

/** Names of the tools that a request offers. */
export const TOOLS: readonly string[] = ["look", "book", "charge"];

/** Begins each sentence of an agent, so that it is known wherever it stands. */
export const markOf = (n: number): string => `S${n}E`;
export const MARKS = /\bS\d+E\b/g;
