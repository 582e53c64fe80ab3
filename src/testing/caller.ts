import { durationMs, type Duration } from "../base/duration.ts";
import type { Json, LogRecord } from "../events/record.ts";
import type { Utterance } from "../media/simulated/simulated-room.ts";

/** A caller's words: at once, or with pauses between. */
export type Words = string | readonly string[];

/** How long a word takes. */
export const WORD_MS = 250;

/** One thing a caller does at a time of its own, counted from when it joined. */
export type PlayedAct =
  | { readonly at: Duration; readonly types: string }
  | { readonly at: Duration; readonly leaves: true }
  | {
      readonly at: Duration;
      readonly says: string;
      readonly takes: Duration;
      /** What speech-to-text knew on the way. */
      readonly interims?: readonly { readonly after: Duration; readonly text: string }[];
      /** From the end of the words to their final text; null: it never came. */
      readonly finalAfter?: Duration | null;
    };

export type Act =
  | { readonly kind: "types"; readonly atMs: number; readonly text: string }
  | { readonly kind: "leaves"; readonly atMs: number }
  | { readonly kind: "says"; readonly atMs: number; readonly utterance: Utterance };

export function actsOf(acts: readonly PlayedAct[]): readonly Act[] {
  return acts.map((act) => {
    const atMs = durationMs(act.at, "at");
    if ("leaves" in act) return { kind: "leaves", atMs };
    if ("types" in act) return { kind: "types", atMs, text: act.types };
    const { says: text, takes, interims, finalAfter } = act;
    const utterance: Utterance = {
      text,
      ms: durationMs(takes, "takes"),
      ...(interims && {
        interims: interims.map((one) => ({
          afterMs: durationMs(one.after, "interims.after"),
          text: one.text,
        })),
      }),
      ...(finalAfter !== undefined && {
        finalAfterMs: finalAfter === null ? null : durationMs(finalAfter, "finalAfter"),
      }),
    };
    return { kind: "says", atMs, utterance };
  });
}

interface Playing {
  /** Clock time of its first sample. */
  startedAt: number | undefined;
  readonly wordEndsMs: number[];
  ms: number;
}

/**
 * When the `words`th word of what the agent says now has been heard: clock time; undefined while
 * that cannot be known.
 */
export function playoutTarget(records: readonly LogRecord[], words: number): number | undefined {
  const runs = new Map<string, Playing>();
  for (const { input, at } of records) {
    const effect = input["effect"] as string;
    if (input.type === "effect.ended") runs.delete(effect);
    const event = input["event"] as { type: string; [key: string]: Json } | undefined;
    if (event?.type === "speech.segment") {
      const run = runs.get(effect) ?? { startedAt: undefined, wordEndsMs: [], ms: 0 };
      runs.set(effect, run);
      const ends = event["wordEndsMs"] as readonly number[];
      run.wordEndsMs.push(...ends.map((end) => run.ms + end));
      run.ms += event["ms"] as number;
    } else if (event?.type === "reply.position") {
      const run = runs.get(effect);
      if (run) run.startedAt ??= at - (event["ms"] as number);
    }
  }
  const now = [...runs.values()].findLast(({ startedAt }) => startedAt !== undefined);
  const end = words === 0 ? 0 : now?.wordEndsMs[words - 1];
  return now?.startedAt === undefined || end === undefined ? undefined : now.startedAt + end;
}

/** `["A table", "700ms", "for two"]`: a time between words is a pause. */
export function isPause(part: string, index: number, all: readonly string[]): part is Duration {
  return index > 0 && index < all.length - 1 && /^\d+(\.\d+)?(ms|s|m)$/.test(part);
}
