import { tokensIn } from "../base/tokens.ts";
import type {
  ComplexityLevel,
  FrameRule,
  RoutingSettings,
  TurnRule,
} from "../events/routing.events.ts";
import { complexityWords, type ComplexityWords } from "./complexity-words.ts";
import { wordsOf } from "./features.ts";
import type { HistoryMessage } from "./history.ts";

/**
 * How much a request asks of a model, by written rules. Pure: the same input has the same level.
 * The first rule that fits is the one that is told; docs/routing.md lists them.
 */
export interface TurnToJudge {
  /** The caller's words of this turn. */
  readonly text: string;
  /** The caller's words before these, and whether they had an answer. */
  readonly before: string;
  readonly answered: boolean;
  readonly contextTokens: number;
  readonly tools: readonly { readonly name: string; readonly description: string }[];
  readonly language: string;
  /** Who asks may say it; this wins. */
  readonly level?: ComplexityLevel;
}

export interface FrameToJudge {
  /** It is here because its time has come, and for no other reason. */
  readonly periodic: boolean;
  /** The caller asks about the screen in this turn. */
  readonly asked: boolean;
  readonly denseText?: boolean;
  readonly code?: boolean;
  readonly table?: boolean;
  readonly chart?: boolean;
  /** How much of it differs from the last frame that was described: 0 to 1. */
  readonly change: number;
  readonly level?: ComplexityLevel;
}

export interface Judged<Rule extends string> {
  readonly level: ComplexityLevel;
  readonly rule: Rule;
}

type Test = (turn: TurnToJudge, settings: RoutingSettings, words: ComplexityWords) => boolean;

/** What makes a turn complex, in the order it is looked at. */
const COMPLEX: Readonly<Record<RoutingSettings["off"][number], Test>> = {
  long: ({ text }, { longWords }) => wordsOf(text).length > longWords,
  rejected: (turn, settings, words) =>
    turn.answered && (holds(turn.text, words.rejecting) || isRepeated(turn, settings)),
  wording: ({ text }, { wording }, words) =>
    holds(text, [...words.complex, ...wording], words.idle),
  questions: ({ text }, { questions }, words) => questionsOf(text, words) >= questions,
  tool: ({ text, tools }, { toolWords }, words) =>
    tools.some((tool) => sharedWords(text, tool, words) >= toolWords),
  context: ({ contextTokens }, settings) => contextTokens > settings.contextTokens,
};

export function judgeTurn(turn: TurnToJudge, settings: RoutingSettings): Judged<TurnRule> {
  const explicit = turn.level ?? settings.level;
  if (explicit) return { level: explicit, rule: "explicit" };
  const words = complexityWords(turn.language);
  for (const [name, test] of Object.entries(COMPLEX) as [keyof typeof COMPLEX, Test][])
    if (!settings.off.includes(name) && test(turn, settings, words))
      return { level: "complex", rule: name };
  return wordsOf(turn.text).length <= settings.shortWords
    ? { level: "simple", rule: "short" }
    : { level: "moderate", rule: "rest" };
}

export function judgeFrame(
  frame: FrameToJudge,
  { frameChange }: Pick<RoutingSettings, "frameChange">,
): Judged<FrameRule> {
  if (frame.level) return { level: frame.level, rule: "explicit" };
  if (frame.periodic) return { level: "simple", rule: "periodic" };
  if (frame.asked) return { level: "complex", rule: "asked" };
  if (frame.denseText || frame.code || frame.table || frame.chart)
    return { level: "complex", rule: "content" };
  if (frame.change > frameChange) return { level: "complex", rule: "change" };
  return { level: "simple", rule: "plain" };
}

/** What is known of a turn from the messages of its request, which end in its words. */
export function turnOf(
  messages: readonly HistoryMessage[],
): Pick<TurnToJudge, "text" | "before" | "answered" | "contextTokens"> {
  const last = messages.findLastIndex(({ role }) => role === "user");
  const earlier = messages.slice(0, Math.max(0, last));
  const before = earlier.findLast(({ role }) => role === "user");
  return {
    text: textOf(messages[last]),
    before: textOf(before),
    answered: earlier.some(({ role }) => role === "assistant"),
    contextTokens: tokensIn(messages.map(textOf).join(" ").length),
  };
}

function textOf(message: HistoryMessage | undefined): string {
  if (!message) return "";
  return message.role === "tool" ? JSON.stringify(message.output) : message.text;
}

function holds(text: string, wanted: readonly string[], idle: readonly string[] = []): boolean {
  const said = idle.reduce(without, wordsOf(text));
  return wanted.some((phrase) => findPhrase(said, phrase) >= 0);
}

function without(said: readonly string[], phrase: string): readonly string[] {
  const at = findPhrase(said, phrase);
  return at < 0 ? said : said.toSpliced(at, phrase.split(" ").length);
}

function findPhrase(said: readonly string[], phrase: string): number {
  const parts = phrase.toLowerCase().split(" ");
  return said.findIndex((_, at) => parts.every((part, i) => fits(said[at + i], part)));
}

function fits(word: string | undefined, part: string): boolean {
  return part.endsWith("*") ? !!word?.startsWith(part.slice(0, -1)) : word === part;
}

/** The same words once more, and enough of them to be no mere yes. */
function isRepeated({ text, before }: TurnToJudge, { repeated }: RoutingSettings): boolean {
  const [now, then] = [new Set(wordsOf(text)), new Set(wordsOf(before))];
  if (now.size < REPEATED_WORDS_MIN) return false;
  return now.intersection(then).size / now.union(then).size >= repeated;
}
const REPEATED_WORDS_MIN = 4;

/** By question marks, and where one sentence asks several things by the words that ask. */
function questionsOf(text: string, { asking, tags, joining }: ComplexityWords): number {
  const sentences = text.split(/(?<=[.?!])\s+/).map((part) => ({ part, said: wordsOf(part) }));
  return sentences.reduce((sum, { part, said }) => {
    if (said.every((word) => tags.includes(word))) return sum;
    const asks = said.filter(
      (word, i) =>
        asking.includes(word) &&
        (i === 0 || joining.includes(said[i - 1]!) || isAfterComma(part, i)),
    ).length;
    const isQuestion = part.trimEnd().endsWith("?");
    return sum + (isQuestion ? Math.max(1, asks) : asks > 1 ? asks : 0);
  }, 0);
}

/** Whether a comma stands before the word of this index. */
function isAfterComma(part: string, index: number): boolean {
  const before = part.split(",").map((piece) => wordsOf(piece).length);
  let words = 0;
  return before.slice(0, -1).some((length) => (words += length) === index);
}

/** Different words of a turn that a tool is named or described by, as far as their beginnings. */
function sharedWords(
  text: string,
  { name, description }: TurnToJudge["tools"][number],
  { common }: ComplexityWords,
): number {
  const stems = (all: string): ReadonlySet<string> =>
    new Set(
      wordsOf(all)
        .filter((word) => word.length >= STEM_CHARS && !common.includes(word))
        .map((word) => word.slice(0, STEM_CHARS)),
    );
  const own = stems(`${name.replaceAll(/(?=[A-Z])|[_-]/g, " ")} ${description}`);
  return stems(text).intersection(own).size;
}
/** "Books", "booked" and "booking" are one word. */
const STEM_CHARS = 4;
