import { initialTransition, type AnyEventObject, type AnyStateMachine } from "xstate";
import { getAdjacencyMap, getShortestPaths } from "xstate/graph";
import type { Snapshot } from "../../src/actors/machine-set.ts";
import { roomMachine } from "../../src/machines/room.machine.ts";
import type { RoomContext } from "../../src/machines/room.rules.ts";
import { trackMachine, type TrackContext } from "../../src/machines/track.machine.ts";
import { turnMachine } from "../../src/machines/turn.machine.ts";
import {
  anyHeard,
  fillerFor,
  hasAnswered,
  hasSegments,
} from "../../src/machines/turn-runs.rules.ts";
import { savesWords, type TurnContext, type TurnInput } from "../../src/machines/turn-context.ts";
import { isSettled } from "../../src/machines/turn.rules.ts";
import { armedIn, restOf, take, type Taken } from "./chart.ts";
import { TurnSettings } from "../../src/events/settings.events.ts";
import { SETTINGS, words } from "./fixtures.ts";
import { NOW } from "./table.ts";

/**
 * Every chart walked from its start by all events that can occur, timers too, over an abstraction
 * of its context that keeps what guards read. So a chart of endless contexts has a graph with an
 * end.
 */
export interface World {
  readonly kind: "room" | "track" | "turn";
  readonly machine: AnyStateMachine;
  readonly inputs: readonly object[];
  /** What has happened before the walk begins. */
  readonly before?: readonly AnyEventObject[];
  readonly events: (snapshot: Snapshot) => readonly AnyEventObject[];
  readonly key: (snapshot: Snapshot) => unknown;
}

export interface Edge extends Taken {
  readonly event: AnyEventObject;
}

export interface Path {
  readonly state: Snapshot;
  readonly events: readonly AnyEventObject[];
}

function optionsOf(world: World, input: object) {
  const [first] = initialTransition(world.machine, { ...input, at: NOW } as never);
  const fromState = (world.before ?? []).reduce(
    (state, event) => take(world.machine, state, event).after,
    first as Snapshot,
  );
  return {
    fromState,
    serializeState: (state: Snapshot) => JSON.stringify([state.value, world.key(state)]) as never,
    events: (state: Snapshot) => [...timersIn(world, state), ...world.events(state)],
    limit: 100_000,
  };
}

/** A running timer may be the next to fire. */
function timersIn({ machine }: World, state: Snapshot): readonly AnyEventObject[] {
  if (state.status !== "active") return [];
  return armedIn(machine, restOf(state.value)).map(({ event }) => ({ type: event, at: NOW }));
}

/** Every state and event of the graph once, with what the step did. */
export function edgesOf(world: World): readonly Edge[] {
  return world.inputs.flatMap((input) => {
    const map = getAdjacencyMap(world.machine, optionsOf(world, input) as never);
    return Object.values(map as unknown as Record<string, Adjacent>).flatMap(
      ({ state, transitions }) =>
        Object.values(transitions).map(({ event }) => ({
          event,
          ...take(world.machine, state, event),
        })),
    );
  });
}

interface Adjacent {
  readonly state: Snapshot;
  readonly transitions: Readonly<Record<string, { readonly event: AnyEventObject }>>;
}

/** The shortest way to every state of the graph. */
export function pathsOf(world: World): readonly Path[] {
  return world.inputs.flatMap((input) =>
    getShortestPaths(world.machine, optionsOf(world, input) as never).map((path) => ({
      state: path.state as Snapshot,
      events: (path.steps as readonly { event: AnyEventObject }[]).map(({ event }) => event),
    })),
  );
}

const at = NOW;
const user = { sid: "a", identity: "ann", at };
const end = { child: "reply", current: true, at };
const asked = { call: "c1", sayWhile: "tool.find", joins: "" };
const calls = [{ ...asked, name: "find", write: false, idempotent: true, cancels: true }];
const writes = [{ ...asked, name: "book", write: true, idempotent: false, cancels: false }];
const again = writes.map((call) => ({ ...call, call: "c2", joins: "c1" }));

const ONCE = TurnSettings.parse({ speculation: { maxAttempts: 1 } });
const LATE = TurnSettings.parse({
  speculation: { maxAttempts: 1 },
  interruption: { pauseAfter: 200 },
});
const who = { agent: "", filler: "filler", measure: "none" } as const;
const plain = { n: 2, kind: "user", saying: null, sttDown: false, settings: ONCE, at } as const;
const fresh = { ...plain, ...who } as const;
const LISTENERS: readonly TurnInput[] = [
  { ...fresh, contest: "none", previousDone: true, pausable: true },
  { ...fresh, contest: "pause", previousDone: false, pausable: true, sttDown: true },
  { ...fresh, contest: "pause", previousDone: false, pausable: true, settings: LATE },
  { ...fresh, contest: "echo", previousDone: false, pausable: true },
  { ...fresh, contest: "none", previousDone: false, pausable: false },
];
const ANSWERERS: readonly TurnInput[] = [
  { ...fresh, contest: "none", previousDone: true, pausable: true, kind: "agent", saying: ["g"] },
  { ...fresh, contest: "none", previousDone: true, pausable: false, kind: "agent", saying: ["g"] },
];
/** A user's turn that answers: its wait may be covered. */
const COVERED: readonly TurnInput[] = [
  { ...fresh, contest: "none", previousDone: true, pausable: true },
  { ...fresh, contest: "none", previousDone: true, pausable: true, filler: "" },
];
const ASKED: readonly AnyEventObject[] = [
  { type: "user.words", ...words(), at },
  { type: "xstate.after.listeningMax.turn.listening", at },
];

const SPEECH: readonly AnyEventObject[] = [
  { type: "user.started", from: 1_000, ...user },
  { type: "user.ended", from: 1_000, to: 2_000, silenceMs: 250, ...user },
  { type: "user.words", ...words({ final: false }), at },
  { type: "user.words", ...words(), at },
  { type: "user.words", ...words({ ref: "w2", from: 2_100, to: 2_200, backchannel: true }), at },
  { type: "user.judged", sid: "a", to: 2_000, class: "ended", at },
];
const PREVIOUS: readonly AnyEventObject[] = [
  { type: "previous.paused", answerable: true, at },
  { type: "previous.ended", merge: null, at },
  { type: "previous.ended", merge: { from: 1, words: [words({ ref: "w0", from: 0 })] }, at },
];
const REPLY: readonly AnyEventObject[] = [
  { type: "reply.segment", ref: "s1", chars: 20, words: 5, question: false, at },
  { type: "speech.segment", ref: "s1", ms: 2_000, wordEndsMs: [400], estimated: false, at },
  { type: "reply.position", ms: 1_000, at },
  { type: "reply.ended", how: "done", position: 2_000, ...end },
  { type: "reply.ended", how: "done", result: { toolCalls: calls }, ...end },
  { type: "reply.ended", how: "failed", ...end },
  { type: "reply.ended", how: "lost", ...end },
];
const FILLER: readonly AnyEventObject[] = [
  { type: "filler.segment", ref: "f1", chars: 20, words: 5, question: false, at },
  { type: "speech.segment", ref: "f1", ms: 2_000, wordEndsMs: [400], estimated: false, at },
  { type: "filler.position", ms: 1_000, at },
  ...["done", "failed", "lost"].map((how) => ({
    type: "filler.ended",
    how,
    ...end,
    child: "filler",
  })),
];
const STOPPED_FILLER = { ...FILLER.at(-1)!, how: "stopped", position: 0 };
const STOPPED = { type: "reply.ended", how: "stopped", position: 1_000, ...end };
const STOP = { type: "turn.stop", reason: "muted", at };
const AROUND: readonly AnyEventObject[] = [
  { type: "speech.over", at },
  { type: "floor.taken", at },
  { type: "floor.returned", at },
  { type: "tool.result", call: "c1", agent: "cook", at },
  { type: "settings.changed", settings: ONCE, at },
  { type: "measure.changed", measure: "shorterAnswers", at },
  { type: "agent.changed", agent: "billing", filler: "", settings: ONCE, at },
  { type: "words.late", ...words({ ref: "w9" }), at },
  STOP,
];

/** What a turn may hear until it answers; nothing comes twice that comes once. */
function listeningEvents(snapshot: Snapshot): readonly AnyEventObject[] {
  const { previousDone, speculating } = snapshot.context as TurnContext;
  if (!snapshot.matches("listening")) return [];
  return [
    ...SPEECH,
    ...(previousDone ? [] : PREVIOUS),
    ...(speculating ? REPLY.filter(({ type }) => type === "reply.ended") : []),
    STOP,
  ];
}

/** What comes of an answer, and of what goes on around it. */
function answeringEvents(snapshot: Snapshot): readonly AnyEventObject[] {
  if (snapshot.status !== "active") return [];
  return [
    ...("reply" in snapshot.children ? REPLY : []),
    ...("filler" in snapshot.children ? FILLER : []),
    ...(snapshot.matches("interrupted") ? [STOPPED, STOPPED_FILLER] : []),
    ...AROUND,
  ];
}

function listeningKey({ context: untyped }: Snapshot): unknown {
  const context = untyped as TurnContext;
  const { contest, previousDone, answerable, voices, sttDown, speculating } = context;
  return [
    [contest, previousDone, answerable, voices.length, sttDown, speculating],
    [Math.min(context.speculations, 1), isSettled(context)],
    context.words.map(({ ref, final }) => `${ref}${final}`),
    context.judged,
  ];
}

function answeringKey({ context: untyped }: Snapshot): unknown {
  const context = untyped as TurnContext;
  const { emptyReplies, tools, runs } = context;
  const last = (child: string) => runs.findLast((run) => run.child === child);
  const cover = last("filler");
  return [
    [emptyReplies, tools.map(({ done }) => done), hasSegments(context), anyHeard(context)],
    [(last("reply")?.positionMs ?? 0) > 0, last("reply")?.over, hasAnswered(context)],
    [cover?.over, cover?.started, fillerFor(context)],
  ];
}

const TRACK_INPUT = { sid: "a", identity: "ann", settings: SETTINGS };
const { sid: _sid, identity: _identity, final: _final, ...features } = words();
const TRACK_EVENTS: readonly AnyEventObject[] = [
  { type: "vad.started", from: 1_000, at },
  { type: "vad.ended", from: 1_000, to: 2_000, silenceMs: 250, at },
  { type: "stt.interim", ...features, at },
  { type: "stt.final", ...features, at },
  { type: "speech.judged", to: 2_000, p: 1, class: "ended", at },
  { type: "stt.opened", provider: "one", model: "m", at },
  { type: "stt.down", resendFrom: 1_000, at },
  { type: "stt.up", at },
  { type: "stt.retried", of: "one/m", attempt: 2, why: "provider.failed", waitMs: 9, at },
  { type: "stt.switched", from: "one/m", to: "two/m", why: "provider.rejected", at },
  { type: "stt.ended", child: "stt", how: "failed", current: true, at },
  { type: "stt.ended", child: "stt", how: "failed", current: false, at },
  { type: "detector.ended", child: "detector", how: "lost", current: true, at },
  { type: "track.close", at },
];

/** A stream that has ended tells nothing. */
function trackEvents({ children }: Snapshot): readonly AnyEventObject[] {
  return TRACK_EVENTS.filter(({ type, current }) => {
    const source =
      type === "vad.started" || type === "vad.ended" ? "detector" : type.split(".")[0]!;
    if (source === "speech") return "stt" in children || "detector" in children;
    return source === "track" || source in children || current === false;
  });
}

function trackKey({ context }: Snapshot): unknown {
  const { sttFailures, detectorFailures } = context as TrackContext;
  return [Math.min(sttFailures, 2), Math.min(detectorFailures, 2)];
}

const HEADER = {
  agent: { name: "host", hash: "h1" },
  settings: SETTINGS,
  agents: { cook: SETTINGS },
  hooks: [],
};
const TEXTS = ["greeting", "away", "farewell", "apology"];

/** How a call begins, goes on and ends, whatever is said in it. */
const BUDGET = { type: "budget.changed", node: "tenant", limitPico: "9", spentPico: "8" };
const WARNED = { ...BUDGET, heldPico: "0", measure: "warn", at };
const SHORTER = { ...WARNED, measure: "shorterAnswers" };
const USED_UP = { ...WARNED, measure: "farewell" };
const LIFE: readonly AnyEventObject[] = [
  { type: "room.joined", at },
  { type: "room.reconnecting", at },
  { type: "room.reconnected", at },
  { type: "participant.joined", identity: "ann", name: "Ann", at },
  { type: "participant.left", identity: "ann", at },
  { type: "command.end", reason: "done", at },
  { type: "host.failed", at },
  USED_UP,
  ...["done", "failed", "lost"].map((how) => ({
    type: "connection.ended",
    child: "connection",
    how,
    current: true,
    at,
  })),
];
const PUBLISHED = { type: "track.published", sid: "a", identity: "ann", kind: "audio", at };
const TRACK: readonly AnyEventObject[] = [
  { type: "track.unpublished", sid: "a", at },
  { type: "track.closed", sid: "a", at },
];

function lifeEvents(snapshot: Snapshot): readonly AnyEventObject[] {
  const { tracks, older, newer, tools } = snapshot.context as RoomContext;
  if (snapshot.status !== "active") return [];
  return [
    ...LIFE,
    ...(tracks.length > 0 ? TRACK : [PUBLISHED]),
    ...(tracks.length > 0 && newer === null ? [STARTED] : []),
    ...(older && tools.length === 0
      ? [{ type: "tools.requested", n: older.n, agent: "", calls: writes, at }]
      : []),
    ...(tools.length > 0 ? TOOL_ENDS : []),
    ...[older?.n ?? newer].filter((n) => n !== null).map((n) => overOf(n, "completed")),
  ];
}

const STARTED = { type: "user.started", from: 1_000, ...user };
/** What is said in a call that goes on, and what comes of it. */
const TALK: readonly AnyEventObject[] = [
  STARTED,
  { type: "user.ended", from: 1_000, to: 2_000, silenceMs: 250, ...user },
  { type: "user.words", ...words(), at },
  { type: "command.interrupt", force: false, at },
  { type: "command.mute", at },
  { type: "user.judged", sid: "a", to: 2_000, class: "ended", at },
  { type: "command.set", settings: SETTINGS, at },
  WARNED,
  SHORTER,
];

function talkEvents(snapshot: Snapshot): readonly AnyEventObject[] {
  const context = snapshot.context as RoomContext;
  if (snapshot.status !== "active") return [];
  return [
    ...TALK,
    ...(context.queue.length === 0 ? [{ type: "command.say", ref: "x1", now: true, at }] : []),
    ...(context.tools.length > 0 ? TOOL_ENDS : []),
    ...turnTells(context),
  ];
}

/** What tools and hooks do to a call, one turn after the other. */
function toolEvents(snapshot: Snapshot): readonly AnyEventObject[] {
  const context = snapshot.context as RoomContext;
  const { older, newer, tools, afterTurns } = context;
  if (snapshot.status !== "active") return [];
  const asks = (more: readonly object[]) =>
    older === null ? [] : [{ type: "tools.requested", n: older.n, agent: "", calls: more, at }];
  return [
    STARTED,
    { type: "user.judged", sid: "a", to: 2_000, class: "ended", at },
    { type: "command.set", settings: SETTINGS, at },
    { type: "command.agent", ...HEADER, hooks: ["afterTurn"], texts: [], at },
    ...(newer === null ? [] : [{ type: "turn.holds", n: newer, at }]),
    ...(tools.length === 0 ? asks(writes) : []),
    ...(tools.length === 1 && tools[0]!.call === "c1" ? asks(again) : []),
    ...(tools.length > 0 ? [...TOOL_ENDS, ...DIRECTIVES] : []),
    ...afterTurns.slice(0, 1).flatMap(({ n }) => hookEnds(n)),
    ...(newer !== null && older === null
      ? [{ type: "turn.answering", n: newer, pausable: true, at }]
      : []),
    ...(older === null ? [] : [overOf(older.n, "completed"), overOf(older.n, "cutOff")]),
  ];
}

const TOOL_ENDS: readonly AnyEventObject[] = ["done", "lost"].map((how) => ({
  type: "tool.ended",
  child: "tool.c1",
  how,
  current: true,
  at,
}));
const DIRECTIVES = [{ handoff: "cook" }, { handoff: "host" }, { hangUp: true }].map((result) => ({
  ...TOOL_ENDS[0]!,
  result,
}));

function hookEnds(n: number): readonly AnyEventObject[] {
  const child = `afterTurn.${n}`;
  return ["failed", "lost"].map((how) => ({ type: "hook.ended", child, how, current: true, at }));
}

function overOf(n: number, status: string): AnyEventObject {
  const rest = { kind: "user", reason: "", spokenMs: 1_000, merge: null };
  return { type: "turn.over", n, status, ...rest, at };
}

/** What the live turns may tell the room. */
function turnTells({ older, newer, tools }: RoomContext): readonly AnyEventObject[] {
  return [
    ...(newer !== null && older === null
      ? [{ type: "turn.answering", n: newer, pausable: true, at }]
      : []),
    ...(newer !== null
      ? [
          overOf(newer, "abandoned"),
          { type: "turn.took", n: newer, at },
          { type: "turn.yielded", n: newer, at },
          { type: "turn.holds", n: newer, at },
        ]
      : []),
    ...(older === null
      ? []
      : [
          { type: "turn.speaking", n: older.n, at },
          { type: "turn.paused", n: older.n, answerable: false, at },
          { type: "turn.interrupted", n: older.n, at },
          overOf(older.n, "completed"),
          overOf(older.n, "cutOff"),
          overOf(older.n, "failed"),
        ]),
    ...(older !== null && tools.length === 0
      ? [{ type: "tools.requested", n: older.n, agent: "", calls, at }]
      : []),
  ];
}

function roomKey({ context: untyped }: Snapshot): unknown {
  const context = untyped as RoomContext;
  const { older, newer, lastTurn, participants, queue, tools, tracks, afterTurns } = context;
  return [
    [older?.phase, newer !== null, lastTurn !== null, lastTurn === older?.n],
    participants.map(({ present }) => present),
    queue.map(({ ref }) => ref).slice(0, 2),
    tools.map(({ state, n }) => [state, n === older?.n]),
    tracks.map(({ closing, sttDown }) => [closing, sttDown]),
    [context.greeted, context.muted, context.prompts, context.rejoins > 2, context.reason !== ""],
    [context.agent, afterTurns.map(({ running }) => running).slice(0, 1), afterTurns.length > 1],
    savesWords(context.measure),
    [context.spokenMs > 3_000, context.ranges.at(-1)?.to === null],
  ];
}

export const WORLDS: readonly World[] = [
  {
    kind: "room",
    machine: roomMachine,
    inputs: [
      { ...HEADER, texts: TEXTS },
      { ...HEADER, texts: [] },
    ],
    events: lifeEvents,
    key: roomKey,
  },
  {
    kind: "room",
    machine: roomMachine,
    inputs: [{ ...HEADER, texts: ["apology"] }],
    before: [LIFE[0]!, LIFE[3]!, PUBLISHED],
    events: talkEvents,
    key: roomKey,
  },
  {
    kind: "room",
    machine: roomMachine,
    inputs: [{ ...HEADER, texts: [], hooks: ["afterTurn"] }],
    before: [LIFE[0]!, LIFE[3]!, PUBLISHED],
    events: toolEvents,
    key: roomKey,
  },
  {
    kind: "track",
    machine: trackMachine,
    inputs: [TRACK_INPUT],
    events: trackEvents,
    key: trackKey,
  },
  {
    kind: "turn",
    machine: turnMachine,
    inputs: LISTENERS,
    events: listeningEvents,
    key: listeningKey,
  },
  {
    kind: "turn",
    machine: turnMachine,
    inputs: ANSWERERS,
    events: answeringEvents,
    key: answeringKey,
  },
  {
    kind: "turn",
    machine: turnMachine,
    inputs: COVERED,
    before: ASKED,
    events: answeringEvents,
    key: answeringKey,
  },
];
