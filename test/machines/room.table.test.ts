import { test } from "node:test";
import { TurnSettings } from "../../src/events/settings.events.ts";
import type { RoomEvent } from "../../src/events/room.events.ts";
import { roomMachine } from "../../src/machines/room.machine.ts";
import { newRoom, type RoomContext } from "../../src/machines/room.rules.ts";
import type { Rest } from "./chart.ts";
import { SETTINGS, words } from "./fixtures.ts";
import { NOW, checkState, checkWhole, statesOf, type Cell, type Line, type Row } from "./table.ts";

type State =
  | "present.joining"
  | "present.live.empty"
  | "present.live.idle"
  | "present.live.occupied"
  | "present.live.engaged"
  | "present.recovering"
  | "present.draining"
  | "leaving.disconnecting"
  | "leaving.quiet"
  | "closed";
type Type = RoomEvent["type"];
type Cells = Readonly<Record<Type, Cell<State>>>;

const TEXTS = ["greeting", "away", "farewell", "apology"];
const PAUSE_LATE = TurnSettings.parse({ interruption: { pauseAfter: 200 } });
const HEADER = {
  agent: { name: "host", hash: "h1" },
  settings: SETTINGS,
  agents: { cook: PAUSE_LATE },
  texts: TEXTS,
  hooks: [],
};
const ann = { identity: "ann", name: "Ann", present: true };
const track = { sid: "a", identity: "ann", closing: false, sttDown: false };
const UNHEARD = { texts: ["unheard"], tracks: [{ ...track, sttDown: true }] };
const inRoom = { participants: [ann], tracks: [track], greeted: true };
const older = { n: 2, phase: "speaking", pausable: true } as const;
const talk = { n: 2, older, spokenMs: 9_000 };

function room(more: Partial<RoomContext> = {}): RoomContext {
  return { ...newRoom(HEADER), ...more };
}

const FIND = { call: "c1", name: "find", write: false, idempotent: true };
const ASKED = { ...FIND, cancels: true, sayWhile: "", joins: "" };
const running = { ...ASKED, n: 2, agent: "", state: "running" } as const;
const write = { ...running, write: true, idempotent: false, cancels: false } as const;
/** The same write asked for once more, by the turn that answers. */
const joined = { ...write, call: "c2", joins: "c1", state: "joined" } as const;

const RESTS: Readonly<Record<State, Rest>> = {
  "present.joining": {
    leaves: ["present.joining"],
    context: room(),
    children: ["connection"],
  },
  "present.live.empty": {
    leaves: ["present.live.empty"],
    context: room(),
    children: ["connection"],
  },
  "present.live.idle": {
    leaves: ["present.live.idle"],
    context: room({ ...inRoom, n: 1 }),
    children: ["connection"],
  },
  "present.live.occupied": {
    leaves: ["present.live.occupied"],
    context: room({ ...inRoom, n: 1, tools: [{ ...write, n: 1 }] }),
    children: ["connection", "tool.c1:tool"],
  },
  "present.live.engaged": {
    leaves: ["present.live.engaged"],
    context: room({ ...inRoom, ...talk }),
    children: ["connection"],
  },
  "present.recovering": {
    leaves: ["present.recovering"],
    context: room({ ...inRoom, ...talk }),
    children: ["connection"],
  },
  "present.draining": {
    leaves: ["present.draining"],
    context: room({ ...inRoom, ...talk, reason: "bye" }),
    children: ["connection"],
  },
  "leaving.disconnecting": {
    leaves: ["leaving.disconnecting"],
    context: room({ tracks: [{ ...track, closing: true }] }),
  },
  "leaving.quiet": {
    leaves: ["leaving.quiet"],
    context: room({ tracks: [{ ...track, closing: true }] }),
  },
  closed: { leaves: ["closed"], context: room() },
};

const user = { sid: "a", identity: "ann", at: NOW };
const end = { how: "done", current: true, at: NOW } as const;
const fixed = { older: { ...older, pausable: false } };
const cut = { older: { ...older, phase: "interrupted" } };

const EVENTS: Readonly<{ [T in Type]: Extract<RoomEvent, { type: T }> }> = {
  "room.joined": { type: "room.joined", at: NOW },
  "room.reconnecting": { type: "room.reconnecting", at: NOW },
  "room.reconnected": { type: "room.reconnected", at: NOW },
  "participant.joined": { type: "participant.joined", identity: "bob", name: "Bob", at: NOW },
  "participant.left": { type: "participant.left", identity: "ann", at: NOW },
  "track.published": {
    type: "track.published",
    sid: "b",
    identity: "bob",
    kind: "audio",
    at: NOW,
  },
  "track.unpublished": { type: "track.unpublished", sid: "a", at: NOW },
  "text.received": {
    type: "text.received",
    identity: "ann",
    ref: "t1",
    words: 3,
    class: "complete",
    at: NOW,
  },
  "command.say": { type: "command.say", ref: "x1", now: false, at: NOW },
  "command.interrupt": { type: "command.interrupt", force: false, at: NOW },
  "command.mute": { type: "command.mute", at: NOW },
  "command.unmute": { type: "command.unmute", at: NOW },
  "command.instruct": { type: "command.instruct", ref: "i1", at: NOW },
  "command.end": { type: "command.end", reason: "done here", at: NOW },
  "command.set": { type: "command.set", settings: PAUSE_LATE, at: NOW },
  "command.agent": { type: "command.agent", ...HEADER, at: NOW },
  "host.failed": { type: "host.failed", at: NOW },
  "budget.changed": {
    type: "budget.changed",
    measure: "farewell",
    node: "tenant",
    limitPico: "9",
    spentPico: "9",
    heldPico: "0",
    at: NOW,
  },
  "connection.ended": { type: "connection.ended", child: "connection", ...end },
  "tool.ended": { type: "tool.ended", child: "tool.c1", ...end },
  "hook.ended": { type: "hook.ended", child: "afterTurn.1", ...end },
  "user.started": { type: "user.started", from: 3_000, ...user },
  "user.ended": { type: "user.ended", from: 1_000, to: 2_000, silenceMs: 250, ...user },
  "user.words": { type: "user.words", ...words(), at: NOW },
  "user.judged": { type: "user.judged", sid: "a", to: 2_000, class: "complete", at: NOW },
  "track.closed": { type: "track.closed", sid: "a", at: NOW },
  "track.stt": { type: "track.stt", sid: "a", down: true, at: NOW },
  "turn.answering": { type: "turn.answering", n: 2, pausable: true, at: NOW },
  "turn.speaking": { type: "turn.speaking", n: 2, at: NOW },
  "turn.interrupted": { type: "turn.interrupted", n: 2, at: NOW },
  "turn.paused": { type: "turn.paused", n: 2, answerable: false, at: NOW },
  "turn.holds": { type: "turn.holds", n: 3, at: NOW },
  "turn.over": {
    type: "turn.over",
    n: 2,
    kind: "user",
    status: "completed",
    reason: "",
    spokenMs: 2_000,
    merge: null,
    at: NOW,
  },
  "turn.took": { type: "turn.took", n: 3, at: NOW },
  "turn.yielded": { type: "turn.yielded", n: 3, at: NOW },
  "tools.requested": {
    type: "tools.requested",
    n: 2,
    agent: "",
    calls: [ASKED],
    at: NOW,
  },
};
const STOPS = "stop connection, turn.0 turn.stop, turn.0 turn.stop, track.a track.close";
const LAST_TURN = "leaving.disconnecting: stop connection, turn.0 turn.stop, turn.0 turn.stop";
const LEAVES = `leaving.disconnecting: ${STOPS}` as const;
const STOPS_TURNS = "turn.0 turn.stop, turn.0 turn.stop, track.a track.close";
const HANGS_UP =
  `leaving.disconnecting: stop connection, fact tool.finished, ${STOPS_TURNS}` as const;
const DRAINED = `leaving.disconnecting: turn.0 turn.stop, ${STOPS}` as const;
const QUIET_IDLE = `leaving.quiet: ${STOPS}` as const;
const LAST_WORDS = "stop connection, turn.2 turn.stop, turn.0 turn.stop";
const STOPS_OLDER = `${LAST_WORDS}, track.a track.close` as const;
const QUIET = `leaving.quiet: ${STOPS_OLDER}` as const;
const CUT_OFF = `leaving.disconnecting: ${STOPS_OLDER}` as const;
const REJOINS = "present.joining: stop connection, start connection";

const live = { older, n: 2 };
const lost = { how: "lost" };

/** A connection that broke is joined anew three times; one lost with its owner always. */
function connectionBreaks(
  givenUp: Line<State>,
  joining: Line<State> = REJOINS,
): readonly Row<State>[] {
  return [
    { given: "lost with its owner", event: lost, to: joining },
    { given: "failed", event: { how: "failed" }, to: joining },
    {
      given: "failed too often",
      event: { how: "failed" },
      context: { rejoins: 3 },
      to: givenUp,
    },
    { given: "a stale end", event: { current: false }, to: "ignored" },
  ];
}

const toolEnds: readonly Row<State>[] = [
  { given: "a tool nobody knows", to: "same: fact tool.finished" },
  {
    given: "its turn answers still",
    context: { ...live, tools: [running] },
    to: "same: fact tool.finished, turn.2 tool.result",
  },
  {
    given: "its turn is over",
    context: { ...live, tools: [{ ...running, n: 1 }] },
    to: "same: fact tool.finished",
  },
  {
    given: "a read that was lost",
    context: { ...live, tools: [running] },
    event: lost,
    to: "same: start tool.c1",
  },
  {
    given: "a write that was lost",
    context: { ...live, tools: [write] },
    event: lost,
    to: "same: fact tool.finished, turn.2 tool.result",
  },
  {
    given: "a write with a key that was lost",
    context: { ...live, tools: [{ ...write, idempotent: true }] },
    event: lost,
    to: "same: start tool.c1",
  },
];

const hangUp = { result: { output: 1, hangUp: true } };
/** The agent hangs up: with the turn that answers, or at once where there is none. */
const hangsUp: readonly Row<State>[] = [
  {
    given: "it hangs up with its turn",
    context: { ...live, tools: [running] },
    event: hangUp,
    to: "same: fact tool.finished, turn.2 tool.result",
  },
  {
    given: "it hands over",
    context: { ...live, tools: [running] },
    event: { result: { handoff: "cook" } },
    to: "same: fact tool.finished, turn.0 agent.changed, turn.2 tool.result",
  },
];
/** The same write asked for once more has the result of the first. */
const joins: readonly Row<State>[] = [
  {
    given: "a write that another call joined",
    context: { ...live, tools: [{ ...write, n: 1 }, joined] },
    to: "same: fact tool.finished, turn.2 tool.result",
  },
  {
    given: "a write of its turn that another call joined",
    context: { ...live, tools: [write, joined] },
    to: "same: fact tool.finished, turn.2 tool.result, turn.2 tool.result",
  },
];
const hookEnds: readonly Row<State>[] = [
  { given: "a hook nobody knows", to: "same" },
  { given: "done", context: { afterTurns: [{ n: 1, running: true }] }, to: "same" },
  {
    given: "failed: it is not tried again",
    context: { afterTurns: [{ n: 1, running: true }] },
    event: { how: "failed" },
    to: "same",
  },
  {
    given: "lost with its owner",
    context: { afterTurns: [{ n: 1, running: true }] },
    event: lost,
    to: "same: start afterTurn.1",
  },
];
const asksFor: readonly Row<State>[] = [
  { given: "a read", to: "same: start tool.c1" },
  {
    given: "a write that is pending",
    context: { tools: [{ ...write, n: 1 }] },
    event: { calls: [{ ...ASKED, call: "c2", write: true, joins: "c1" }] },
    to: "same",
  },
  {
    given: "a write that was pending, and has ended",
    event: { calls: [{ ...ASKED, call: "c2", write: true, joins: "c1" }] },
    to: "same: turn.2 tool.result",
  },
];

const trackPublished: readonly Row<State>[] = [
  { given: "a new one", to: "same: open track.b" },
  { given: "a known one", context: { tracks: [{ ...track, sid: "b" }] }, to: "ignored" },
  { given: "a screen", event: { kind: "screen" }, to: "ignored" },
];
const trackGoes: readonly Row<State>[] = [
  { given: "a known one", to: "same: track.a track.close" },
  { given: "one nobody knows", event: { sid: "z" }, to: "ignored" },
];
const oneLeaves: readonly Row<State>[] = [
  { given: "the last one", to: "same: turn.2 turn.stop, turn.0 turn.stop" },
  {
    given: "the last one, while another turn listens",
    context: { newer: 3, n: 3 },
    to: "same: turn.2 turn.stop, turn.3 turn.stop",
  },
  {
    given: "another stays",
    context: { participants: [ann, { ...ann, identity: "bob" }] },
    to: "same",
  },
];

const listening = { newer: 3, n: 3 };
const judges: readonly Row<State>[] = [
  { given: "nobody listens", to: "ignored" },
  { given: "a turn listens", context: listening, to: "same: turn.3 user.judged" },
];
const opens = "same: open turn.3, turn.3 user.started";
const overSpeech: readonly Row<State>[] = [
  { given: "a pausable answer", to: `${opens}, turn.2 speech.over` },
  { given: "a turn listens", context: listening, to: "same: turn.3 user.started" },
  { given: "an answer that is paused late", context: { settings: PAUSE_LATE }, to: opens },
  {
    given: "an answer that is paused late, and thinks yet",
    context: { settings: PAUSE_LATE, older: { ...older, phase: "thinking" } },
    to: `${opens}, turn.2 speech.over`,
  },
  { given: "an answer that may not be paused", context: fixed, to: opens },
  { given: "the echo guard runs", context: { spokenMs: 0 }, to: opens },
  { given: "an answer that was cut", context: cut, to: opens },
];
const speechEnds: readonly Row<State>[] = [
  { given: "speech of a turn that is over", to: "same" },
  {
    given: "speech of the turn that listens",
    context: { ...listening, ranges: [{ n: 3, sid: "a", from: 1_000, to: null }] },
    to: "same: turn.3 user.ended",
  },
];
const said = (n: number) => ({ ranges: [{ n, sid: "a", from: 1_000, to: 2_000 }] });
const told = { ref: "w1", sid: "a", from: 1_000, to: 2_000, final: true, late: false };
const overWords: readonly Row<State>[] = [
  { given: "speech of nobody", to: "same: open turn.3, turn.3 user.words" },
  { given: "a turn listens", context: listening, to: "same: turn.3 user.words" },
  { given: "speech of the answering turn", context: said(2), to: "same: turn.2 words.late" },
  {
    given: "speech of the answering turn, which thinks",
    context: { ...said(2), older: { ...older, phase: "thinking" } },
    to: "same: open turn.3, turn.3 user.words",
  },
  {
    given: "speech of a turn that was answered",
    context: { ...said(1), answered: [1] },
    to: "same: fact words.late",
  },
  {
    given: "speech of a turn that was not",
    context: said(1),
    to: "same: open turn.3, turn.3 user.words",
  },
  {
    given: "a back-channel of a turn that was not",
    context: said(1),
    event: { backchannel: true },
    to: "same: fact words.late",
  },
  { given: "echo", event: { echo: true }, to: "same: fact words.echo" },
  { given: "told again", context: { heard: [{ ...told, n: 2 }] }, to: "same" },
  {
    given: "told again, to the turn that listens",
    context: { ...listening, heard: [{ ...told, n: 3 }] },
    to: "same: turn.3 user.words",
  },
];
const typed: readonly Row<State>[] = [
  { given: "nobody listens", to: "same: open turn.3, turn.3 user.words" },
  { given: "a turn listens", context: listening, to: "same: turn.3 user.words" },
];
const quietHook: readonly Row<State>[] = [
  { given: "a track is open yet", context: { afterTurns: [{ n: 1, running: true }] }, to: "same" },
  {
    given: "it was the last thing to end",
    context: { tracks: [], afterTurns: [{ n: 1, running: true }] },
    to: "closed",
  },
];
const settingsChange: readonly Row<State>[] = [
  { given: "one turn answers", to: "same: turn.0 settings.changed, turn.2 settings.changed" },
  {
    given: "another one listens",
    context: listening,
    to: "same: turn.3 settings.changed, turn.2 settings.changed",
  },
];
const sayOver: readonly Row<State>[] = [
  { given: "in its time", to: "same" },
  { given: "now", event: { now: true }, to: "same: turn.2 turn.stop" },
  { given: "now, over what may not be paused", event: { now: true }, context: fixed, to: "same" },
];
const interrupts: readonly Row<State>[] = [
  { given: "a pausable answer", to: "same: turn.2 turn.stop" },
  { given: "an answer that may not be paused", context: fixed, to: "ignored" },
  {
    given: "forced",
    context: fixed,
    event: { force: true },
    to: "same: turn.2 turn.stop",
  },
];
const milder = { measure: "shorterAnswers" };
const TAKEN = "fact measure.taken";
const NOTED = `same: ${TAKEN}, turn.0 measure.changed, turn.0 measure.changed` as const;
/** A budget runs out while no turn is live. */
function budgetIsOut(next: string): readonly Row<State>[] {
  const leaves = `present.draining: ${TAKEN}, turn.0 measure.changed, turn.0 turn.stop` as const;
  return [
    { given: "all of it", to: `${leaves}, open ${next}` },
    {
      given: "all of it, with words of its own for that",
      context: { texts: ["overBudget"] },
      to: `${leaves}, open ${next}`,
    },
    {
      given: "all of it, no words, but a tool runs",
      context: { texts: [], tools: [running] },
      to: leaves,
    },
    { given: "most of it", event: milder, to: NOTED },
    { given: "as before", event: milder, context: milder as Partial<RoomContext>, to: "ignored" },
    {
      given: "there is more again",
      event: { measure: "none" },
      context: milder as Partial<RoomContext>,
      to: NOTED,
    },
  ];
}
const budgetWhileOneTalks: readonly Row<State>[] = [
  {
    given: "all of it",
    to: `present.draining: ${TAKEN}, turn.2 measure.changed, turn.0 turn.stop`,
  },
  {
    given: "most of it",
    event: milder,
    to: `same: ${TAKEN}, turn.0 measure.changed, turn.2 measure.changed`,
  },
  {
    given: "most of it, and another listens",
    event: milder,
    context: listening,
    to: `same: ${TAKEN}, turn.3 measure.changed, turn.2 measure.changed`,
  },
];
const budgetWhileLeaving: readonly Row<State>[] = [
  { given: "it leaves already", to: `same: ${TAKEN}` },
  {
    given: "taken back",
    event: { measure: "none" },
    context: { measure: "farewell" },
    to: "ignored",
  },
];
const answers: readonly Row<State>[] = [
  { given: "it may speak", to: "same" },
  { given: "muted", context: { muted: true }, to: "same: turn.2 turn.stop" },
];

const CELLS: Readonly<Record<State, Cells>> = {
  "present.joining": {
    "budget.changed": budgetIsOut("turn.1"),
    "command.set": "same: turn.0 settings.changed, turn.0 settings.changed",
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": hookEnds,
    "turn.holds": "same: turn.0 speech.over",
    "user.judged": "ignored",
    "room.joined": "present.live.empty",
    "room.reconnecting": "ignored",
    "room.reconnected": "ignored",
    "participant.joined": "same",
    "participant.left": "same: turn.0 turn.stop, turn.0 turn.stop",
    "track.published": trackPublished,
    "track.unpublished": "ignored",
    "text.received": "same: open turn.1, turn.1 user.words",
    "command.say": "same",
    "command.interrupt": "ignored",
    "command.mute": "same: turn.0 turn.stop",
    "command.unmute": "same",
    "command.instruct": "same",
    "command.end": "present.draining: turn.0 turn.stop, open turn.1",
    "host.failed": "present.draining: turn.0 turn.stop, turn.0 turn.stop, open turn.1",
    "connection.ended": [
      {
        given: "closed by the room",
        to: "closed: stop connection, turn.0 turn.stop, turn.0 turn.stop",
      },
      ...connectionBreaks(
        "closed: stop connection, turn.0 turn.stop, turn.0 turn.stop",
        "again: stop connection, start connection",
      ),
    ],
    "tool.ended": toolEnds,
    "user.started": "same: open turn.1, turn.1 user.started",
    "user.ended": "same",
    "user.words": "same: open turn.1, turn.1 user.words",
    "track.closed": "same",
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": "same",
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": "same",
    "turn.took": "same: turn.0 floor.taken",
    "turn.yielded": "same: turn.0 floor.returned",
    "tools.requested": "same: start tool.c1",
  },
  "present.live.empty": {
    "budget.changed": budgetIsOut("turn.1"),
    "command.set": "same: turn.0 settings.changed, turn.0 settings.changed",
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": hookEnds,
    "turn.holds": "same: turn.0 speech.over",
    "user.judged": "ignored",
    "room.joined": "ignored",
    "room.reconnecting": "present.recovering",
    "room.reconnected": "ignored",
    "participant.joined": [
      { given: "the first", to: "present.live.engaged: open turn.1" },
      { given: "greeted before", context: { greeted: true }, to: "present.live.idle" },
      { given: "no greeting", context: { texts: [] }, to: "present.live.idle" },
      { given: "muted", context: { muted: true }, to: "present.live.occupied" },
    ],
    "participant.left": "same: turn.0 turn.stop, turn.0 turn.stop",
    "track.published": trackPublished,
    "track.unpublished": "ignored",
    "text.received": "same: open turn.1, turn.1 user.words",
    "command.say": "same",
    "command.interrupt": "ignored",
    "command.mute": "same: turn.0 turn.stop",
    "command.unmute": "same",
    "command.instruct": "same",
    "command.end": "present.draining: turn.0 turn.stop, open turn.1",
    "host.failed": "present.draining: turn.0 turn.stop, turn.0 turn.stop, open turn.1",
    "connection.ended": [
      {
        given: "closed by the room",
        to: "closed: stop connection, turn.0 turn.stop, turn.0 turn.stop",
      },
      ...connectionBreaks("closed: stop connection, turn.0 turn.stop, turn.0 turn.stop"),
    ],
    "tool.ended": toolEnds,
    "user.started": "same: open turn.1, turn.1 user.started",
    "user.ended": "same",
    "user.words": "same: open turn.1, turn.1 user.words",
    "track.closed": "same",
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": "same",
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": "same",
    "turn.took": "same: turn.0 floor.taken",
    "turn.yielded": "same: turn.0 floor.returned",
    "tools.requested": "same: start tool.c1",
  },
  "present.live.idle": {
    "budget.changed": budgetIsOut("turn.2"),
    "command.set": "same: turn.0 settings.changed, turn.0 settings.changed",
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": hookEnds,
    "turn.holds": "same: turn.0 speech.over",
    "user.judged": "ignored",
    "room.joined": "ignored",
    "room.reconnecting": "present.recovering",
    "room.reconnected": "ignored",
    "participant.joined": "same",
    "participant.left": [
      { given: "the last one", to: "present.live.empty: turn.0 turn.stop, turn.0 turn.stop" },
      {
        given: "another stays",
        context: { participants: [ann, { ...ann, identity: "bob" }] },
        to: "same",
      },
    ],
    "track.published": trackPublished,
    "track.unpublished": "same: track.a track.close",
    "text.received": "present.live.engaged: open turn.2, turn.2 user.words",
    "command.say": "present.live.engaged: open turn.2",
    "command.interrupt": "ignored",
    "command.mute": "present.live.occupied: turn.0 turn.stop",
    "command.unmute": [
      { given: "nothing to say", to: "same" },
      {
        given: "something to say",
        context: { muted: true, queue: [{ ref: "x1", pausable: true, after: "stay" }] },
        to: "present.live.engaged: open turn.2",
      },
    ],
    "command.instruct": "same",
    "command.end": [
      { given: "a farewell", to: "present.draining: turn.0 turn.stop, open turn.2" },
      { given: "no farewell", context: { texts: [] }, to: DRAINED },
      {
        given: "no farewell, but a tool runs",
        context: { texts: [], tools: [running] },
        to: "present.draining: turn.0 turn.stop",
      },
    ],
    "host.failed": [
      {
        given: "a farewell",
        to: "present.draining: turn.0 turn.stop, turn.0 turn.stop, open turn.2",
      },
      { given: "no farewell", context: { texts: [] }, to: LEAVES },
    ],
    "connection.ended": [
      { given: "closed by the room", to: QUIET_IDLE },
      ...connectionBreaks(QUIET_IDLE),
    ],
    "tool.ended": [
      { given: "a tool nobody knows", to: "same: fact tool.finished" },
      {
        given: "its turn is over",
        context: { tools: [{ ...running, n: 1 }] },
        to: "same: fact tool.finished",
      },
      {
        given: "a read that was lost",
        context: { tools: [{ ...running, n: 1 }] },
        event: lost,
        to: "present.live.occupied: start tool.c1",
      },
    ],
    "user.started": "present.live.engaged: open turn.2, turn.2 user.started",
    "user.ended": "same",
    "user.words": [
      {
        given: "speech of nobody",
        to: "present.live.engaged: open turn.2, turn.2 user.words",
      },
      {
        given: "speech of a turn that was answered",
        context: { ...said(1), answered: [1] },
        to: "same: fact words.late",
      },
      {
        given: "speech of a turn that was not",
        context: said(1),
        to: "present.live.engaged: open turn.2, turn.2 user.words",
      },
      { given: "echo", event: { echo: true }, to: "same: fact words.echo" },
    ],
    "track.closed": "same",
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": "present.live.engaged",
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": "same",
    "turn.took": "same: turn.0 floor.taken",
    "turn.yielded": "same: turn.0 floor.returned",
    "tools.requested": "present.live.occupied: start tool.c1",
  },
  "present.live.occupied": {
    "budget.changed": budgetIsOut("turn.2"),
    "command.set": "same: turn.0 settings.changed, turn.0 settings.changed",
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": hookEnds,
    "turn.holds": "same: turn.0 speech.over",
    "user.judged": "ignored",
    "room.joined": "ignored",
    "room.reconnecting": "present.recovering",
    "room.reconnected": "ignored",
    "participant.joined": "same",
    "participant.left": [
      { given: "the last one", to: "present.live.empty: turn.0 turn.stop, turn.0 turn.stop" },
      {
        given: "another stays",
        context: { participants: [ann, { ...ann, identity: "bob" }] },
        to: "same",
      },
    ],
    "track.published": trackPublished,
    "track.unpublished": "same: track.a track.close",
    "text.received": "present.live.engaged: open turn.2, turn.2 user.words",
    "command.say": [
      { given: "it may speak", to: "present.live.engaged: open turn.2" },
      { given: "muted", context: { muted: true }, to: "same" },
    ],
    "command.interrupt": "ignored",
    "command.mute": "same: turn.0 turn.stop",
    "command.unmute": [
      { given: "a tool runs", to: "same" },
      {
        given: "nothing else to wait for",
        context: { muted: true, tools: [] },
        to: "present.live.idle",
      },
      {
        given: "something to say",
        context: { muted: true, queue: [{ ref: "x1", pausable: true, after: "stay" }] },
        to: "present.live.engaged: open turn.2",
      },
    ],
    "command.instruct": "same",
    "command.end": [
      { given: "a farewell", to: "present.draining: turn.0 turn.stop, open turn.2" },
      { given: "no farewell", context: { texts: [] }, to: "present.draining: turn.0 turn.stop" },
    ],
    "host.failed": [
      {
        given: "a farewell",
        to: "present.draining: turn.0 turn.stop, turn.0 turn.stop, open turn.2",
      },
      { given: "no farewell", context: { texts: [] }, to: LEAVES },
    ],
    "connection.ended": [
      { given: "closed by the room", to: QUIET_IDLE },
      ...connectionBreaks(QUIET_IDLE),
    ],
    "tool.ended": [
      { given: "the last one", to: "present.live.idle: fact tool.finished" },
      {
        given: "another runs",
        context: {
          tools: [
            { ...write, n: 1 },
            { ...running, n: 1, call: "c2" },
          ],
        },
        to: "same: fact tool.finished",
      },
      { given: "it hangs up, and its turn is over", event: hangUp, to: HANGS_UP },
      {
        given: "a read that was lost",
        context: { tools: [{ ...running, n: 1 }] },
        event: lost,
        to: "same: start tool.c1",
      },
      { given: "a write that was lost", event: lost, to: "present.live.idle: fact tool.finished" },
    ],
    "user.started": "present.live.engaged: open turn.2, turn.2 user.started",
    "user.ended": "same",
    "user.words": [
      {
        given: "speech of nobody",
        to: "present.live.engaged: open turn.2, turn.2 user.words",
      },
      {
        given: "speech of a turn that was answered",
        context: { ...said(1), answered: [1] },
        to: "same: fact words.late",
      },
    ],
    "track.closed": "same",
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": "present.live.engaged",
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": "same",
    "turn.took": "same: turn.0 floor.taken",
    "turn.yielded": "same: turn.0 floor.returned",
    "tools.requested": [
      { given: "a read", event: { calls: [{ ...ASKED, call: "c2" }] }, to: "same: start tool.c2" },
    ],
  },
  "present.live.engaged": {
    "budget.changed": budgetWhileOneTalks,
    "command.set": settingsChange,
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": hookEnds,
    "turn.holds": "same: turn.2 speech.over",
    "user.judged": judges,
    "room.joined": "ignored",
    "room.reconnecting": "present.recovering",
    "room.reconnected": "ignored",
    "participant.joined": "same",
    "participant.left": oneLeaves,
    "track.published": trackPublished,
    "track.unpublished": trackGoes,
    "text.received": typed,
    "command.say": sayOver,
    "command.interrupt": interrupts,
    "command.mute": "same: turn.2 turn.stop",
    "command.unmute": "same",
    "command.instruct": "same",
    "command.end": "present.draining: turn.0 turn.stop",
    "host.failed": "present.draining: turn.2 turn.stop, turn.0 turn.stop",
    "connection.ended": [{ given: "closed by the room", to: QUIET }, ...connectionBreaks(QUIET)],
    "tool.ended": [...toolEnds, ...hangsUp, ...joins],
    "user.started": overSpeech,
    "user.ended": speechEnds,
    "user.words": overWords,
    "track.closed": "same",
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": answers,
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": [
      { given: "nothing else", to: "present.live.idle" },
      {
        given: "a turn listens behind it",
        context: listening,
        to: "same: turn.3 previous.ended",
      },
      {
        given: "the last turn",
        context: { lastTurn: 2 },
        to: LEAVES,
      },
      {
        given: "failed, the caller waits",
        event: { status: "failed" },
        to: "same: open turn.3",
      },
      {
        given: "failed, no apology to say",
        event: { status: "failed" },
        context: { texts: [] },
        to: "present.live.idle",
      },
      {
        given: "failed, while the farewell is to be said",
        event: { status: "failed" },
        context: { measure: "farewell" },
        to: "present.live.idle",
      },
      {
        given: "spoke while speech-to-text is down",
        event: { status: "abandoned", reason: "no words" },
        context: UNHEARD,
        to: "same: open turn.3",
      },
      {
        given: "spoke while it is down, and was told so before",
        event: { status: "abandoned", reason: "no words" },
        context: { ...UNHEARD, saidUnheard: true },
        to: "present.live.idle",
      },
      {
        given: "made a noise while all is well",
        event: { status: "abandoned", reason: "no words" },
        context: { texts: ["unheard"] },
        to: "present.live.idle",
      },
      {
        given: "a text of the agent failed",
        event: { status: "failed", kind: "agent" },
        to: "present.live.idle",
      },
      {
        given: "answered, with a hook",
        context: { hooks: ["afterTurn"] },
        to: "present.live.idle: start afterTurn.2",
      },
      {
        given: "abandoned, with a hook",
        event: { status: "abandoned" },
        context: { hooks: ["afterTurn"] },
        to: "present.live.idle",
      },
      {
        given: "a text of the agent was said, with a hook",
        event: { kind: "agent" },
        context: { hooks: ["afterTurn"] },
        to: "present.live.idle",
      },
      {
        given: "the last turn, with a hook",
        context: { lastTurn: 2, hooks: ["afterTurn"] },
        to: `${LAST_TURN}, start afterTurn.2, track.a track.close`,
      },
      {
        given: "answered, a call of it that joined a write waits",
        context: { tools: [{ ...write, n: 1 }, joined] },
        children: ["connection", "tool.c1:tool"],
        to: "present.live.occupied",
      },
      {
        given: "cut, a read of it runs",
        event: { status: "cutOff" },
        context: { tools: [running] },
        children: ["connection", "tool.c1:tool"],
        to: "present.live.occupied: stop tool.c1",
      },
      {
        given: "cut, a write of it runs",
        event: { status: "cutOff" },
        context: { tools: [write] },
        children: ["connection", "tool.c1:tool"],
        to: "present.live.occupied",
      },
      {
        given: "done, a read of it runs",
        context: { tools: [running] },
        children: ["connection", "tool.c1:tool"],
        to: "present.live.occupied",
      },
    ],
    "turn.took": "same: turn.2 floor.taken",
    "turn.yielded": "same: turn.2 floor.returned",
    "tools.requested": asksFor,
  },
  "present.recovering": {
    "budget.changed": budgetWhileOneTalks,
    "command.set": settingsChange,
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": hookEnds,
    "turn.holds": "same: turn.2 speech.over",
    "user.judged": judges,
    "room.joined": "present.live.engaged",
    "room.reconnecting": "ignored",
    "room.reconnected": "present.live.engaged",
    "participant.joined": "same",
    "participant.left": oneLeaves,
    "track.published": trackPublished,
    "track.unpublished": trackGoes,
    "text.received": typed,
    "command.say": sayOver,
    "command.interrupt": interrupts,
    "command.mute": "same: turn.2 turn.stop",
    "command.unmute": "same",
    "command.instruct": "same",
    "command.end": "present.draining: turn.0 turn.stop",
    "host.failed": "present.draining: turn.2 turn.stop, turn.0 turn.stop",
    "connection.ended": [{ given: "closed by the room", to: QUIET }, ...connectionBreaks(QUIET)],
    "tool.ended": toolEnds,
    "user.started": overSpeech,
    "user.ended": speechEnds,
    "user.words": overWords,
    "track.closed": "same",
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": answers,
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": [
      { given: "nothing else", to: "same" },
      {
        given: "a turn listens behind it",
        context: listening,
        to: "same: turn.3 previous.ended",
      },
      {
        given: "the last turn",
        context: { lastTurn: 2 },
        to: LEAVES,
      },
      {
        given: "failed, the caller waits",
        event: { status: "failed" },
        to: "same",
      },
      {
        given: "failed, no apology to say",
        event: { status: "failed" },
        context: { texts: [] },
        to: "same",
      },
      {
        given: "a text of the agent failed",
        event: { status: "failed", kind: "agent" },
        to: "same",
      },
      {
        given: "cut, a read of it runs",
        event: { status: "cutOff" },
        context: { tools: [running] },
        children: ["connection", "tool.c1:tool"],
        to: "same: stop tool.c1",
      },
      {
        given: "cut, a write of it runs",
        event: { status: "cutOff" },
        context: { tools: [write] },
        children: ["connection", "tool.c1:tool"],
        to: "same",
      },
      {
        given: "done, a read of it runs",
        context: { tools: [running] },
        children: ["connection", "tool.c1:tool"],
        to: "same",
      },
    ],
    "turn.took": "same: turn.2 floor.taken",
    "turn.yielded": "same: turn.2 floor.returned",
    "tools.requested": "same: start tool.c1",
  },
  "present.draining": {
    "budget.changed": budgetWhileLeaving,
    "command.set": "same: turn.0 settings.changed, turn.2 settings.changed",
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": hookEnds,
    "turn.holds": "same: turn.2 speech.over",
    "user.judged": judges,
    "room.joined": "ignored",
    "room.reconnecting": "ignored",
    "room.reconnected": "ignored",
    "participant.joined": "same",
    "participant.left": "same: turn.2 turn.stop, turn.0 turn.stop",
    "track.published": trackPublished,
    "track.unpublished": "same: track.a track.close",
    "text.received": "same",
    "command.say": "same",
    "command.interrupt": "same: turn.2 turn.stop",
    "command.mute": "same: turn.2 turn.stop",
    "command.unmute": "same",
    "command.instruct": "same",
    "command.end": "same",
    "host.failed": "same",
    "connection.ended": [
      { given: "closed by the room", to: QUIET },
      {
        given: "lost with its owner",
        event: lost,
        to: "again: stop connection, start connection, turn.0 turn.stop",
      },
      { given: "failed", event: { how: "failed" }, to: QUIET },
      { given: "a stale end", event: { current: false }, to: "ignored" },
    ],
    "tool.ended": toolEnds,
    "user.started": "same",
    "user.ended": "same",
    "user.words": "same",
    "track.closed": "same",
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": "same",
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": LEAVES,
    "turn.took": "same: turn.2 floor.taken",
    "turn.yielded": "same: turn.2 floor.returned",
    "tools.requested": "same: start tool.c1",
  },
  "leaving.disconnecting": {
    "budget.changed": "ignored",
    "command.set": "same: turn.0 settings.changed, turn.0 settings.changed",
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": hookEnds,
    "turn.holds": "ignored",
    "user.judged": "ignored",
    "room.joined": "ignored",
    "room.reconnecting": "ignored",
    "room.reconnected": "ignored",
    "participant.joined": "ignored",
    "participant.left": "ignored",
    "track.published": "ignored",
    "track.unpublished": "ignored",
    "text.received": "ignored",
    "command.say": "ignored",
    "command.interrupt": "ignored",
    "command.mute": "ignored",
    "command.unmute": "same",
    "command.instruct": "same",
    "command.end": "ignored",
    "host.failed": "ignored",
    "connection.ended": "leaving.quiet",
    "tool.ended": [
      { given: "a tool nobody knows", to: "same: fact tool.finished" },
      {
        given: "it hangs up, as is done already",
        context: { tools: [write], reason: "bye" },
        event: hangUp,
        to: "same: fact tool.finished",
      },
    ],
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "track.closed": "same",
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": "same",
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": "same",
    "turn.took": "same: turn.0 floor.taken",
    "turn.yielded": "same: turn.0 floor.returned",
    "tools.requested": "ignored",
  },
  "leaving.quiet": {
    "budget.changed": "ignored",
    "command.set": "same: turn.0 settings.changed, turn.0 settings.changed",
    "command.agent": "same: turn.0 agent.changed",
    "hook.ended": quietHook,
    "turn.holds": "ignored",
    "user.judged": "ignored",
    "room.joined": "ignored",
    "room.reconnecting": "ignored",
    "room.reconnected": "ignored",
    "participant.joined": "ignored",
    "participant.left": "ignored",
    "track.published": "ignored",
    "track.unpublished": "ignored",
    "text.received": "ignored",
    "command.say": "ignored",
    "command.interrupt": "ignored",
    "command.mute": "ignored",
    "command.unmute": "same",
    "command.instruct": "same",
    "command.end": "ignored",
    "host.failed": "ignored",
    "connection.ended": "ignored",
    "tool.ended": [
      { given: "a track is open yet", context: { tools: [write] }, to: "same: fact tool.finished" },
      {
        given: "it was the last thing to end",
        context: { tracks: [], tools: [write] },
        to: "closed: fact tool.finished",
      },
    ],
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "track.closed": [
      { given: "it was the last thing to end", to: "closed" },
      { given: "a write runs yet", context: { tools: [write] }, to: "same" },
    ],
    "track.stt": "same: turn.0 stt.state",
    "turn.answering": "same",
    "turn.speaking": "same",
    "turn.interrupted": "same",
    "turn.paused": "same: turn.0 previous.paused",
    "turn.over": "same",
    "turn.took": "same: turn.0 floor.taken",
    "turn.yielded": "same: turn.0 floor.returned",
    "tools.requested": "ignored",
  },
  closed: {
    "budget.changed": "ignored",
    "command.set": "ignored",
    "command.agent": "ignored",
    "hook.ended": "ignored",
    "turn.holds": "ignored",
    "user.judged": "ignored",
    "room.joined": "ignored",
    "room.reconnecting": "ignored",
    "room.reconnected": "ignored",
    "participant.joined": "ignored",
    "participant.left": "ignored",
    "track.published": "ignored",
    "track.unpublished": "ignored",
    "text.received": "ignored",
    "command.say": "ignored",
    "command.interrupt": "ignored",
    "command.mute": "ignored",
    "command.unmute": "ignored",
    "command.instruct": "ignored",
    "command.end": "ignored",
    "host.failed": "ignored",
    "connection.ended": "ignored",
    "tool.ended": "ignored",
    "user.started": "ignored",
    "user.ended": "ignored",
    "user.words": "ignored",
    "track.closed": "ignored",
    "track.stt": "ignored",
    "turn.answering": "ignored",
    "turn.speaking": "ignored",
    "turn.interrupted": "ignored",
    "turn.paused": "ignored",
    "turn.over": "ignored",
    "turn.took": "ignored",
    "turn.yielded": "ignored",
    "tools.requested": "ignored",
  },
};

const TIMERS: Readonly<Record<State, Readonly<Record<string, Cell<State>>>>> = {
  "present.joining": {
    joinMax: "leaving.disconnecting: stop connection, turn.0 turn.stop, turn.0 turn.stop",
  },
  "present.live.empty": {
    grace: "leaving.disconnecting: stop connection, turn.0 turn.stop, turn.0 turn.stop",
  },
  "present.live.idle": {
    away: [
      { given: "a prompt is left", to: "present.live.engaged: open turn.2" },
      { given: "a prompt is left, but no text", context: { texts: [] }, to: "again" },
      {
        given: "a prompt is left, but words are saved",
        context: { measure: "shorterAnswers" },
        to: "again",
      },
      { given: "prompted", context: { prompts: 1 }, to: "present.live.engaged: open turn.2" },
      { given: "prompted, no farewell", context: { prompts: 1, texts: [] }, to: LEAVES },
    ],
  },
  "present.live.occupied": {},
  "present.live.engaged": {},
  "present.recovering": {
    recoverMax: CUT_OFF,
  },
  "present.draining": {
    drainMax: [
      { given: "nothing runs", to: CUT_OFF },
      {
        given: "a read runs",
        context: { tools: [running] },
        children: ["connection", "tool.c1:tool"],
        to: `leaving.disconnecting: ${LAST_WORDS}, stop tool.c1, track.a track.close`,
      },
      {
        given: "a write runs",
        context: { tools: [write] },
        children: ["connection", "tool.c1:tool"],
        to: CUT_OFF,
      },
    ],
  },
  "leaving.disconnecting": { leaveMax: "closed" },
  "leaving.quiet": { leaveMax: "closed" },
  closed: {},
};

const TABLE = {
  machine: roomMachine,
  rests: RESTS,
  events: EVENTS,
  cells: CELLS,
  timers: TIMERS,
} as const;

test("the room table has every state and every timer of the chart", () => checkWhole(TABLE));

for (const state of statesOf(TABLE))
  test(`room ${state}: every event and every timer`, () => checkState(TABLE, state));
