import type { AnyStateMachine } from "xstate";
import { MACHINES } from "../../../src/machines/machines.ts";
import { leafCount, type Coverage } from "./coverage.ts";

/** What the runs must have met at least once: a generator that loses one of them proves less. */
export const REQUIRED: readonly string[] = [
  // Owners and the log.
  "ignored.bookkeeping",
  "abandoned",
  "takeover.owner.fenced",
  "refused.owner.fenced",
  "late.oldOwner",
  "log.lateAck",
  "log.slow",
  "log.ackLost",
  "log.appendLost",
  "log.landsLater",
  "log.conflict",
  "log.lostCas",
  "log.staleTail",
  // What comes too late.
  "late.progress",
  "late.end",
  "refused.effect.stopped",
  "ignored.progress of a stopped effect",
  "ignored.stale timer",
  "said.again",
  "clock.back",
  // Steps.
  "steps.failed",
  "ignored.the call was given up",
  // Effects.
  "reply.done",
  "reply.failed",
  "reply.stopped",
  "reply.lost",
  "reply.never-started",
  "start.tool",
  "tool.done",
  "tool.failed",
  "tool.stopped",
  "tool.lost",
  "tool.unknown",
  "stt.failed",
  "detector.failed",
  "connection.failed",
  "connection.done",
  "tell.pause",
  "tell.resume",
  "tell.commit",
  "speculation.dropped",
  "reply.context",
  "reply.switched",
  "reply.retried",
  "filler.segment",
  "filler.position",
  "filler.done",
  "filler.failed",
  "filler.stopped",
  "filler.lost",
  "hook.done",
  "hook.failed",
  "hook.lost",
  "tool.joined",
  "tool.handoff cook",
  "tool.handoff property",
  "tool.handoff nobody",
  "tool.hangUp true",
  "judged.ended",
  "judged.hanging",
  "settings.set",
  "agent.edited",
  "budget.none",
  "budget.warn",
  "budget.cheaperModel",
  "budget.shorterAnswers",
  "budget.noVision",
  "budget.farewell",
  "measure.taken",
  // Turns.
  "turn.holds",
  "turn.completed",
  "turn.cutOff",
  "turn.abandoned",
  "turn.failed",
  "turn.merged",
  "turn.abandoned back-channel",
  "turn.abandoned no words",
  "turn.abandoned no words in time",
  "turn.abandoned floor taken",
  "turn.cutOff floor taken",
  "turn.abandoned muted",
  "turn.abandoned left",
  "words.late",
  "words.echo",
  "finals.placed",
];

/** One line per chart: how many of its cells (leaf state x event type) were met. */
export function cellReport({ cells }: Coverage): readonly string[] {
  return Object.entries(MACHINES).map(([kind, versions]) => {
    const machine = Object.values(versions).at(-1) as AnyStateMachine;
    const names = Object.keys(cells).filter((name) => name.startsWith(`${kind} `));
    const leaves = new Set(names.map((name) => name.split(" ")[1]));
    const events = new Set(names.map((name) => name.split(" ").slice(2).join(" ")));
    const all = leaves.size * events.size;
    return (
      `${kind}: ${leaves.size} of ${leafCount(machine)} leaf states, ${events.size} event types, ` +
      `${names.length} of ${all} cells`
    );
  });
}

/** All counters, several to a line. */
export function countReport({ counts }: Coverage): readonly string[] {
  const names = Object.keys(counts).sort();
  const lines: string[] = [];
  for (let i = 0; i < names.length; i += 4)
    lines.push(
      names
        .slice(i, i + 4)
        .map((name) => `${name} ${counts[name]}`)
        .join(" | "),
    );
  return lines;
}
