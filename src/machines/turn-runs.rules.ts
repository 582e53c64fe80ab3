import type { EndEvent } from "../events/effect.events.ts";
import type { RequestedTool, TurnEvent } from "../events/turn.events.ts";
import { NO_RUN, savesWords, type Run, type TurnContext } from "./turn-context.ts";

/** What an answer has said so far, how far it was heard, and what covers the wait for it. */
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
 * of its own; nothing where words are saved. Names a text; `""` for nothing.
 */
export function fillerFor(context: TurnContext): string {
  if (context.saying !== null || savesWords(context.measure)) return "";
  const slow = context.tools.find((tool) => !tool.done && tool.sayWhile !== "");
  if (slow) return slow.sayWhile;
  return context.runs.some((run) => run.segments.length > 0) ? "" : context.filler;
}

/** One covers a wait already, or is about to. */
export function fillerIsLive({ runs }: TurnContext): boolean {
  const filler = lastRun(runs, "filler");
  return filler !== undefined && !filler.over;
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

/** How a held answer goes on whose reply is over: its lost rest, its lost request, or a new one. */
export function afterHold(context: TurnContext): Partial<TurnContext> {
  const { runs } = context;
  const asked = { asks: context.asks + 1, runs: [...runs, NO_RUN] };
  if (!isLost(context)) return asked;
  if (!hasSegments(context)) return { runs: withRun(runs, () => NO_RUN) };
  return { ...asked, saying: unheardRefs(context) };
}

type End = Extract<TurnEvent, { type: "reply.ended" }>;

export function isEnd(event: TurnEvent): event is End {
  return event.type === "reply.ended";
}

/** The tools that the reply which ends here has asked for. */
export function toolCalls(event: TurnEvent): readonly RequestedTool[] {
  return isEnd(event) ? ((event.result as { toolCalls?: [] } | undefined)?.toolCalls ?? []) : [];
}

/** The runs as this end leaves them; that of a run which was asked for anew changes nothing. */
export function afterEnd({ runs }: TurnContext, event: TurnEvent): readonly Run[] {
  if (event.type === "filler.ended") return withRun(runs, endOf(event), "filler");
  return isEnd(event) && event.current ? withRun(runs, endOf(event)) : runs;
}

/** A run as its effect's end leaves it. */
function endOf(event: EndEvent): (run: Run) => Run {
  return (run) => ({
    ...run,
    over: true,
    complete: event.how === "done",
    positionMs: event.position ?? run.positionMs,
  });
}
