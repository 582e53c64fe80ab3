import { test } from "node:test";
import type { TurnEvent } from "../../src/events/turn.events.ts";
import { turnMachine } from "../../src/machines/turn.machine.ts";
import type { Rest } from "./chart.ts";
import { run, turn, words } from "./fixtures.ts";
import { NOW, checkState, checkWhole, statesOf, type Cell, type Row } from "./table.ts";

type State =
  | "opening"
  | "listening.contested.speaking"
  | "listening.contested.silent"
  | "listening.hearing"
  | "listening.waiting"
  | "listening.held"
  | "listening.ready"
  | "answering.beginning"
  | "answering.thinking"
  | "answering.working"
  | "answering.speaking"
  | "answering.paused"
  | "interrupted"
  | "completed"
  | "cutOff"
  | "abandoned"
  | "failed";
type Type = TurnEvent["type"];
type Cells = Readonly<Record<Type, Cell<State>>>;

const speaking = { voices: ["a"], ranges: [{ sid: "a", from: 1_000, to: null }] };
const silent = { voices: [], ranges: [{ sid: "a", from: 1_000, to: 2_000 }] };
const spoken = { ...silent, words: [words()] };
const over = { contest: "pause", previousDone: false } as const;
const behind = { ...spoken, previousDone: false };
const tool = { call: "c1", name: "find", write: false, idempotent: true, asked: true, done: false };
const second = { ...tool, call: "c2" };

const RESTS: Readonly<Record<State, Rest>> = {
  opening: { leaves: ["opening"], context: turn() },
  "listening.contested.speaking": {
    leaves: ["listening.contested.speaking"],
    context: turn({ ...over, ...speaking }),
  },
  "listening.contested.silent": {
    leaves: ["listening.contested.silent"],
    context: turn({ ...over, ...silent }),
  },
  "listening.hearing": { leaves: ["listening.hearing"], context: turn(speaking) },
  "listening.waiting": { leaves: ["listening.waiting"], context: turn(silent) },
  "listening.held": { leaves: ["listening.held"], context: turn(silent) },
  "listening.ready": { leaves: ["listening.ready"], context: turn(behind) },
  "answering.beginning": { leaves: ["answering.beginning"], context: turn(spoken) },
  "answering.thinking": {
    leaves: ["answering.thinking"],
    context: turn({ ...spoken, asks: 1, runs: [run({ segments: [], positionMs: 0 })] }),
    children: ["reply"],
  },
  "answering.working": {
    leaves: ["answering.working"],
    context: turn({ ...spoken, asks: 1, tools: [tool], runs: [run({ segments: [] })] }),
    children: ["reply"],
  },
  "answering.speaking": {
    leaves: ["answering.speaking"],
    context: turn({ ...spoken, asks: 1, runs: [run()] }),
    children: ["reply"],
  },
  "answering.paused": {
    leaves: ["answering.paused"],
    context: turn({ ...spoken, asks: 1, runs: [run()] }),
    children: ["reply"],
  },
  interrupted: {
    leaves: ["interrupted"],
    context: turn({ ...spoken, asks: 1, runs: [run()], reason: "floor taken" }),
  },
  completed: { leaves: ["completed"], context: turn() },
  cutOff: { leaves: ["cutOff"], context: turn() },
  abandoned: { leaves: ["abandoned"], context: turn() },
  failed: { leaves: ["failed"], context: turn() },
};

const user = { sid: "a", identity: "ann", at: NOW };
const EVENTS: Readonly<{ [T in Type]: Extract<TurnEvent, { type: T }> }> = {
  "user.started": { type: "user.started", from: 3_000, ...user },
  "user.ended": { type: "user.ended", from: 1_000, to: 2_000, silenceMs: 250, ...user },
  "user.words": { type: "user.words", ...words(), at: NOW },
  "speech.over": { type: "speech.over", at: NOW },
  "floor.taken": { type: "floor.taken", at: NOW },
  "floor.returned": { type: "floor.returned", at: NOW },
  "previous.paused": { type: "previous.paused", answerable: true, at: NOW },
  "previous.ended": { type: "previous.ended", merge: null, at: NOW },
  "turn.stop": { type: "turn.stop", reason: "muted", at: NOW },
  "words.late": { type: "words.late", ...words({ ref: "w0" }), at: NOW },
  "tool.result": { type: "tool.result", call: "c1", ok: true, at: NOW },
  "stt.state": { type: "stt.state", down: true, at: NOW },
  "reply.requested": {
    type: "reply.requested",
    provider: "p",
    model: "m",
    digest: "d",
    tools: [],
    upTo: 9,
    at: NOW,
  },
  "reply.segment": {
    type: "reply.segment",
    ref: "s2",
    chars: 20,
    words: 4,
    question: false,
    at: NOW,
  },
  "speech.segment": {
    type: "speech.segment",
    ref: "s1",
    ms: 1_600,
    wordEndsMs: [400],
    estimated: false,
    at: NOW,
  },
  "reply.position": { type: "reply.position", ms: 1_250, at: NOW },
  "reply.ended": { type: "reply.ended", child: "reply", how: "done", current: true, at: NOW },
};

const OVER: Readonly<Record<Type, "ignored">> = {
  "user.started": "ignored",
  "user.ended": "ignored",
  "user.words": "ignored",
  "speech.over": "ignored",
  "floor.taken": "ignored",
  "floor.returned": "ignored",
  "previous.paused": "ignored",
  "previous.ended": "ignored",
  "turn.stop": "ignored",
  "words.late": "ignored",
  "tool.result": "ignored",
  "stt.state": "ignored",
  "reply.requested": "ignored",
  "reply.segment": "ignored",
  "speech.segment": "ignored",
  "reply.position": "ignored",
  "reply.ended": "ignored",
};

/** Left within the step that enters it: the table's check is that its last way out is open. */
const PASSED: Readonly<Record<Type, "never">> = {
  "user.started": "never",
  "user.ended": "never",
  "user.words": "never",
  "speech.over": "never",
  "floor.taken": "never",
  "floor.returned": "never",
  "previous.paused": "never",
  "previous.ended": "never",
  "turn.stop": "never",
  "words.late": "never",
  "tool.result": "never",
  "stt.state": "never",
  "reply.requested": "never",
  "reply.segment": "never",
  "speech.segment": "never",
  "reply.position": "never",
  "reply.ended": "never",
};

const OVER_ABANDONED = "fact turn.ended abandoned, room turn.over";
const OVER_CUT = "fact turn.ended cutOff, room turn.over";
const TOOLS = "answering.working: room tools.requested";
const STOPPED = "abandoned: fact turn.ended abandoned, room turn.over";
const YIELDED = "abandoned: room turn.yielded, fact turn.ended abandoned, room turn.over";
const ANSWERS = "answering.thinking: room turn.answering, start reply";
const COMMITS = "answering.thinking: room turn.answering, commit reply";
const PAUSES = "answering.paused: room turn.paused, pause reply";
const CUT = "interrupted: stop reply, room turn.interrupted";
const COMPLETED = "completed: stop reply, fact turn.ended completed, room turn.over";
const FAILED = "failed: stop reply, fact turn.ended failed, room turn.over";

const speculating = { ...spoken, speculating: true, speculations: 1, asks: 1, runs: [run()] };
const aside = words({ backchannel: true });
const fixed = { pausable: false };
const wants = { result: { toolCalls: [{ call: "c1", name: "find", write: false }] } };
const unheard = { runs: [run({ segments: [], positionMs: 0 })] };

const stale: Row<State> = { given: "a stale end", event: { current: false }, to: "ignored" };
const staleEnd: Row<State> = { ...stale, to: "same" };
const unpausable: Row<State> = { given: "not pausable", context: fixed, to: "ignored" };

/** The speech of a turn that takes no part in the end of its own speculation. */
const ownReply: readonly Row<State>[] = [{ given: "its speculation", to: "same" }, stale];

const CELLS: Readonly<Record<State, Cells>> = {
  opening: PASSED,
  "listening.contested.speaking": {
    "user.started": "same",
    "user.ended": [
      { given: "nothing said yet", to: "listening.contested.silent" },
      { given: "another voice", context: { voices: ["a", "b"] }, to: "same" },
      { given: "only a back-channel said", context: { words: [aside] }, to: YIELDED },
      {
        given: "a back-channel that answers",
        context: { words: [aside], answerable: true },
        to: "listening.contested.silent",
      },
    ],
    "user.words": [
      { given: "real words", to: "listening.hearing: room turn.took" },
      { given: "words not yet stable", event: { final: false, stable: 0 }, to: "same" },
      { given: "a back-channel", event: { backchannel: true }, to: "same" },
      { given: "echo", event: { echo: true }, to: "same" },
      {
        given: "a back-channel that answers",
        context: { answerable: true },
        event: { backchannel: true },
        to: "listening.hearing: room turn.took",
      },
    ],
    "speech.over": "ignored",
    "floor.taken": "ignored",
    "floor.returned": "ignored",
    "previous.paused": "same",
    "previous.ended": "listening.hearing",
    "turn.stop": YIELDED,
    "words.late": "same",
    "tool.result": "ignored",
    "stt.state": "again",
    "reply.requested": "same",
    "reply.segment": "ignored",
    "speech.segment": "ignored",
    "reply.position": "ignored",
    "reply.ended": ownReply,
  },
  "listening.contested.silent": {
    "user.started": "listening.contested.speaking",
    "user.ended": "ignored",
    "user.words": [
      { given: "real words", to: "listening.waiting: room turn.took" },
      { given: "words not yet stable", event: { final: false, stable: 0 }, to: "same" },
      { given: "a back-channel", event: { backchannel: true }, to: YIELDED },
      { given: "echo", event: { echo: true }, to: YIELDED },
      {
        given: "a back-channel that answers",
        context: { answerable: true },
        event: { backchannel: true },
        to: "listening.waiting: room turn.took",
      },
    ],
    "speech.over": "ignored",
    "floor.taken": "ignored",
    "floor.returned": "ignored",
    "previous.paused": "same",
    "previous.ended": "listening.waiting",
    "turn.stop": YIELDED,
    "words.late": "same",
    "tool.result": "ignored",
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "ignored",
    "speech.segment": "ignored",
    "reply.position": "ignored",
    "reply.ended": ownReply,
  },
  "listening.hearing": {
    "user.started": "same",
    "user.ended": [
      { given: "nothing said yet", to: "listening.waiting" },
      { given: "another voice", context: { voices: ["a", "b"] }, to: "same" },
      {
        given: "a final that reaches its end",
        context: { words: [words()] },
        to: "listening.waiting: start reply",
      },
    ],
    "user.words": [
      { given: "new words", to: "same" },
      {
        given: "speculating, new words",
        context: { ...speculating, voices: ["a"] },
        children: ["reply"],
        to: "same: stop reply",
      },
      {
        given: "speculating, the same words",
        context: { ...speculating, voices: ["a"] },
        children: ["reply"],
        event: { changed: false },
        to: "same",
      },
      {
        given: "echo guard, two words",
        context: { contest: "echo", previousDone: false },
        to: "same: room turn.took",
      },
      {
        given: "echo guard, one word",
        context: { contest: "echo", previousDone: false },
        event: { words: 1, stable: 1 },
        to: "same",
      },
    ],
    "speech.over": "ignored",
    "floor.taken": "ignored",
    "floor.returned": "ignored",
    "previous.paused": "same",
    "previous.ended": "same",
    "turn.stop": STOPPED,
    "words.late": "same",
    "tool.result": "ignored",
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "ignored",
    "speech.segment": "ignored",
    "reply.position": "ignored",
    "reply.ended": ownReply,
  },
  "listening.waiting": {
    "user.started": "listening.hearing",
    "user.ended": "again",
    "user.words": [
      { given: "a final that settles", to: "again: start reply" },
      { given: "an interim", event: { final: false }, to: "again" },
      { given: "words that want more", event: { class: "hanging" }, to: "again" },
      { given: "the turn before not done", context: { previousDone: false }, to: "again" },
      { given: "no attempts left", context: { speculations: 3 }, to: "again" },
      {
        given: "speculating, new words",
        context: speculating,
        children: ["reply"],
        to: "again: stop reply, start reply",
      },
      {
        given: "speculating, the same words",
        context: speculating,
        children: ["reply"],
        event: { changed: false },
        to: "again",
      },
    ],
    "speech.over": "ignored",
    "floor.taken": "ignored",
    "floor.returned": "ignored",
    "previous.paused": "same",
    "previous.ended": [
      { given: "nothing said yet", to: "again" },
      { given: "settled words", context: behind, to: "again: start reply" },
    ],
    "turn.stop": STOPPED,
    "words.late": "same",
    "tool.result": "ignored",
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "ignored",
    "speech.segment": "ignored",
    "reply.position": "ignored",
    "reply.ended": ownReply,
  },
  "listening.held": {
    "user.started": "listening.hearing",
    "user.ended": "listening.waiting",
    "user.words": [
      { given: "a final that settles", to: "listening.waiting: start reply" },
      { given: "an interim", event: { final: false }, to: "listening.waiting" },
      {
        given: "speculating, new words",
        context: speculating,
        children: ["reply"],
        to: "listening.waiting: stop reply, start reply",
      },
    ],
    "speech.over": "ignored",
    "floor.taken": "ignored",
    "floor.returned": "ignored",
    "previous.paused": "same",
    "previous.ended": "listening.waiting",
    "turn.stop": [
      { given: "no speculation", to: STOPPED },
      {
        given: "speculating",
        context: speculating,
        children: ["reply"],
        to: `abandoned: ${OVER_ABANDONED}, stop reply`,
      },
    ],
    "words.late": "same",
    "tool.result": "ignored",
    "stt.state": "again",
    "reply.requested": "same",
    "reply.segment": "ignored",
    "speech.segment": "ignored",
    "reply.position": "ignored",
    "reply.ended": ownReply,
  },
  "listening.ready": {
    "user.started": "listening.hearing",
    "user.ended": "ignored",
    "user.words": "listening.waiting",
    "speech.over": "ignored",
    "floor.taken": "ignored",
    "floor.returned": "ignored",
    "previous.paused": "same",
    "previous.ended": ANSWERS,
    "turn.stop": STOPPED,
    "words.late": "same",
    "tool.result": "ignored",
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "ignored",
    "speech.segment": "ignored",
    "reply.position": "ignored",
    "reply.ended": ownReply,
  },
  "answering.beginning": PASSED,
  "answering.thinking": {
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "speech.over": [{ given: "pausable", to: PAUSES }, unpausable],
    "floor.taken": CUT,
    "floor.returned": "ignored",
    "previous.paused": "ignored",
    "previous.ended": "ignored",
    "turn.stop": CUT,
    "words.late": "same",
    "tool.result": "same",
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "answering.speaking: room turn.speaking",
    "speech.segment": "same",
    "reply.position": "ignored",
    "reply.ended": [
      { given: "done, wants tools", event: wants, to: TOOLS },
      { given: "done, empty", to: "again: start reply" },
      { given: "done, empty again", context: { emptyReplies: 1 }, to: FAILED },
      { given: "done, empty after it spoke", context: { runs: [run(), run()] }, to: COMPLETED },
      { given: "failed", event: { how: "failed" }, to: FAILED },
      { given: "lost", event: { how: "lost" }, to: "again: start reply" },
      { given: "never started", event: { how: "never-started" }, to: "again: start reply" },
      staleEnd,
    ],
  },
  "answering.working": {
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "speech.over": [{ given: "pausable", to: PAUSES }, unpausable],
    "floor.taken": [
      { given: "nothing heard", to: `abandoned: stop reply, ${OVER_ABANDONED}` },
      {
        given: "some heard",
        context: { runs: [run()] },
        to: `cutOff: stop reply, ${OVER_CUT}`,
      },
    ],
    "floor.returned": "ignored",
    "previous.paused": "ignored",
    "previous.ended": "ignored",
    "turn.stop": [
      { given: "nothing heard", to: `abandoned: stop reply, ${OVER_ABANDONED}` },
      {
        given: "some heard",
        context: { runs: [run()] },
        to: `cutOff: stop reply, ${OVER_CUT}`,
      },
    ],
    "words.late": "same",
    "tool.result": [
      { given: "the last one", to: "answering.thinking: start reply" },
      { given: "another awaited", context: { tools: [tool, second] }, to: "same" },
    ],
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "ignored",
    "speech.segment": "same",
    "reply.position": "ignored",
    "reply.ended": "ignored",
  },
  "answering.speaking": {
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "speech.over": [{ given: "pausable", to: PAUSES }, unpausable],
    "floor.taken": CUT,
    "floor.returned": "ignored",
    "previous.paused": "ignored",
    "previous.ended": "ignored",
    "turn.stop": CUT,
    "words.late": "same",
    "tool.result": "same",
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "again",
    "speech.segment": "same",
    "reply.position": "again",
    "reply.ended": [
      { given: "done", to: COMPLETED },
      { given: "done, wants tools", event: wants, to: TOOLS },
      { given: "failed", event: { how: "failed" }, to: FAILED },
      {
        given: "lost",
        event: { how: "lost" },
        to: "answering.thinking: start reply",
      },
      {
        given: "lost after its last word",
        event: { how: "lost" },
        context: { runs: [run({ positionMs: 2_000 })] },
        to: COMPLETED,
      },
      staleEnd,
    ],
  },
  "answering.paused": {
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "speech.over": "ignored",
    "floor.taken": [
      { given: "its reply runs", to: CUT },
      {
        given: "tools asked for, some heard",
        context: { tools: [tool] },
        to: `cutOff: stop reply, ${OVER_CUT}`,
      },
      {
        given: "tools asked for, nothing heard",
        context: { tools: [tool], ...unheard },
        to: `abandoned: stop reply, ${OVER_ABANDONED}`,
      },
    ],
    "floor.returned": [
      { given: "something to say", to: "answering.speaking: resume reply, room turn.speaking" },
      { given: "nothing yet", context: unheard, to: "answering.thinking: resume reply" },
      {
        given: "tools kept",
        context: { tools: [{ ...tool, asked: false }] },
        to: "answering.working: room tools.requested",
      },
      {
        given: "tools done meanwhile",
        context: { tools: [{ ...tool, done: true }] },
        to: "answering.thinking: room tools.requested, start reply",
      },
    ],
    "previous.paused": "ignored",
    "previous.ended": "ignored",
    "turn.stop": CUT,
    "words.late": "same",
    "tool.result": "same",
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "same",
    "speech.segment": "same",
    "reply.position": "same",
    "reply.ended": [
      { given: "done", to: COMPLETED },
      { given: "done, wants tools: they are kept", event: wants, to: "same" },
      { given: "failed", event: { how: "failed" }, to: FAILED },
      { given: "lost", event: { how: "lost" }, to: `cutOff: stop reply, ${OVER_CUT}` },
      {
        given: "lost, nothing heard",
        event: { how: "lost" },
        context: unheard,
        to: `abandoned: stop reply, ${OVER_ABANDONED}`,
      },
      staleEnd,
    ],
  },
  interrupted: {
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "speech.over": "ignored",
    "floor.taken": "ignored",
    "floor.returned": "ignored",
    "previous.paused": "ignored",
    "previous.ended": "ignored",
    "turn.stop": "ignored",
    "words.late": "same",
    "tool.result": "ignored",
    "stt.state": "same",
    "reply.requested": "same",
    "reply.segment": "ignored",
    "speech.segment": "same",
    "reply.position": "same",
    "reply.ended": [
      { given: "done: all was heard", to: "completed: fact turn.ended completed, room turn.over" },
      { given: "done, wants tools", event: wants, to: `cutOff: ${OVER_CUT}` },
      {
        given: "stopped, some heard",
        event: { how: "stopped", position: 1_100 },
        to: `cutOff: ${OVER_CUT}`,
      },
      {
        given: "stopped, nothing heard",
        event: { how: "stopped", position: 0 },
        context: { runs: [run({ positionMs: 0 })] },
        to: STOPPED,
      },
      { given: "never started", event: { how: "never-started" }, context: unheard, to: STOPPED },
      staleEnd,
    ],
  },
  completed: OVER,
  cutOff: OVER,
  abandoned: OVER,
  failed: OVER,
};

/** Runs as long as the turn listens; ends it as if complete, or without an answer. */
const listeningMax: readonly Row<State>[] = [
  { given: "nothing said", to: STOPPED },
  { given: "words", context: { ...spoken, previousDone: true }, to: ANSWERS },
  { given: "words, the turn before not done", context: behind, to: "listening.ready" },
];

const TIMERS: Readonly<Record<State, Readonly<Record<string, Cell<State>>>>> = {
  opening: {},
  "listening.contested.speaking": {
    listeningMax,
    pauseMax: YIELDED,
    confirmDuration: [
      { given: "words come", to: "ignored" },
      {
        given: "no speech-to-text",
        context: { sttDown: true },
        to: "listening.hearing: room turn.took",
      },
    ],
  },
  "listening.contested.silent": { listeningMax, pauseMax: YIELDED, resumeAfter: YIELDED },
  "listening.hearing": { listeningMax },
  "listening.waiting": {
    listeningMax,
    endOfTurn: [
      { given: "nothing said", to: "listening.held" },
      { given: "settled", context: spoken, to: ANSWERS },
      { given: "settled and speculating", context: speculating, children: ["reply"], to: COMMITS },
      {
        given: "an interim only",
        context: { words: [words({ final: false })] },
        to: "listening.held",
      },
      { given: "the turn before not done", context: behind, to: "listening.ready" },
    ],
  },
  "listening.held": {
    listeningMax,
    lateFinal: [
      { given: "nothing said", to: STOPPED },
      { given: "an interim", context: { words: [words({ final: false })] }, to: ANSWERS },
      { given: "the turn before not done", context: behind, to: "listening.ready" },
    ],
  },
  "listening.ready": { listeningMax: "same" },
  "answering.beginning": {},
  "answering.thinking": { answerTotal: FAILED },
  "answering.working": { toolsMax: "answering.thinking: start reply" },
  "answering.speaking": { stall: FAILED },
  "answering.paused": { heldMax: CUT },
  interrupted: {
    interruptedMax: [
      { given: "some heard", to: `cutOff: ${OVER_CUT}` },
      { given: "nothing heard", context: unheard, to: STOPPED },
    ],
  },
  completed: {},
  cutOff: {},
  abandoned: {},
  failed: {},
};

const TABLE = {
  machine: turnMachine,
  rests: RESTS,
  events: EVENTS,
  cells: CELLS,
  timers: TIMERS,
} as const;

test("the turn table has every state and every timer of the chart", () => checkWhole(TABLE));

for (const state of statesOf(TABLE))
  test(`turn ${state}: every event and every timer`, () => checkState(TABLE, state));
