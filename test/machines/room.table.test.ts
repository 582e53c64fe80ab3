import type { RoomEvent } from "../../src/events/room.events.ts";
import { roomMachine } from "../../src/machines/room.machine.ts";
import { newRoom, type RoomContext } from "../../src/machines/room.rules.ts";
import type { Rest } from "./chart.ts";
import { SETTINGS, words } from "./fixtures.ts";
import { NOW, testTable, type Cell, type Row } from "./table.ts";

type State =
  | "present.joining"
  | "present.live.empty"
  | "present.live.idle"
  | "present.live.engaged"
  | "present.recovering"
  | "present.draining"
  | "leaving.disconnecting"
  | "leaving.quiet"
  | "closed";
type Type = RoomEvent["type"];
type Cells = Readonly<Record<Type, Cell<State>>>;

const TEXTS = ["greeting", "away", "farewell", "apology"];
const ann = { identity: "ann", name: "Ann", present: true };
const track = { sid: "a", identity: "ann", closing: false };
const inRoom = { participants: [ann], tracks: [track], greeted: true };
const older = { n: 2, phase: "speaking", pausable: true } as const;
const talk = { n: 2, older, spokenMs: 9_000 };

function room(more: Partial<RoomContext> = {}): RoomContext {
  return { ...newRoom({ settings: SETTINGS, texts: TEXTS }), ...more };
}

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
  "host.failed": { type: "host.failed", at: NOW },
  "connection.ended": { type: "connection.ended", child: "connection", ...end },
  "tool.ended": { type: "tool.ended", child: "tool.c1", ...end },
  "user.started": { type: "user.started", from: 3_000, ...user },
  "user.ended": { type: "user.ended", from: 1_000, to: 2_000, silenceMs: 250, ...user },
  "user.words": { type: "user.words", ...words(), at: NOW },
  "track.closed": { type: "track.closed", sid: "a", at: NOW },
  "track.stt": { type: "track.stt", sid: "a", down: true, at: NOW },
  "turn.answering": { type: "turn.answering", n: 2, pausable: true, at: NOW },
  "turn.speaking": { type: "turn.speaking", n: 2, at: NOW },
  "turn.interrupted": { type: "turn.interrupted", n: 2, at: NOW },
  "turn.paused": { type: "turn.paused", n: 2, answerable: false, at: NOW },
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
    calls: [{ call: "c1", name: "find", write: false, idempotent: true }],
    at: NOW,
  },
};
import { dump } from "./zz.ts";
dump(roomMachine, RESTS, EVENTS);
