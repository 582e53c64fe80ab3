import type { AnyStateMachine } from "xstate";
import { ROOM_VERSION, roomMachine } from "./room.machine.ts";
import { TRACK_VERSION, trackMachine } from "./track.machine.ts";
import { TURN_VERSION, turnMachine } from "./turn.machine.ts";

/**
 * Every machine version this build carries, by kind; an old version stays here as long as a call
 * that is pinned to it may still be folded (L4).
 */
export const MACHINES = {
  room: { [ROOM_VERSION]: roomMachine },
  track: { [TRACK_VERSION]: trackMachine },
  turn: { [TURN_VERSION]: turnMachine },
} satisfies Record<string, Record<string, AnyStateMachine>>;

/** The versions a new call is pinned to. */
export const CURRENT_VERSIONS = { room: ROOM_VERSION, track: TRACK_VERSION, turn: TURN_VERSION };
