import type { Scenario } from "./scenario.ts";

/** Where a provider fails, is slow, or works for long. */
export const TROUBLE: readonly Scenario[] = [
  {
    id: "10",
    title: "speech-to-text drops out",
    says: [
      {
        at: 0,
        ms: 2_000,
        text: "Could you please reserve two seats for tonight?",
        interims: [{ afterMs: 300, text: "Could you" }],
        finalAfterMs: 1_200,
        drop: { downAfterMs: 800, upAfterMs: 2_300 },
      },
    ],
    providers: {},
    endMs: 11_000,
    expect: {
      timeline: `
        64~ t2 hearing
        2250~ t2 waiting
        2900~ t2 held
        3200 t2 waiting
        3200 t2 thinking
        3200 t2 request
        3500 t2 speaking
        3600 voice
        9600 t2 completed, heard 15
        9600 silence`,
      requests: 1,
      replies: 1,
      full: 1,
      thoughts: [[0]],
    },
  },
];
