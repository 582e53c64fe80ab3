import type { TurnSettings } from "../events/settings.events.ts";
import type { EndClass } from "../events/track.events.ts";
import type {
  Merged,
  RequestedTool,
  SpeechRange,
  TurnEnded,
  TurnWords,
  UserJudged,
} from "../events/turn.events.ts";

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

interface Segment {
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
  readonly settings: TurnSettings;
  readonly at: number;
}

const SILENT = { started: false, over: false, segments: [], positionMs: 0, complete: false };
export const NO_RUN: Run = { child: "reply", ...SILENT };
export const NO_FILLER: Run = { child: "filler", ...SILENT };

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

/** Words that mean something to the turn: neither a back-channel nor the agent's own echo. */
export function isReal(words: TurnWords, { settings, answerable }: TurnContext): boolean {
  if (words.echo || words.stable < settings.interruption.minWords) return false;
  return answerable || !words.backchannel;
}

/** Stable real words of the whole turn. */
export function realWords(context: TurnContext): number {
  return context.words.reduce((sum, w) => sum + (isReal(w, context) ? w.stable : 0), 0);
}

/** Words of any kind but echo; what a turn can be answered for. */
export function spokenWords(context: TurnContext): number {
  return context.words.reduce((sum, w) => sum + (w.echo ? 0 : w.words), 0);
}

/**
 * A range is settled once a final of its track reaches its end, within the VAD's own slack; one
 * that is over without a word, as a cough is, asks for none.
 */
export function isSettled(context: TurnContext): boolean {
  const { ranges, words } = context;
  return (
    ranges.every(
      (range) =>
        range.to !== null &&
        (isWordless(context, range) ||
          words.some((w) => w.final && w.to >= range.to! - 400 && isOf(w, range))),
    ) && words.every((w) => w.final)
  );
}

function isOf(words: TurnWords, { sid, from }: SpeechRange): boolean {
  return words.sid === sid && words.to > from;
}

/** Speech that is over and of which nobody has made out a word. */
function isWordless({ words }: TurnContext, range: SpeechRange): boolean {
  return range.to !== null && !words.some((w) => isOf(w, range));
}

/**
 * How finished the whole turn sounds; unsettled counts as unclear. Who listens to the voice knows
 * better than the words do, but for digits, which sound the same in the middle of a number.
 */
export function endClass(context: TurnContext): EndClass {
  const last = context.words.filter((w) => !w.echo).at(-1);
  if (!last || !isSettled(context)) return "unclear";
  return last.class === "digits" ? "digits" : (context.judged ?? last.class);
}

/** Somebody who was judged to have finished by `to` has spoken on since. */
export function hasGoneOn({ ranges }: TurnContext, { sid, to }: UserJudged): boolean {
  return ranges.some((range) => range.sid === sid && range.from >= to);
}

export function endDelay(context: TurnContext): number {
  const { minDelay, unclearDelay, digitsDelay, maxDelay } = context.settings.endpointing;
  const delays = {
    complete: minDelay,
    unclear: unclearDelay,
    digits: digitsDelay,
    hanging: maxDelay,
    ended: 0,
  };
  // Words of a sound that may be none get the time they get over an answer.
  const last = context.ranges.at(-1);
  const { resumeAfter } = context.settings.interruption;
  const least = last && isWordless(context, last) ? resumeAfter : 0;
  return Math.max(least, delays[endClass(context)]);
}

/** Rest of a delay that counts from the end of speech, so that detector latency is never added. */
export function restOf(
  delayMs: number,
  context: TurnContext,
  at: number = context.silentSince,
): number {
  return Math.max(0, delayMs - Math.max(0, at - context.silentSince));
}

/**
 * Rest of a wait that is to be covered; a pause within it does not begin it anew. What opens an
 * actor has no time of its own.
 */
export function restOfWait(
  delayMs: number,
  { waitsSince }: TurnContext,
  at: number = waitsSince,
): number {
  return Math.max(0, delayMs - (at - waitsSince));
}

/**
 * Adds words or replaces those they stand for; audio order, whatever the order of arrival (T21).
 */
export function takeWords(words: readonly TurnWords[], next: TurnWords): readonly TurnWords[] {
  const old = words.filter((w) => tellsSame(w, next));
  if (!next.final && old.some((w) => w.final)) return words;
  const rest = words.filter((w) => !old.includes(w));
  const after = rest.findIndex((w) => w.from > next.from);
  return after < 0 ? [...rest, next] : [...rest.slice(0, after), next, ...rest.slice(after)];
}

/** Words that come after their turn has asked: what it has of them is set right, more is late. */
export function takeLate({ words, late }: TurnContext, next: TurnWords): Partial<TurnContext> {
  if (words.some((w) => tellsSame(w, next))) return { words: takeWords(words, next) };
  if (!next.final || next.echo) return {};
  return { late: [...late.filter((ref) => ref !== next.ref), next.ref] };
}

function tellsSame(old: TurnWords, next: TurnWords): boolean {
  return old.ref === next.ref || (old.final && next.final && overlaps(old, next));
}

type Span = Pick<TurnWords, "sid" | "from" | "to">;

/** The same speech told twice, as after a resend: 80 % of the shorter range. */
export function overlaps(a: Span, b: Span): boolean {
  if (a.sid !== b.sid) return false;
  const shared = Math.min(a.to, b.to) - Math.max(a.from, b.from);
  const shorter = Math.min(a.to - a.from, b.to - b.from);
  return shorter > 0 && shared / shorter >= 0.8;
}

/** New or changed words make a running speculation stale. */
export function changesRequest(context: TurnContext, next: TurnWords): boolean {
  const old = context.words.find((w) => w.ref === next.ref);
  return !old || next.changed || next.words !== old.words;
}

/** 3e: while the user may still go on; not for words that clearly want more. */
export function maySpeculate(context: TurnContext): boolean {
  const { enabled, maxAttempts, maxSpeech } = context.settings.speculation;
  const first = context.ranges[0]?.from ?? 0;
  const spoken = (context.ranges.at(-1)?.to ?? first) - first;
  return (
    enabled &&
    !context.speculating &&
    context.previousDone &&
    context.speculations < maxAttempts &&
    spoken <= maxSpeech &&
    spokenWords(context) > 0 &&
    isSettled(context) &&
    endClass(context) !== "hanging"
  );
}

export function closeRange(
  ranges: readonly SpeechRange[],
  end: SpeechRange,
): readonly SpeechRange[] {
  const open = ranges.some((r) => r.sid === end.sid && r.to === null);
  if (!open) return [...ranges, end];
  return ranges.map((r) => (r.sid === end.sid && r.to === null ? { ...r, to: end.to } : r));
}

/** Audio ms of one run's segments up to `index`. */
function startOf(run: Run, index: number): number {
  return run.segments.slice(0, index).reduce((sum, s) => sum + (s.ms ?? 0), 0);
}

/** Whether one word at least was heard: half of the first word of the first sentence. */
export function anyHeard({ runs }: Pick<TurnContext, "runs">): boolean {
  return runs.some((run) => {
    const first = run.segments[0];
    return run.complete
      ? run.segments.length > 0
      : first !== undefined &&
          first.ms !== null &&
          run.positionMs > 0 &&
          run.positionMs >= first.firstWordMs;
  });
}

/** Something of the answer itself was heard, and not only what covered a wait. */
export function hasAnswered({ runs }: Pick<TurnContext, "runs">): boolean {
  return anyHeard({ runs: runs.filter((run) => run.child === "reply") });
}

export function spokenMs({ runs }: Pick<TurnContext, "runs">): number {
  return runs.reduce((sum, run) => sum + run.positionMs, 0);
}

/** Sound may still come or is coming: something was said and is not yet played out. */
export function hasSegments({ runs }: TurnContext): boolean {
  return (lastRun(runs)?.segments.length ?? 0) > 0;
}

function lastRun(runs: readonly Run[], child: Run["child"] = "reply"): Run | undefined {
  return runs.findLast((run) => run.child === child);
}

/** Effects of this turn that speak or may yet speak. */
export function liveRuns({ runs }: Pick<TurnContext, "runs">): number {
  return runs.filter((run) => !run.over).length;
}

/** Its owner died with it. */
export function isLost({ runs }: TurnContext): boolean {
  const run = lastRun(runs);
  return run?.over === true && !run.complete;
}

/** A filler is heard; what was stopped before its first sound is not. */
export function fillerRuns({ runs }: TurnContext): boolean {
  const filler = lastRun(runs, "filler");
  return filler !== undefined && filler.started && !filler.over;
}

export function replyIsOver({ runs }: TurnContext): boolean {
  return lastRun(runs)?.over === true;
}

/** A filler that has made no sound yet: what it was to cover is over. */
export function fillerIsSilent({ runs }: TurnContext): boolean {
  const filler = lastRun(runs, "filler");
  return filler !== undefined && !filler.over && !filler.started;
}

/**
 * What is said over a wait: once while nothing was said, and over each slow tool that brings words
 * of its own. Names a text; `""` for nothing.
 */
export function fillerFor(context: TurnContext): string {
  if (context.saying !== null) return "";
  const slow = context.tools.find((tool) => !tool.done && tool.sayWhile !== "");
  if (slow) return slow.sayWhile;
  return context.runs.some((run) => run.segments.length > 0) ? "" : context.filler;
}

export function mayFill(context: TurnContext): boolean {
  const filler = lastRun(context.runs, "filler");
  return fillerFor(context) !== "" && (filler === undefined || filler.over);
}

/** 3d: the segment now playing asks, or at most `boundary` ms of speech is left. */
export function isAnswerable(context: TurnContext): boolean {
  const run = lastRun(context.runs);
  if (!run || run.segments.length === 0) return false;
  const playing = run.segments.findIndex(
    (s, i) => startOf(run, i) + (s.ms ?? Infinity) > run.positionMs,
  );
  const segment = run.segments[playing < 0 ? run.segments.length - 1 : playing];
  const left = startOf(run, run.segments.length) - run.positionMs;
  const known = run.segments.every((s) => s.ms !== null);
  return segment?.question === true || (known && left <= context.settings.backchannel.boundary);
}

/** Sentences of the lost run from the cut one on: said again, at most that one twice (L5). */
export function unheardRefs({ runs }: TurnContext): readonly string[] {
  const run = lastRun(runs) ?? NO_RUN;
  const ends = run.segments.map((s, i) => (s.ms === null ? Infinity : startOf(run, i) + s.ms));
  return run.segments.filter((_, i) => ends[i]! > run.positionMs).map((s) => s.ref);
}

/** Replaces the run of this child that goes on now. */
export function withRun(
  runs: readonly Run[],
  change: (run: Run) => Run,
  child: Run["child"] = "reply",
): readonly Run[] {
  const last = lastRun(runs, child);
  return runs.map((run) => (run === last ? change(run) : run));
}

/** Words that go to the next turn when nothing of this one's answer was heard. */
export function mergeOf(context: TurnContext): Merged | null {
  return context.reason === "floor taken" && context.kind === "user" && !anyHeard(context)
    ? { from: context.n, words: context.words }
    : null;
}

/**
 * The fact a turn leaves. Echo is nobody's; back-channels of an abandoned turn are asides, and so
 * are words that were unsure to the end, which their final may yet bring to another turn.
 */
export function endedFact(context: TurnContext, status: TurnEnded["status"]): TurnEnded {
  const { minWords } = context.settings.interruption;
  const isUnsure = (w: TurnWords): boolean => !w.final && w.stable < minWords;
  const asides = context.words.filter(
    (w) => w.echo || (status === "abandoned" && (w.backchannel || isUnsure(w))),
  );
  return {
    type: "turn.ended",
    n: context.n,
    kind: context.kind,
    status,
    reason: context.reason,
    refs: context.words.filter((w) => !asides.includes(w)).map((w) => w.ref),
    asides: asides.map((w) => w.ref),
    late: [...context.late],
    mergedInto: status === "abandoned" && mergeOf(context) ? context.n + 1 : null,
    runs: context.runs.map((run) => ({
      segments: run.segments.map((s) => s.ref),
      heardMs: run.positionMs,
      complete: run.complete,
    })),
  };
}
