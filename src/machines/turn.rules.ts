import type { EndClass } from "../events/track.events.ts";
import type {
  Merged,
  SpeechRange,
  TurnEnded,
  TurnWords,
  UserJudged,
} from "../events/turn.events.ts";
import { atLeast, is, saysYes, type Choice } from "./choice.ts";
import { anyHeard } from "./turn-runs.rules.ts";
import type { TurnContext } from "./turn-context.ts";

/** The small rules a conversation turn's chart reads its context by. */

/**
 * Words that mean something to the turn (I2): not the agent's own, sure enough, and no mere nod.
 */
export function realness(words: TurnWords, { settings, answerable }: TurnContext): Choice {
  return [
    is("echo", words.echo, false),
    atLeast("sure words", words.stable, settings.interruption.minWords),
    is("a mere nod", words.backchannel && !answerable, false),
  ];
}

/** Stable real words of the whole turn. */
export function realWords(context: TurnContext): number {
  return context.words.reduce((sum, w) => sum + (saysYes(realness(w, context)) ? w.stable : 0), 0);
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
  return !old || next.changed || next.words !== old.words || next.echo !== old.echo;
}

/** From the first sign of speech to the last, in audio ms. */
export function speechMs({ ranges }: TurnContext): number {
  const first = ranges[0]?.from ?? 0;
  return (ranges.at(-1)?.to ?? first) - first;
}

export function closeRange(
  ranges: readonly SpeechRange[],
  end: SpeechRange,
): readonly SpeechRange[] {
  const open = ranges.some((r) => r.sid === end.sid && r.to === null);
  if (!open) return [...ranges, end];
  return ranges.map((r) => (r.sid === end.sid && r.to === null ? { ...r, to: end.to } : r));
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
