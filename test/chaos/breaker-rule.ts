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

export function breakerFaults(
  steps: readonly BreakerStep[],
  openMs: number,
  counts: BreakerCounts,
): readonly string[] {
  const faults: string[] = [];
  let state: "closed" | "open" | "half-open" = "closed";
  let openedAt = 0;
  let probes = 0;
  let ends: { readonly at: number; readonly failed: boolean }[] = [];
  for (const [i, step] of steps.entries()) {
    const say = (what: string): void => void faults.push(`step ${i}, ${state}: ${what}`);
    if (step.what === "passed") {
      if (state === "open" && step.at < openedAt + openMs - SLACK_MS) say("let in too early");
      if (state === "half-open" && probes > 1) say("a second one was let in");
    }
    if (step.what === "refused" && state === "closed") say("refused");
    if (step.what === "ended" && step.how !== "void") {
      ends.push({ at: step.at, failed: step.how === "failed" });
      if (state === "closed" && mustOpen(ends, step.at, 1) && !opensNext(steps, i))
        say("not opened");
    }
    if (step.what !== "changed") continue;
    if (step.to === "open") {
      if (state === "closed" && !mustOpen(ends, step.at, 0)) say("opened without cause");
      counts.opened++;
      openedAt = step.at;
    }
    if (step.to === "half-open") probes = 1;
    if (step.to === "closed") {
      if (state !== "half-open") say("closed without a probe");
      if (ends.at(-1)?.failed !== false && !endsWell(steps, i)) say("closed by a failure");
      counts.closed++;
      ends = [];
    }
    state = step.to;
  }
  return faults;
}

/** `margin` ends more than the rule asks for, as the library counts in slices of its window. */
function mustOpen(
  ends: readonly { readonly at: number; readonly failed: boolean }[],
  now: number,
  margin: number,
): boolean {
  const inRow = ends.length - 1 - ends.findLastIndex(({ failed }) => !failed);
  if (inRow >= IN_ROW) return true;
  const recent = ends.filter(({ at }) => at > now - WINDOW_MS);
  const failed = recent.filter((end) => end.failed).length;
  return recent.length >= ENDS_MIN + margin && failed >= recent.length * SHARE + margin;
}

/** Of ends that come in one moment all are told before the change. */
function opensNext(steps: readonly BreakerStep[], from: number): boolean {
  const next = steps.slice(from + 1).find(({ what }) => what !== "ended");
  const before = steps[from - 1];
  return [before, next].some((step) => step?.what === "changed" && step.to === "open");
}

function endsWell(steps: readonly BreakerStep[], at: number): boolean {
  const around = steps.slice(Math.max(0, at - 2), at + 3);
  return around.some((step) => step.what === "ended" && step.how === "ok");
}
