import { test } from "node:test";
import type { TrackEvent } from "../../src/events/track.events.ts";
import { trackMachine, type TrackContext } from "../../src/machines/track.machine.ts";
import type { Rest } from "./chart.ts";
import { SETTINGS, words } from "./fixtures.ts";
import { NOW, checkState, checkWhole, statesOf, type Cell, type Line, type Row } from "./table.ts";

/** Both halves of an open track at once: whether it is heard, and whether it is written down. */
type Voice = "open.voice.detecting.silent" | "open.voice.detecting.speaking" | "open.voice.broken";
type Words = "open.words.hearing.up" | "open.words.hearing.down" | "open.words.broken";
type State = `${Voice} + ${Words}` | "closing" | "closed";
type Type = TrackEvent["type"];
type Cells = Readonly<Record<Type, Cell<State>>>;

const context: TrackContext = {
  sid: "a",
  identity: "ann",
  settings: SETTINGS,
  speakingFrom: 1_000,
  sttFailures: 0,
  detectorFailures: 0,
};

function open(voice: Voice, heard: Words): Rest {
  const children = [
    ...(voice === "open.voice.broken" ? [] : ["detector"]),
    ...(heard === "open.words.broken" ? [] : ["stt"]),
  ];
  return { leaves: [voice, heard], context, children };
}

const V = {
  silent: "open.voice.detecting.silent",
  speaking: "open.voice.detecting.speaking",
  broken: "open.voice.broken",
} as const;
const W = {
  up: "open.words.hearing.up",
  down: "open.words.hearing.down",
  broken: "open.words.broken",
} as const;

const RESTS: Readonly<Record<State, Rest>> = {
  "open.voice.detecting.silent + open.words.hearing.up": open(V.silent, W.up),
  "open.voice.detecting.silent + open.words.hearing.down": open(V.silent, W.down),
  "open.voice.detecting.silent + open.words.broken": open(V.silent, W.broken),
  "open.voice.detecting.speaking + open.words.hearing.up": open(V.speaking, W.up),
  "open.voice.detecting.speaking + open.words.hearing.down": open(V.speaking, W.down),
  "open.voice.detecting.speaking + open.words.broken": open(V.speaking, W.broken),
  "open.voice.broken + open.words.hearing.up": open(V.broken, W.up),
  "open.voice.broken + open.words.hearing.down": open(V.broken, W.down),
  "open.voice.broken + open.words.broken": open(V.broken, W.broken),
  closing: { leaves: ["closing"], context },
  closed: { leaves: ["closed"], context },
};

const { sid: _sid, identity: _identity, final: _final, ...features } = words();
const EVENTS: Readonly<{ [T in Type]: Extract<TrackEvent, { type: T }> }> = {
  "vad.started": { type: "vad.started", from: 3_000, at: NOW },
  "vad.ended": { type: "vad.ended", from: 1_000, to: 2_000, silenceMs: 250, at: NOW },
  "speech.judged": { type: "speech.judged", to: 2_000, p: 1, class: "ended", at: NOW },
  "stt.interim": { type: "stt.interim", ...features, at: NOW },
  "stt.final": { type: "stt.final", ...features, at: NOW },
  "stt.opened": { type: "stt.opened", provider: "one", model: "model", at: NOW },
  "stt.down": { type: "stt.down", resendFrom: 1_000, at: NOW },
  "stt.up": { type: "stt.up", at: NOW },
  "stt.retried": {
    type: "stt.retried",
    of: "one/model",
    attempt: 2,
    why: "provider.unavailable",
    waitMs: 120,
    at: NOW,
  },
  "stt.switched": {
    type: "stt.switched",
    from: "one/model",
    to: "two/model",
    why: "provider.rejected",
    at: NOW,
  },
  "stt.ended": { type: "stt.ended", child: "stt", how: "failed", current: true, at: NOW },
  "detector.ended": {
    type: "detector.ended",
    child: "detector",
    how: "failed",
    current: true,
    at: NOW,
  },
  "track.close": { type: "track.close", at: NOW },
};

/** The end of an effect; one that a newer effect has replaced says nothing about the track. */
function endsOf(to: Line<State>): readonly Row<State>[] {
  return [
    { given: "it broke", to },
    { given: "lost with its owner", event: { how: "lost" }, to },
    { given: "a stale end", event: { current: false }, to: "ignored" },
  ];
}

const CELLS: Readonly<Record<State, Cells>> = {
  "open.voice.detecting.silent + open.words.hearing.up": {
    "speech.judged": "same: room user.judged",
    "vad.started": "open.voice.detecting.speaking + open.words.hearing.up: room user.started",
    "vad.ended": "ignored",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "open.voice.detecting.silent + open.words.hearing.down: room track.stt",
    "stt.up": "ignored",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": endsOf(
      "open.voice.detecting.silent + open.words.broken: stop stt, room track.stt",
    ),
    "detector.ended": endsOf("open.voice.broken + open.words.hearing.up: stop detector"),
    "track.close": "closing: stop stt, stop detector",
  },
  "open.voice.detecting.silent + open.words.hearing.down": {
    "speech.judged": "same: room user.judged",
    "vad.started": "open.voice.detecting.speaking + open.words.hearing.down: room user.started",
    "vad.ended": "ignored",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "ignored",
    "stt.up": "open.voice.detecting.silent + open.words.hearing.up: room track.stt",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": endsOf(
      "open.voice.detecting.silent + open.words.broken: room track.stt, stop stt, room track.stt",
    ),
    "detector.ended": endsOf("open.voice.broken + open.words.hearing.down: stop detector"),
    "track.close": "closing: room track.stt, stop stt, stop detector",
  },
  "open.voice.detecting.silent + open.words.broken": {
    "speech.judged": "same: room user.judged",
    "vad.started": "open.voice.detecting.speaking + open.words.broken: room user.started",
    "vad.ended": "ignored",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "ignored",
    "stt.up": "ignored",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": "ignored",
    "detector.ended": endsOf("open.voice.broken + open.words.broken: stop detector"),
    "track.close": "closing: room track.stt, stop detector",
  },
  "open.voice.detecting.speaking + open.words.hearing.up": {
    "speech.judged": "same: room user.judged",
    "vad.started": "ignored",
    "vad.ended": "open.voice.detecting.silent + open.words.hearing.up: room user.ended",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "open.voice.detecting.speaking + open.words.hearing.down: room track.stt",
    "stt.up": "ignored",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": endsOf(
      "open.voice.detecting.speaking + open.words.broken: stop stt, room track.stt",
    ),
    "detector.ended": endsOf(
      "open.voice.broken + open.words.hearing.up: room user.ended, stop detector",
    ),
    "track.close": "closing: stop stt, room user.ended, stop detector",
  },
  "open.voice.detecting.speaking + open.words.hearing.down": {
    "speech.judged": "same: room user.judged",
    "vad.started": "ignored",
    "vad.ended": "open.voice.detecting.silent + open.words.hearing.down: room user.ended",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "ignored",
    "stt.up": "open.voice.detecting.speaking + open.words.hearing.up: room track.stt",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": endsOf(
      "open.voice.detecting.speaking + open.words.broken: room track.stt, stop stt, room track.stt",
    ),
    "detector.ended": endsOf(
      "open.voice.broken + open.words.hearing.down: room user.ended, stop detector",
    ),
    "track.close": "closing: room track.stt, stop stt, room user.ended, stop detector",
  },
  "open.voice.detecting.speaking + open.words.broken": {
    "speech.judged": "same: room user.judged",
    "vad.started": "ignored",
    "vad.ended": "open.voice.detecting.silent + open.words.broken: room user.ended",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "ignored",
    "stt.up": "ignored",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": "ignored",
    "detector.ended": endsOf(
      "open.voice.broken + open.words.broken: room user.ended, stop detector",
    ),
    "track.close": "closing: room track.stt, room user.ended, stop detector",
  },
  "open.voice.broken + open.words.hearing.up": {
    "speech.judged": "same: room user.judged",
    "vad.started": "ignored",
    "vad.ended": "ignored",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "open.voice.broken + open.words.hearing.down: room track.stt",
    "stt.up": "ignored",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": endsOf("open.voice.broken + open.words.broken: stop stt, room track.stt"),
    "detector.ended": "ignored",
    "track.close": "closing: stop stt",
  },
  "open.voice.broken + open.words.hearing.down": {
    "speech.judged": "same: room user.judged",
    "vad.started": "ignored",
    "vad.ended": "ignored",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "ignored",
    "stt.up": "open.voice.broken + open.words.hearing.up: room track.stt",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": endsOf(
      "open.voice.broken + open.words.broken: room track.stt, stop stt, room track.stt",
    ),
    "detector.ended": "ignored",
    "track.close": "closing: room track.stt, stop stt",
  },
  "open.voice.broken + open.words.broken": {
    "speech.judged": "same: room user.judged",
    "vad.started": "ignored",
    "vad.ended": "ignored",
    "stt.interim": "same: room user.words",
    "stt.final": "same: room user.words",
    "stt.down": "ignored",
    "stt.up": "ignored",
    "stt.opened": "same",
    "stt.retried": "same",
    "stt.switched": "same",
    "stt.ended": "ignored",
    "detector.ended": "ignored",
    "track.close": "closing: room track.stt",
  },
  closing: {
    "speech.judged": "ignored",
    "vad.started": "ignored",
    "vad.ended": "ignored",
    "stt.interim": "ignored",
    "stt.final": "ignored",
    "stt.down": "ignored",
    "stt.up": "ignored",
    "stt.opened": "ignored",
    "stt.retried": "ignored",
    "stt.switched": "ignored",
    "stt.ended": "closed: room track.closed",
    "detector.ended": "ignored",
    "track.close": "ignored",
  },
  closed: {
    "speech.judged": "ignored",
    "vad.started": "ignored",
    "vad.ended": "ignored",
    "stt.interim": "ignored",
    "stt.final": "ignored",
    "stt.down": "ignored",
    "stt.up": "ignored",
    "stt.opened": "ignored",
    "stt.retried": "ignored",
    "stt.switched": "ignored",
    "stt.ended": "ignored",
    "detector.ended": "ignored",
    "track.close": "ignored",
  },
};

const TIMERS: Readonly<Record<State, Readonly<Record<string, Cell<State>>>>> = {
  "open.voice.detecting.silent + open.words.hearing.up": {},
  "open.voice.detecting.silent + open.words.hearing.down": {},
  "open.voice.detecting.silent + open.words.broken": {
    sttBackoff: "open.voice.detecting.silent + open.words.hearing.up: room track.stt, start stt",
  },
  "open.voice.detecting.speaking + open.words.hearing.up": {},
  "open.voice.detecting.speaking + open.words.hearing.down": {},
  "open.voice.detecting.speaking + open.words.broken": {
    sttBackoff: "open.voice.detecting.speaking + open.words.hearing.up: room track.stt, start stt",
  },
  "open.voice.broken + open.words.hearing.up": {
    detectorBackoff: "open.voice.detecting.silent + open.words.hearing.up: start detector",
  },
  "open.voice.broken + open.words.hearing.down": {
    detectorBackoff: "open.voice.detecting.silent + open.words.hearing.down: start detector",
  },
  "open.voice.broken + open.words.broken": {
    detectorBackoff: "open.voice.detecting.silent + open.words.broken: start detector",
    sttBackoff: "open.voice.broken + open.words.hearing.up: room track.stt, start stt",
  },
  closing: { closeMax: "closed: room track.closed" },
  closed: {},
};

const TABLE = {
  machine: trackMachine,
  rests: RESTS,
  events: EVENTS,
  cells: CELLS,
  timers: TIMERS,
} as const;

test("the track table has every state and every timer of the chart", () => checkWhole(TABLE));

for (const state of statesOf(TABLE))
  test(`track ${state}: every event and every timer`, () => checkState(TABLE, state));
