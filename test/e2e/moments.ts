import type { LogRecord } from "../../src/events/record.ts";

/** A moment of a call, by the first record that shows it. */
export type Moment = (record: LogRecord) => boolean;

function progress(type: string, actor?: string): Moment {
  return (record) =>
    (record.input["event"] as { type?: string } | undefined)?.type === type &&
    (actor === undefined || record.actor === actor);
}

function state(actor: string, words: string): Moment {
  return ({ outcome }) => (JSON.stringify(outcome.state[actor]) ?? "").includes(words);
}

/** A turn is over: this one, or any from it on. */
function over(n: number, onwards = false): Moment {
  return ({ outcome }) =>
    outcome.emitted.some((fact) => {
      const its = Number(fact["n"]);
      return fact.type === "turn.ended" && (onwards ? its >= n : its === n);
    });
}

function starts(src: string): Moment {
  return ({ outcome }) => outcome.effects.some(([op, , what]) => op === "start" && what === src);
}

/**
 * The scripted call from its first record to its last: a greeting, a question, an interruption of
 * its answer, a booking, and the caller leaves.
 */
export const MOMENTS: Readonly<Record<string, Moment>> = {
  opened: ({ input }) => input.type === "call.opened",
  joined: progress("room.joined"),
  met: progress("participant.joined"),
  "track published": progress("track.published"),
  greeting: progress("reply.segment", "turn.1"),
  "greeting half heard": progress("reply.position", "turn.1"),
  greeted: over(1),
  listening: progress("vad.started"),
  "first words": progress("stt.interim"),
  silence: progress("vad.ended"),
  "last words": progress("stt.final"),
  "asked ahead": progress("reply.requested", "turn.2"),
  thinking: state("turn.2", "thinking"),
  speaking: state("turn.2", "speaking"),
  answering: progress("reply.position", "turn.2"),
  interrupted: state("turn.3", "listening"),
  "cut off": over(2),
  "second answer": progress("reply.segment", "turn.3"),
  answered: over(3, true),
  "tool running": starts("tool"),
  "tool done": ({ outcome }) => outcome.emitted.some(({ type }) => type === "tool.finished"),
  "answer after the tool": progress("reply.segment", "turn.4"),
  "caller gone": progress("participant.left"),
  leaving: state("room", "leaving"),
};
