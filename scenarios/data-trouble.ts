import type { Scenario } from "./scenario.ts";

const QUESTION = { at: 0, ms: 1_000, text: "What are your opening hours?" };
const TOOL_MS = 5_000;
const SAY_WHILE = "Let me look.";

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
  {
    id: "11",
    title: "the model says nothing",
    says: [QUESTION],
    providers: { firstModelSilent: true },
    endMs: 12_000,
    expect: {
      timeline: `
        64~ t2 hearing
        1250~ t2 waiting
        1300 t2 request
        1500~ t2 thinking
        2800~ voice
        3600~ silence
        4500~ t2 request
        4800~ t2 speaking
        4900~ voice
        10900~ t2 completed, heard 17
        10900~ silence`,
      requests: 2,
      replies: 1,
      full: 1,
      differs: "the two words of the filler count as heard: they were",
    },
  },
  {
    id: "12",
    title: "the voice fails",
    says: [QUESTION],
    providers: { firstVoiceDiesAtMs: 0 },
    endMs: 9_000,
    expect: {
      timeline: `
        64~ t2 hearing
        1250~ t2 waiting
        1300 t2 request
        1500~ t2 thinking
        1600~ t2 speaking
        2052~ voice
        8052~ t2 completed, heard 15
        8052~ silence`,
      requests: 1,
      replies: 1,
      full: 1,
      differs: "a voice that breaks at its first sound is tried twice more, with jitter",
    },
  },
  {
    id: "12b",
    title: "the voice dies in mid-sentence",
    says: [QUESTION],
    providers: { firstVoiceDiesAtMs: 2_900 },
    endMs: 9_000,
    expect: {
      timeline: `
        64~ t2 hearing
        1250~ t2 waiting
        1300 t2 request
        1500~ t2 thinking
        1600~ t2 speaking
        1700~ voice
        7700~ t2 completed, heard 15
        7700~ silence`,
      requests: 1,
      replies: 1,
      full: 1,
    },
  },
  {
    id: "13",
    title: "never mind, while a tool reads",
    says: [
      QUESTION,
      {
        at: 3_500,
        ms: 1_200,
        text: "never mind",
        interims: [{ afterMs: 300, text: "never mind" }],
      },
    ],
    providers: { tool: { name: "look", write: false, ms: TOOL_MS, sayWhile: SAY_WHILE } },
    endMs: 12_500,
    expect: {
      timeline: `
        64~ t2 hearing
        1250~ t2 waiting
        1300 t2 request
        1500~ t2 thinking
        1600~ t2 working
        1600~ tool start
        2900~ voice
        3564~ t3 contested
        3564~ t2 paused
        3564~ silence
        3800 t3 hearing
        3800 t2 interrupted
        3800 t2 cutOff, heard 2
        3800 tool stop
        3800 tool ended stopped
        4950~ t3 waiting
        5000 t3 request
        5200~ t3 thinking
        5300~ t3 speaking
        5400~ voice
        11400~ t3 completed, heard 15
        11400~ silence`,
      requests: 2,
      replies: 1,
      full: 1,
      requestHolds: [{ index: 1, part: "cancelled" }],
    },
  },
  {
    id: "14",
    title: "one more wish, while a tool writes",
    says: [
      QUESTION,
      {
        at: 3_500,
        ms: 1_200,
        text: "and for six, please.",
        interims: [{ afterMs: 300, text: "and for" }],
      },
      { at: 13_000, ms: 700, text: "Is it done?" },
    ],
    providers: { tool: { name: "book", write: true, ms: TOOL_MS, sayWhile: SAY_WHILE } },
    endMs: 21_500,
    expect: {
      timeline: `
        64~ t2 hearing
        1250~ t2 waiting
        1300 t2 request
        1500~ t2 thinking
        1600~ t2 working
        1600~ tool start
        2900~ voice
        3564~ t3 contested
        3564~ t2 paused
        3564~ silence
        3800 t3 hearing
        3800 t2 interrupted
        3800 t2 cutOff, heard 2
        4950~ t3 waiting
        5000 t3 request
        5200~ t3 thinking
        5300~ t3 speaking
        5400~ voice
        6600~ tool ended done
        11400~ t3 completed, heard 15
        11400~ silence
        13064~ t4 hearing
        13950~ t4 waiting
        14000 t4 request
        14200~ t4 thinking
        14300~ t4 speaking
        14400~ voice
        20400~ t4 completed, heard 15
        20400~ silence`,
      requests: 3,
      replies: 2,
      full: 2,
      mayBegin: 3,
      differs: "a third utterance was added, so that there is a request after the result",
      requestHolds: [
        { index: 1, part: "pending" },
        { index: 2, part: "done" },
      ],
    },
  },
];
