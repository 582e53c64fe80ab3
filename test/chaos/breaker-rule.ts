import type { BreakerState, Ended } from "../../src/providers/breaker.port.ts";
import type { BreakerStep } from "./chaos-vendors.ts";

/**
 * S1-51 by itself, apart from what keeps it: it opens at 5 failures in a row, or at 50 % of at
 * least 10 ends within 30 s; open, it lets nobody in for its time, then one, whose end decides.
 */
export interface BreakerCounts {
  opened: number;
  closed: number;
}

const IN_ROW = 5;
const SHARE = 0.5;
const ENDS_MIN = 10;
const WINDOW_MS = 30_000;
/** Of clocks that are read one after the other, and of windows that move in steps. */
const SLACK_MS = 50;
const WINDOW_SLACK_MS = 200;

export function breakerFaults(
  steps: readonly BreakerStep[],
  openMs: number,
  counts: BreakerCounts,
): readonly string[] {
  const faults: string[] = [];
  let state: BreakerState = "closed";
  let openedAt = 0;
  let ends: End[] = [];
  /** Let in since it closed, and while it is half open. */
  let own = new Set<number>();
  let probes = new Set<number>();
  for (const [i, step] of steps.entries()) {
    const say = (what: string): void => void faults.push(`step ${i}, ${state}: ${what}`);
    if (step.what === "passed") {
      if (state === "closed") own.add(step.n);
      if (state === "half-open") probes.add(step.n);
      if (probes.size > 1) say("a second one was let in");
      if (state === "open" && step.at < openedAt + openMs - SLACK_MS) say("let in too early");
    }
    if (step.what === "refused" && state === "closed") say("refused");
    if (step.what === "ended") {
      probes.delete(step.n);
      if (step.how !== "void")
        ends.push({ at: step.at, failed: step.how === "failed", isOwn: own.has(step.n) });
      const counted = ends.filter(({ isOwn }) => isOwn);
      if (state === "closed" && opensBy(counted, step.at, 1) && !opensNext(steps, i))
        say("not opened");
    }
    if (step.what !== "changed") continue;
    if (step.to === "open") {
      if (state === "closed" && !opensBy(ends, step.at, 0)) say("opened without cause");
      counts.opened++;
      // A try that was stopped says nothing: the next one may go.
      if (state !== "half-open" || !endsNear(steps, i, "void")) openedAt = step.at;
    }
    if (step.to === "half-open") probes = new Set();
    if (step.to === "closed") {
      if (state !== "half-open") say("closed without a probe");
      if (!endsNear(steps, i, "ok")) say("closed by a failure");
      counts.closed++;
      ends = [];
      own = new Set();
      probes = new Set();
    }
    state = step.to;
  }
  return faults;
}

interface End {
  readonly at: number;
  readonly failed: boolean;
  /** Of one that was let in since the breaker closed: those before may count or not. */
  readonly isOwn: boolean;
}

/** `margin` ends more than the rule asks for, as the library counts in slices of its window. */
function opensBy(ends: readonly End[], now: number, margin: number): boolean {
  const inRow = ends.length - 1 - ends.findLastIndex(({ failed }) => !failed);
  if (inRow >= IN_ROW) return true;
  const opens = (windowMs: number): boolean => {
    const recent = ends.filter(({ at }) => at > now - windowMs);
    const failed = recent.filter((end) => end.failed).length;
    return recent.length >= ENDS_MIN + margin && failed >= recent.length * SHARE + margin;
  };
  // Each side reads the clock for itself.
  const windows = [WINDOW_MS - WINDOW_SLACK_MS, WINDOW_MS, WINDOW_MS + WINDOW_SLACK_MS];
  return margin > 0 ? windows.every(opens) : windows.some(opens);
}

/** Of ends that come in one moment all are told before the change. */
function opensNext(steps: readonly BreakerStep[], from: number): boolean {
  const next = steps.slice(from + 1).find(({ what }) => what !== "ended");
  const before = steps[from - 1];
  return [before, next].some((step) => step?.what === "changed" && step.to === "open");
}

function endsNear(steps: readonly BreakerStep[], at: number, how: Ended): boolean {
  const around = steps.slice(Math.max(0, at - 2), at + 3);
  return around.some((step) => step.what === "ended" && step.how === how);
}
