import { test } from "node:test";
import { TurnSettings } from "../../src/events/settings.events.ts";
import type { TurnEvent } from "../../src/events/turn.events.ts";
import { turnMachine } from "../../src/machines/turn.machine.ts";
import type { Rest } from "./chart.ts";
import { filler, run, turn, words } from "./fixtures.ts";
import { NOW, checkState, checkWhole, statesOf, type Cell, type Row } from "./table.ts";

type State =
  | "opening"
  | "listening.contested.opening"
  | "listening.contested.brief"
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

const PAUSE_LATE = TurnSettings.parse({ interruption: { pauseAfter: 200 } });
/** Every delay another one, and all that a guard compares with. */
const CHANGED = TurnSettings.parse({
  interruption: { pauseAfter: 400, minWords: 3, echoWords: 1 },
  endpointing: { minDelay: 200 },
  answer: { total: 4_000, fillerAfter: 100 },
});

const speaking = { voices: ["a"], ranges: [{ sid: "a", from: 1_000, to: null }] };
const silent = { voices: [], ranges: [{ sid: "a", from: 1_000, to: 2_000 }] };
const spoken = { ...silent, words: [words()] };
const over = { contest: "pause", previousDone: false } as const;
const behind = { ...spoken, previousDone: false };
const asked = { write: false, idempotent: true, cancels: true, sayWhile: "", joins: "" };
const tool = { call: "c1", name: "find", ...asked, asked: true, done: false };
/** A reply that has ended without a word, as one does that asks for tools. */
const silentRun = run({ segments: [], positionMs: 0, over: true });
const second = { ...tool, call: "c2" };

const RESTS: Readonly<Record<State, Rest>> = {
  opening: { leaves: ["opening"], context: turn() },
  "listening.contested.opening": {
    leaves: ["listening.contested.opening"],
    context: turn({ ...over, ...speaking }),
  },
  "listening.contested.brief": {
    leaves: ["listening.contested.brief"],
    context: turn({ ...over, ...speaking, settings: PAUSE_LATE }),
  },
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
    context: turn({ ...spoken, asks: 1, tools: [tool], runs: [silentRun] }),
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
  "tool.result": { type: "tool.result", call: "c1", agent: "", at: NOW },
  "user.judged": { type: "user.judged", sid: "a", to: 2_000, class: "complete", at: NOW },
  "agent.changed": {
    type: "agent.changed",
    agent: "billing",
    filler: "",
    settings: CHANGED,
    at: NOW,
  },
  "settings.changed": { type: "settings.changed", settings: CHANGED, at: NOW },
  "measure.changed": { type: "measure.changed", measure: "shorterAnswers", at: NOW },
  "reply.context": {
    type: "reply.context",
    hook: "beforeAnswer",
    how: "done",
    chars: 40,
    ms: 120,
    at: NOW,
  },
  "reply.switched": {
    type: "reply.switched",
    what: "model",
    from: "a",
    to: "b",
    why: "late",
    at: NOW,
  },
  "reply.retried": {
    type: "reply.retried",
    what: "voice",
    of: "a",
    attempt: 2,
    why: "provider.failed",
    waitMs: 120,
    at: NOW,
  },
  "filler.segment": {
    type: "filler.segment",
    ref: "f1",
    chars: 12,
    words: 3,
    question: false,
    at: NOW,
  },
  "filler.position": { type: "filler.position", ms: 300, at: NOW },
  "filler.ended": { type: "filler.ended", child: "filler", how: "done", current: true, at: NOW },
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
  "user.judged": "ignored",
  "agent.changed": "ignored",
  "settings.changed": "ignored",
  "measure.changed": "ignored",
  "reply.context": "ignored",
  "reply.switched": "ignored",
  "reply.retried": "ignored",
  "filler.segment": "ignored",
  "filler.position": "ignored",
  "filler.ended": "ignored",
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
  "user.judged": "never",
  "agent.changed": "never",
  "settings.changed": "never",
  "measure.changed": "never",
  "reply.context": "never",
  "reply.switched": "never",
  "reply.retried": "never",
  "filler.segment": "never",
  "filler.position": "never",
  "filler.ended": "never",
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
const PAUSES = "answering.paused: room turn.paused, pause reply, pause filler";
const CUT = "interrupted: stop reply, room turn.interrupted";
const COMPLETED = "completed: stop reply, fact turn.ended completed, room turn.over";
const FAILED = "failed: stop reply, fact turn.ended failed, room turn.over";

const speculating = { ...spoken, speculating: true, speculations: 1, asks: 1, runs: [run()] };
const aside = words({ backchannel: true });
const fixed = { pausable: false };
const wants = { result: { toolCalls: [{ call: "c1", name: "find", write: false }] } };
const nothingYet = run({ started: false, segments: [], positionMs: 0 });
const GOES_ON = "answering.speaking: resume filler, resume reply, room turn.speaking";
const THINKS_ON = "answering.thinking: resume filler, resume reply";
const unheard = { runs: [run({ segments: [], positionMs: 0 })] };

const stale: Row<State> = { given: "a stale end", event: { current: false }, to: "ignored" };
const staleEnd: Row<State> = { ...stale, to: "same" };
const unpausable: Row<State> = { given: "not pausable", context: fixed, to: "ignored" };

/** The filler's last word; the reply has had its own, or it is awaited yet. */
const fillerLast: readonly Row<State>[] = [
  { given: "the reply's last word is awaited", context: { runs: [run(), filler()] }, to: "same" },
  {
    given: "the last of two, some heard",
    event: { how: "stopped", position: 900 },
    context: { runs: [silentRun, filler()] },
    to: `cutOff: ${OVER_CUT}`,
  },
  {
    given: "the last of two, nothing heard",
    event: { how: "stopped", position: 0 },
    context: { runs: [silentRun, filler({ started: false, positionMs: 0 })] },
    to: STOPPED,
  },
];

/** The speech of a turn that takes no part in the end of its own speculation. */
const ownReply: readonly Row<State>[] = [{ given: "its speculation", to: "same" }, stale];

const CELLS: Readonly<Record<State, Cells>> = {
  opening: PASSED,
  "listening.contested.opening": PASSED,
  "listening.contested.brief": {
    "user.started": "same",
    "user.ended": [
      { given: "nothing said yet", to: "listening.contested.silent" },
      { given: "another voice", context: { voices: ["a", "b"] }, to: "same" },
      { given: "only a back-channel said", context: { words: [aside] }, to: YIELDED },
    ],
    "user.words": [
      { given: "real words", to: "listening.hearing: room turn.took" },
      { given: "words not yet stable", event: { final: false, stable: 0 }, to: "same" },
      { given: "a back-channel", event: { backchannel: true }, to: "same" },
      { given: "echo", event: { echo: true }, to: "same" },
    ],
    "user.judged": "same",
    "speech.over": "ignored",
    "floor.taken": "ignored",
    "floor.returned": "ignored",
    "previous.paused": "same",
    "previous.ended": "listening.hearing",
    "turn.stop": YIELDED,
    "words.late": "same",
    "tool.result": "ignored",
    "stt.state": "same",
    "agent.changed": "same",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.requested": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "reply.segment": "ignored",
    "filler.segment": "ignored",
    "speech.segment": "ignored",
    "reply.position": "ignored",
    "filler.position": "ignored",
    "filler.ended": "ignored",
    "reply.ended": ownReply,
  },
  "listening.contested.speaking": {
    "user.judged": "same",
    "agent.changed": "same",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "ignored",
    "filler.position": "ignored",
    "filler.ended": "ignored",
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
    "user.judged": "same",
    "agent.changed": "same",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "ignored",
    "filler.position": "ignored",
    "filler.ended": "ignored",
    "user.started": [
      { given: "speech pauses at once", to: "listening.contested.speaking" },
      {
        given: "speech pauses late",
        context: { settings: PAUSE_LATE },
        to: "listening.contested.brief",
      },
    ],
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
    "user.judged": "same",
    "agent.changed": "same",
    "measure.changed": "same",
    "settings.changed": [
      { given: "no contest", to: "same" },
      {
        given: "one word would cut from now on: not those already said (T24)",
        context: { contest: "echo", previousDone: false, words: [words({ words: 1, stable: 1 })] },
        to: "same",
      },
    ],
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "ignored",
    "filler.position": "ignored",
    "filler.ended": "ignored",
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
    "user.judged": "again",
    "agent.changed": "same",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "ignored",
    "filler.position": "ignored",
    "filler.ended": "ignored",
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
    "user.judged": "listening.waiting",
    "agent.changed": "same",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "ignored",
    "filler.position": "ignored",
    "filler.ended": "ignored",
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
    "user.judged": "listening.waiting",
    "agent.changed": "same",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "ignored",
    "filler.position": "ignored",
    "filler.ended": "ignored",
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
    "user.judged": "ignored",
    "agent.changed": "ignored",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "same",
    "filler.position": [
      { given: "none runs", to: "same" },
      {
        given: "its first sound",
        context: { runs: [nothingYet, filler({ started: false, positionMs: 0 })] },
        children: ["reply", "filler"],
        to: "same: room turn.speaking",
      },
      {
        given: "it goes on",
        context: { runs: [nothingYet, filler()] },
        children: ["reply", "filler"],
        to: "same",
      },
    ],
    "filler.ended": "same",
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
    "reply.segment": [
      { given: "nothing covered the wait", to: "answering.speaking: room turn.speaking" },
      {
        given: "the filler is silent yet",
        context: { runs: [nothingYet, filler({ started: false, positionMs: 0 })] },
        children: ["reply", "filler"],
        to: "answering.speaking: stop filler, room turn.speaking",
      },
      {
        given: "the filler is heard: it says its words first",
        context: { runs: [nothingYet, filler()] },
        children: ["reply", "filler"],
        to: "answering.speaking: room turn.speaking",
      },
      {
        given: "the filler is over",
        context: { runs: [nothingYet, filler({ over: true })] },
        to: "answering.speaking: room turn.speaking",
      },
    ],
    "speech.segment": "same",
    "reply.position": "ignored",
    "reply.ended": [
      { given: "done, wants tools", event: wants, to: TOOLS },
      { given: "done, empty", to: "again: start reply" },
      { given: "done, empty again", context: { emptyReplies: 1 }, to: FAILED },
      { given: "done, empty after it spoke", context: { runs: [run(), run()] }, to: COMPLETED },
      {
        given: "done, empty after only a filler spoke",
        context: { runs: [filler({ over: true, complete: true }), nothingYet] },
        to: "again: start reply",
      },
      { given: "failed", event: { how: "failed" }, to: FAILED },
      {
        given: "failed while the filler runs",
        context: { runs: [nothingYet, filler()] },
        children: ["reply", "filler"],
        event: { how: "failed" },
        to: "failed: stop reply, stop filler, fact turn.ended failed, room turn.over",
      },
      { given: "lost", event: { how: "lost" }, to: "again: start reply" },
      { given: "never started", event: { how: "never-started" }, to: "again: start reply" },
      staleEnd,
    ],
  },
  "answering.working": {
    "user.judged": "ignored",
    "agent.changed": "ignored",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "same",
    "filler.position": [
      { given: "none runs", to: "same" },
      {
        given: "its first sound",
        context: { runs: [silentRun, filler({ started: false, positionMs: 0 })] },
        children: ["reply", "filler"],
        to: "same: room turn.speaking",
      },
      {
        given: "it goes on",
        context: { runs: [silentRun, filler()] },
        children: ["reply", "filler"],
        to: "same",
      },
    ],
    "filler.ended": "same",
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "speech.over": [{ given: "pausable", to: PAUSES }, unpausable],
    "floor.taken": [
      { given: "nothing heard", to: `abandoned: stop reply, ${OVER_ABANDONED}` },
      {
        given: "some heard",
        context: { runs: [run({ over: true })] },
        to: `cutOff: stop reply, ${OVER_CUT}`,
      },
      {
        given: "only a filler runs: its last word is awaited",
        context: { runs: [silentRun, filler()] },
        children: ["reply", "filler"],
        to: "interrupted: stop reply, stop filler, room turn.interrupted",
      },
    ],
    "floor.returned": "ignored",
    "previous.paused": "ignored",
    "previous.ended": "ignored",
    "turn.stop": [
      { given: "nothing heard", to: `abandoned: stop reply, ${OVER_ABANDONED}` },
      {
        given: "some heard",
        context: { runs: [run({ over: true })] },
        to: `cutOff: stop reply, ${OVER_CUT}`,
      },
      {
        given: "only a filler runs: its last word is awaited",
        context: { runs: [silentRun, filler()] },
        children: ["reply", "filler"],
        to: "interrupted: stop reply, stop filler, room turn.interrupted",
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
    "user.judged": "ignored",
    "agent.changed": "ignored",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "again",
    "reply.retried": "again",
    "filler.segment": "same",
    "filler.position": "again",
    "filler.ended": "same",
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
        given: "done, wants tools while its filler was heard",
        context: { runs: [filler({ over: true, complete: true }), run()] },
        event: wants,
        to: TOOLS,
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
    "user.judged": "ignored",
    "agent.changed": "ignored",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "same",
    "filler.position": "same",
    "filler.ended": "same",
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "speech.over": "ignored",
    "floor.taken": [
      { given: "its reply runs", to: CUT },
      {
        given: "tools asked for, some heard",
        context: { tools: [tool], runs: [run({ over: true })] },
        to: `cutOff: stop reply, ${OVER_CUT}`,
      },
      {
        given: "tools asked for, nothing heard",
        context: { tools: [tool], runs: [silentRun] },
        to: `abandoned: stop reply, ${OVER_ABANDONED}`,
      },
      {
        given: "tools asked for, the filler runs",
        context: { tools: [tool], runs: [silentRun, filler()] },
        children: ["reply", "filler"],
        to: "interrupted: stop reply, stop filler, room turn.interrupted",
      },
      {
        given: "reply and filler run",
        context: { runs: [nothingYet, filler()] },
        children: ["reply", "filler"],
        to: "interrupted: stop reply, stop filler, room turn.interrupted",
      },
    ],
    "floor.returned": [
      { given: "something to say", to: GOES_ON },
      { given: "nothing yet", context: { runs: [nothingYet] }, to: THINKS_ON },
      {
        given: "nothing yet but a filler",
        context: { runs: [nothingYet, filler()] },
        to: THINKS_ON,
      },
      {
        given: "the reply ended without a word",
        context: { runs: [silentRun] },
        to: "answering.thinking: resume filler, start reply",
      },
      {
        given: "the reply was lost, some of it unheard",
        context: { runs: [run({ over: true })] },
        to: "answering.thinking: resume filler, start reply",
      },
      {
        given: "the request was lost",
        context: { runs: [{ ...nothingYet, over: true }] },
        to: "answering.thinking: resume filler, start reply",
      },
      {
        given: "the reply was lost with its last word heard",
        context: { runs: [run({ over: true, positionMs: 2_000 })] },
        to: COMPLETED,
      },
      {
        given: "tools kept",
        context: { tools: [{ ...tool, asked: false }] },
        to: "answering.working: resume filler, room tools.requested",
      },
      {
        given: "tools done meanwhile",
        context: { tools: [{ ...tool, done: true }] },
        to: "answering.thinking: resume filler, room tools.requested, start reply",
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
      {
        given: "done, nothing said: asked for anew later",
        context: { runs: [nothingYet] },
        to: "same",
      },
      {
        given: "done, nothing said, as before",
        context: { runs: [nothingYet], emptyReplies: 1 },
        to: FAILED,
      },
      {
        given: "done, nothing said but by a filler",
        context: { runs: [nothingYet, filler()] },
        to: "same",
      },
      { given: "failed", event: { how: "failed" }, to: FAILED },
      { given: "lost: said on later, if at all", event: { how: "lost" }, to: "same" },
      {
        given: "lost, only a filler heard",
        event: { how: "lost" },
        context: { runs: [nothingYet, filler()] },
        children: ["reply", "filler"],
        to: "same",
      },
      staleEnd,
    ],
  },
  interrupted: {
    "user.judged": "ignored",
    "agent.changed": "ignored",
    "settings.changed": "same",
    "measure.changed": "same",
    "reply.context": "same",
    "reply.switched": "same",
    "reply.retried": "same",
    "filler.segment": "ignored",
    "filler.position": "same",
    "filler.ended": fillerLast,
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
        given: "the filler's last word is awaited too",
        event: { how: "stopped", position: 1_100 },
        context: { runs: [nothingYet, filler()] },
        to: "same",
      },
      {
        given: "nothing heard but the filler, which has ended",
        event: { how: "stopped", position: 0 },
        context: { runs: [nothingYet, filler({ over: true })] },
        to: `cutOff: ${OVER_CUT}`,
      },
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
  "listening.contested.opening": {},
  "listening.contested.brief": {
    listeningMax,
    pauseMax: YIELDED,
    pauseAfter: "listening.contested.speaking: room turn.holds",
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
  "listening.ready": { listeningMax: "again" },
  "answering.beginning": {},
  "answering.thinking": {
    answerTotal: [
      { given: "nothing said", to: FAILED },
      {
        given: "only a filler said",
        context: { runs: [nothingYet, filler()] },
        children: ["reply", "filler"],
        to: "failed: stop reply, stop filler, fact turn.ended failed, room turn.over",
      },
    ],
    fillerAfter: [
      { given: "no filler", to: "ignored" },
      { given: "a filler", context: { filler: "filler" }, to: "same: start filler" },
      {
        given: "it runs already",
        context: { filler: "filler", runs: [nothingYet, filler({ segments: [] })] },
        to: "ignored",
      },
      {
        given: "something was said before",
        context: { filler: "filler", runs: [run({ over: true }), nothingYet] },
        to: "ignored",
      },
      {
        given: "it failed before it said a word",
        context: { filler: "filler", runs: [nothingYet, filler({ segments: [], over: true })] },
        to: "same: start filler",
      },
      {
        given: "a text of the agent's own",
        context: { filler: "filler", saying: ["greeting"] },
        to: "ignored",
      },
    ],
  },
  "answering.working": {
    toolsMax: "answering.thinking: start reply",
    sayWhileAfter: [
      { given: "nothing to say", to: "ignored" },
      {
        given: "the tool has words of its own",
        context: { tools: [{ ...tool, sayWhile: "tool.find" }] },
        to: "same: start filler",
      },
      {
        given: "the tool with words is done",
        context: { tools: [{ ...tool, sayWhile: "tool.find", done: true }, second] },
        to: "ignored",
      },
      { given: "the general filler", context: { filler: "filler" }, to: "same: start filler" },
      {
        given: "something was said before",
        context: { filler: "filler", runs: [run({ over: true })] },
        to: "ignored",
      },
      {
        given: "words of its own, after something was said",
        context: { tools: [{ ...tool, sayWhile: "tool.find" }], runs: [run({ over: true })] },
        to: "same: start filler",
      },
      {
        given: "one runs already",
        context: { tools: [{ ...tool, sayWhile: "tool.find" }], runs: [silentRun, filler()] },
        to: "ignored",
      },
    ],
  },
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
