import type { AnyStateMachine } from "xstate";
import type { Choices, Waits } from "./choice.ts";
import { roomChoices, roomWaits } from "./room.choices.ts";
import { ROOM_VERSION, roomMachine } from "./room.machine.ts";
import { TRACK_VERSION, trackChoices, trackMachine, trackWaits } from "./track.machine.ts";
import { turnChoices, turnWaits } from "./turn.choices.ts";
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

/** What each of them decides by, to be asked of a log. */
export const DECISIONS: Readonly<Record<string, Readonly<Record<string, Decisions>>>> = {
  room: { [ROOM_VERSION]: { choices: roomChoices, waits: roomWaits } },
  track: { [TRACK_VERSION]: { choices: trackChoices, waits: trackWaits } },
  turn: { [TURN_VERSION]: { choices: turnChoices, waits: turnWaits } },
};

/** Guards and delays of one chart; what they are asked with is the chart's own. */
export interface Decisions {
  readonly choices: Choices<never>;
  readonly waits: Waits<never>;
}
