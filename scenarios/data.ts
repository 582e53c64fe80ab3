import type { Scenario } from "./scenario.ts";
import { TROUBLE } from "./data-trouble.ts";

const QUESTION = { at: 0, ms: 1_000, text: "What are your opening hours?" };

/** What a question and its undisturbed answer look like up to the first sound. */
const ASKED = `
  64~ t2 hearing
  1250~ t2 waiting
  1300 t2 request
  1500~ t2 thinking
  1600~ t2 speaking
  1700~ voice`;

/** Who speaks when: nothing goes wrong but people. */
const FLOOR: readonly Scenario[] = [
  {
    id: "01",
    title: "a question is answered",
    says: [QUESTION],
    providers: {},
    endMs: 9_000,
    expect: {
      timeline: `${ASKED}
        7700~ t2 completed, heard 15
        7700~ silence`,
      requests: 1,
      replies: 1,
      full: 1,
    },
  },
  {
    id: "02",
    title: "the caller interrupts",
    says: [
      QUESTION,
      {
        at: 4_000,
        ms: 900,
        text: "No, I mean Sunday.",
        interims: [{ afterMs: 300, text: "No, I" }],
      },
    ],
    providers: {},
    endMs: 12_500,
    expect: {
      timeline: `${ASKED}
        4064~ t3 contested
        4064~ t2 paused
        4064~ silence
        4300 t3 hearing
        4300 t2 interrupted
        4300 t2 cutOff, heard 6
        5150~ t3 waiting
        5200 t3 request
        5400~ t3 thinking
        5500~ t3 speaking
        5600~ voice
        11600~ t3 completed, heard 15
        11600~ silence`,
      requests: 2,
      replies: 2,
      full: 1,
      lastRequest: ["Doors open early each morning. Dinner", "did not hear the rest"],
    },
  },
  {
    id: "03",
    title: "the caller adds something while the agent thinks",
    says: [
      QUESTION,
      { at: 1_900, ms: 600, text: "on Sunday.", interims: [{ afterMs: 300, text: "on" }] },
    ],
    providers: { firstTokenMs: 1_000 },
    endMs: 11_000,
    expect: {
      timeline: `
        64~ t2 hearing
        1250~ t2 waiting
        1300 t2 request
        1500~ t2 thinking
        1964~ t3 contested
        1964~ t2 paused
        2200 t3 hearing
        2200 t2 interrupted
        2200 request dropped
        2200 t2 abandoned, heard 0
        2750~ t3 waiting
        2800 t3 request
        3000~ t3 thinking
        3800 t3 speaking
        3900 voice
        9900 t3 completed, heard 15
        9900 silence`,
      requests: 2,
      replies: 1,
      full: 1,
      lastRequest: ["What are your opening hours? on Sunday."],
    },
  },
  {
    id: "04",
    title: "a cough",
    says: [QUESTION, { at: 4_000, ms: 250, text: "", sound: "ahem" }],
    providers: {},
    endMs: 10_000,
    expect: {
      timeline: `${ASKED}
        4064~ t3 contested
        4064~ t2 paused
        4064~ silence
        5100~ t3 abandoned, heard 0
        5100~ t2 speaking
        5100~ voice
        8736~ t2 completed, heard 15
        8736~ silence`,
      requests: 1,
      replies: 1,
      full: 1,
    },
  },
  {
    id: "05",
    title: "a sign of listening",
    says: [QUESTION, { at: 4_000, ms: 350, text: "uh-huh", sound: "uh huh", backchannel: true }],
    providers: {},
    endMs: 9_500,
    expect: {
      timeline: `${ASKED}
        4064~ t3 contested
        4064~ t2 paused
        4064~ silence
        4600~ t3 abandoned, heard 0
        4600~ t2 speaking
        4600~ voice
        8236~ t2 completed, heard 15
        8236~ silence`,
      requests: 1,
      replies: 1,
      full: 1,
    },
  },
  {
    id: "06",
    title: "the caller goes on after a breath",
    says: [
      { at: 0, ms: 900, text: "I want to book" },
      { at: 1_300, ms: 1_000, text: "a table for two." },
    ],
    providers: {},
    endMs: 10_000,
    expect: {
      timeline: `
        64~ t2 hearing
        1150~ t2 waiting
        1200 t2 request
        1364~ t2 hearing
        1600 request dropped
        2550~ t2 waiting
        2600 t2 request
        2800~ t2 thinking
        2900~ t2 speaking
        3000~ voice
        9000~ t2 completed, heard 15
        9000~ silence`,
      requests: 2,
      replies: 1,
      full: 1,
      thoughts: [[0, 1]],
      lastRequest: ["I want to book a table for two."],
    },
  },
  {
    id: "07",
    title: "a long pause in an unfinished sentence",
    says: [
      { at: 0, ms: 1_500, text: "I'd like to book a table for" },
      { at: 2_700, ms: 800, text: "four people." },
    ],
    providers: {},
    endMs: 11_500,
    expect: {
      timeline: `
        64~ t2 hearing
        1750~ t2 waiting
        2764~ t2 hearing
        3750~ t2 waiting
        3800 t2 request
        4000~ t2 thinking
        4100~ t2 speaking
        4200~ voice
        10200~ t2 completed, heard 15
        10200~ silence`,
      requests: 1,
      replies: 1,
      full: 1,
      thoughts: [[0, 1]],
      lastRequest: ["I'd like to book a table for four people."],
    },
  },
  {
    id: "08",
    title: "a number, digit by digit",
    says: [
      { at: 0, ms: 900, text: "five five five" },
      { at: 1_900, ms: 600, text: "zero one" },
      { at: 3_500, ms: 600, text: "nine nine" },
    ],
    providers: {},
    endMs: 13_000,
    expect: {
      timeline: `
        64~ t2 hearing
        1150~ t2 waiting
        1200 t2 request
        1964~ t2 hearing
        2200 request dropped
        2750~ t2 waiting
        2800 t2 request
        3564~ t2 hearing
        3800 request dropped
        4350~ t2 waiting
        4400 t2 request
        5600~ t2 thinking
        5600~ t2 speaking
        5700~ voice
        11700~ t2 completed, heard 15
        11700~ silence`,
      requests: 3,
      replies: 1,
      full: 1,
      thoughts: [[0, 1, 2]],
      lastRequest: ["five five five zero one nine nine"],
    },
  },
  {
    id: "09",
    title: "nobody says anything",
    says: [],
    providers: {},
    endMs: 31_000,
    expect: {
      timeline: `
        8000 t2 thinking
        8000 t2 speaking
        8100 voice
        9700 t2 completed, heard 4
        9700 silence
        29700 t3 thinking
        29700 t3 speaking
        29800 voice
        30200 t3 completed, heard 1
        30200 silence
        30200 closed`,
      requests: 0,
      replies: 0,
      full: 0,
      differs: "written from the moment scenarios count from, 2 s after the greeting has ended",
    },
  },
  {
    id: "15",
    title: "the caller leaves",
    says: [QUESTION],
    leaves: { at: 4_000 },
    providers: {},
    endMs: 25_000,
    expect: {
      timeline: `${ASKED}
        4000 t2 interrupted
        4000 t2 cutOff, heard 6
        4000 silence
        24000 closed`,
      requests: 1,
      replies: 1,
      full: 0,
    },
  },
  {
    id: "15b",
    title: "the caller leaves and comes back",
    says: [QUESTION, { at: 12_000, ms: 1_000, text: "And on Sunday?" }],
    leaves: { at: 4_000, backAt: 10_000 },
    providers: {},
    endMs: 21_000,
    expect: {
      timeline: `${ASKED}
        4000 t2 interrupted
        4000 t2 cutOff, heard 6
        4000 silence
        12064~ t3 hearing
        13250~ t3 waiting
        13300 t3 request
        13500~ t3 thinking
        13600~ t3 speaking
        13700~ voice
        19700~ t3 completed, heard 15
        19700~ silence`,
      requests: 2,
      replies: 2,
      full: 1,
      lastRequest: ["What are your opening hours?", "And on Sunday?"],
    },
  },
  {
    id: "16",
    title: "two quick questions",
    says: [
      { at: 0, ms: 900, text: "What time is it?" },
      { at: 1_700, ms: 700, text: "And the date?", interims: [{ afterMs: 300, text: "And" }] },
    ],
    providers: {},
    endMs: 10_500,
    expect: {
      timeline: `
        64~ t2 hearing
        1150~ t2 waiting
        1200 t2 request
        1400~ t2 thinking
        1500~ t2 speaking
        1600~ voice
        1764~ t3 contested
        1764~ t2 paused
        1764~ silence
        2000 t3 hearing
        2000 t2 interrupted
        2000 t2 abandoned, heard 0
        2650~ t3 waiting
        2700 t3 request
        2900~ t3 thinking
        3000~ t3 speaking
        3100~ voice
        9100~ t3 completed, heard 15
        9100~ silence`,
      requests: 2,
      replies: 1,
      full: 1,
      mayBegin: 2,
      lastRequest: ["What time is it? And the date?"],
    },
  },
];

export const SCENARIOS: readonly Scenario[] = [...FLOOR, ...TROUBLE].toSorted((a, b) =>
  a.id < b.id ? -1 : 1,
);
