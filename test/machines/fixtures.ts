import { TurnSettings } from "../../src/events/settings.events.ts";
import type { TurnWords } from "../../src/events/turn.events.ts";
import { NO_RUN, newTurn, type Run, type TurnContext } from "../../src/machines/turn-context.ts";

/** Contexts and events that the tests of charts begin from. */

export const SETTINGS = TurnSettings.parse({});

/** A final of two real words, said from 1000 to 2000 ms of the track `a`. */
export function words(more: Partial<TurnWords> = {}): TurnWords {
  return {
    sid: "a",
    identity: "ann",
    ref: "w1",
    final: true,
    from: 1_000,
    to: 2_000,
    words: 2,
    stable: 2,
    changed: true,
    backchannel: false,
    echo: false,
    class: "complete",
    ...more,
  };
}

export function turn(more: Partial<TurnContext> = {}): TurnContext {
  const plain = { n: 2, kind: "user", contest: "none", pausable: true, saying: null } as const;
  const who = { agent: "", filler: "", measure: "none", settings: SETTINGS, at: 9_000 } as const;
  const input = { ...plain, ...who, previousDone: true, sttDown: false };
  return { ...newTurn(input), silentSince: 9_750, ...more };
}

/** A reply of one sentence of 2 s, one second of which was heard. */
export function run(more: Partial<Run> = {}): Run {
  const segment = { ref: "s1", words: 5, question: false, ms: 2_000, firstWordMs: 200 };
  return { ...NO_RUN, started: true, segments: [segment], positionMs: 1_000, ...more };
}

/** A text that covers a wait, as said beside the reply. */
export function filler(more: Partial<Run> = {}): Run {
  return run({ child: "filler", ...more });
}
