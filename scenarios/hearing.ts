import type { SttEvent } from "../src/providers/stt.port.ts";
import { FINAL_AFTER_MS, interimsOf, wordsIn, ZERO_MS, type Scenario } from "./scenario.ts";

/** Something speech-to-text says of a scenario's sound, once so much of it was heard. */
export interface Hearing {
  readonly atMs: number;
  readonly event: SttEvent;
}

/** All of it in order, on the time line of a sound that begins when the call is opened. */
export function hearingOf({ says }: Scenario): readonly Hearing[] {
  return says
    .flatMap((spoken): Hearing[] => {
      const { at, ms, text, finalAfterMs = FINAL_AFTER_MS, drop } = spoken;
      const fromMs = ZERO_MS + at;
      const toMs = fromMs + ms;
      if (text === "") return [];
      const interims = interimsOf(spoken).map(({ afterMs, text }): Hearing => {
        const range = { fromMs, toMs: fromMs + afterMs };
        const event = { type: "interim", ...range, text, stableWords: wordsIn(text).length };
        return { atMs: fromMs + afterMs, event: event as SttEvent };
      });
      const final: SttEvent = { type: "final", fromMs, toMs, text, words: [] };
      const breaks: Hearing[] = drop
        ? [
            { atMs: fromMs + drop.downAfterMs, event: { type: "down" } },
            { atMs: fromMs + drop.upAfterMs, event: { type: "up" } },
          ]
        : [];
      return [...interims, ...breaks, { atMs: toMs + finalAfterMs, event: final }];
    })
    .toSorted((a, b) => a.atMs - b.atMs);
}
