import { wordsOf } from "../src/folds/features.ts";
import type { Message } from "./answers.ts";
import type { Outcome } from "./outcome.ts";
import { ANSWER, WORD_MS, type Scenario, type Spoken } from "./scenario.ts";
import { repliesIn, type HeardReply, type Piece } from "./word-book.ts";

/**
 * What a caller would hold against an agent, counted the same way for every side from what left its
 * speaker, what its model was asked and what it remembers. Zero is good.
 */
export interface Scores {
  /** The caller was spoken into, or an answer that nobody cut broke off. */
  readonly falseCutOffs: number;
  /** Words the caller said that no request has, or that the last one has twice. */
  readonly lostWords: number;
  /** Answers more than were asked for, of which a word was heard. */
  readonly doubleReplies: number;
  /** Silences of more than 2 s while the caller waits. */
  readonly deadAir: number;
  /** Words remembered as said that were not heard, or the other way, beyond one for each cut. */
  readonly wrongHeard: number;
  /** Answers that never came, and whatever does not end. */
  readonly stuck: number;
}

export const SCORE_NAMES = [
  "falseCutOffs",
  "lostWords",
  "doubleReplies",
  "deadAir",
  "wrongHeard",
  "stuck",
] as const satisfies readonly (keyof Scores)[];

const DEAD_AIR_MS = 2_000;

export function scoresOf(scenario: Scenario, outcome: Outcome): Scores {
  const { replies: expected, full, mayBegin = expected } = scenario.expect;
  const { sound } = outcome;
  const replies = repliesIn(sound, outcome.book);
  const broken = replies.filter((reply) => !reply.full).length;
  const missing = Math.max(0, expected - replies.length);
  return {
    // An answer that spoke into the caller and then broke off is one fault, not two.
    falseCutOffs: Math.max(spokenInto(scenario, sound), broken - (mayBegin - full)),
    lostWords: lostWords(scenario, outcome),
    doubleReplies: Math.max(0, replies.length - mayBegin),
    deadAir: deadAir(scenario, sound),
    wrongHeard: wrongHeard(replies, outcome.history),
    stuck: missing + outcome.faults.length,
  };
}

/**
 * Ms from the end of the last words that ask for something to the next word of the agent's that is
 * heard; what is cut within half a word is none.
 */
export function answerAfterMs({ says }: Scenario, { sound }: Outcome): number | undefined {
  const last = says.findLast(isAsking);
  if (!last) return undefined;
  const end = last.at + last.ms;
  const next = sound.find(({ at, ms }) => at >= end && ms >= WORD_MS / 2);
  return next && Math.round(next.at - end);
}

function isAsking({ text, backchannel }: Spoken): boolean {
  return text !== "" && backchannel !== true;
}

function spokenInto({ says, expect }: Scenario, sound: readonly Piece[]): number {
  return (expect.thoughts ?? []).filter((thought) => {
    const first = says[thought[0]!]!;
    const last = says[thought.at(-1)!]!;
    return sound.some(({ at }) => at > first.at && at < last.at + last.ms);
  }).length;
}

/** Words no request has, and words the last one has more often than they were said. */
function lostWords({ says }: Scenario, { asked }: Outcome): number {
  const said = countsOf(says.filter(isAsking).map(({ text }) => text));
  const requests = asked.map(({ messages }) =>
    countsOf(messages.filter(({ role }) => role === "user").map(({ text }) => text)),
  );
  return [...said].reduce((sum, [word, count]) => {
    const most = Math.max(0, ...requests.map((request) => request.get(word) ?? 0));
    const last = requests.at(-1)?.get(word) ?? 0;
    return sum + Math.max(0, count - most) + Math.max(0, last - count);
  }, 0);
}

function countsOf(texts: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of texts.flatMap((text) => wordsOf(text)))
    counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function deadAir({ says, leaves, endMs }: Scenario, sound: readonly Piece[]): number {
  return says.filter(({ at, ms }) => {
    const end = at + ms;
    const speaks = sound.some((piece) => piece.at <= end && piece.at + piece.ms > end);
    if (speaks) return false;
    const events = [...sound, ...says].map((one) => one.at);
    const after = [...events, leaves?.at ?? endMs, endMs].filter((ms) => ms >= end);
    return Math.min(...after) - end > DEAD_AIR_MS;
  }).length;
}

const ANSWER_WORDS = wordsOf(ANSWER);

/** By the words of answers alone, as fillers and prompts are remembered in many ways. */
function wrongHeard(replies: readonly HeardReply[], history: readonly Message[]): number {
  const isAnswers = (word: string): boolean => ANSWER_WORDS.includes(word);
  const played = replies.flatMap((reply) => wordsOf(reply.words.join(" ")));
  const remembered = history
    .filter(({ role }) => role === "assistant")
    .flatMap(({ text }) => wordsOf(text))
    .filter(isAnswers);
  const allowed = replies.filter(({ full }) => !full).length;
  const off = differenceOf(played, remembered);
  return off <= allowed ? 0 : off;
}

/** Words that only one of the two has, counted. */
function differenceOf(some: readonly string[], others: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const word of some) counts.set(word, (counts.get(word) ?? 0) + 1);
  for (const word of others) counts.set(word, (counts.get(word) ?? 0) - 1);
  return [...counts.values()].reduce((sum, count) => sum + Math.abs(count), 0);
}
