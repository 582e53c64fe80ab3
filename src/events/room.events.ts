import { z } from "zod";
import type { BudgetChanged } from "./budget.events.ts";
import type { CallHeader } from "./call.events.ts";
import type { EndEvent } from "./effect.events.ts";
import type { TurnSettings } from "./settings.events.ts";
import type { At } from "./track.events.ts";
import { EndClass } from "./track.events.ts";
import type {
  Merged,
  RequestedTool,
  UserEnded,
  UserJudged,
  UserStarted,
  UserWords,
} from "./turn.events.ts";

/** What the room's connection meets. `provider`: who counts its minutes, where somebody does. */
export const RoomJoined = z.strictObject({
  type: z.literal("room.joined"),
  provider: z.string().min(1).optional(),
});
export type RoomJoined = z.infer<typeof RoomJoined>;
export const RoomReconnecting = z.strictObject({ type: z.literal("room.reconnecting") });
export const RoomReconnected = z.strictObject({ type: z.literal("room.reconnected") });
export const ParticipantJoined = z.strictObject({
  type: z.literal("participant.joined"),
  identity: z.string(),
  name: z.string(),
});
export type ParticipantJoined = z.infer<typeof ParticipantJoined>;
export const ParticipantLeft = z.strictObject({
  type: z.literal("participant.left"),
  identity: z.string(),
});
export type ParticipantLeft = z.infer<typeof ParticipantLeft>;
export const TrackPublished = z.strictObject({
  type: z.literal("track.published"),
  sid: z.string(),
  identity: z.string(),
  kind: z.enum(["audio", "screen"]),
});
export const TrackUnpublished = z.strictObject({
  type: z.literal("track.unpublished"),
  sid: z.string(),
});
/** Typed words: a whole utterance at once; the text is the record's text part. */
export const TextReceived = z.strictObject({
  type: z.literal("text.received"),
  identity: z.string(),
  ref: z.string(),
  words: z.int().nonnegative(),
  class: EndClass,
});

/** What may be told to a running call, from outside; validated, answered and logged. */
export const Command = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("say"),
    ref: z.string(),
    chars: z.int(),
    now: z.boolean(),
    /** False: heard out, whatever is said meanwhile; that is answered after. */
    interruptible: z.boolean().optional(),
  }),
  z.strictObject({ name: z.literal("interrupt"), force: z.boolean() }),
  z.strictObject({ name: z.literal("mute") }),
  z.strictObject({ name: z.literal("unmute") }),
  z.strictObject({ name: z.literal("instruct"), ref: z.string() }),
  /** All settings as they are from now on; a running timer keeps the value it was armed with. */
  z.strictObject({ name: z.literal("set"), settings: z.record(z.string(), z.json()) }),
  /** The agent was edited: its texts are the record's text part. */
  z.strictObject({
    name: z.literal("agent"),
    agent: z.strictObject({ name: z.string(), hash: z.string() }),
    settings: z.record(z.string(), z.json()),
    agents: z.record(z.string(), z.record(z.string(), z.json())),
    texts: z.array(z.string()),
    hooks: z.array(z.string()),
  }),
  z.strictObject({ name: z.literal("end"), reason: z.string() }),
]);
export type Command = z.infer<typeof Command>;

export const CommandReceived = z.strictObject({
  type: z.literal("command.received"),
  id: z.string(),
  by: z.string(),
  command: Command,
});

/** Something the agent will say that no model was asked for; the words stand under `ref`. */
export interface Saying {
  readonly ref: string;
  readonly pausable: boolean;
  /** What the room does once it was said. */
  readonly after: "stay" | "leave";
}

/** What the room knows of its agent. */
export type AgentNow = Pick<CallHeader, "agent" | "settings" | "agents" | "texts" | "hooks">;

/** All the room's chart accepts: from its connection, from commands, from tracks and turns. */
export type RoomEvent =
  | (z.infer<typeof RoomJoined> & At)
  | (z.infer<typeof RoomReconnecting> & At)
  | (z.infer<typeof RoomReconnected> & At)
  | (z.infer<typeof ParticipantJoined> & At)
  | (z.infer<typeof ParticipantLeft> & At)
  | (z.infer<typeof TrackPublished> & At)
  | (z.infer<typeof TrackUnpublished> & At)
  | (z.infer<typeof TextReceived> & At)
  | ({
      readonly type: "command.say";
      readonly ref: string;
      readonly now: boolean;
      readonly interruptible?: boolean;
    } & At)
  | ({ readonly type: "command.interrupt"; readonly force: boolean } & At)
  | ({ readonly type: "command.mute" } & At)
  | ({ readonly type: "command.unmute" } & At)
  | ({ readonly type: "command.instruct"; readonly ref: string } & At)
  | ({ readonly type: "command.set"; readonly settings: TurnSettings } & At)
  | ({ readonly type: "command.agent" } & AgentNow & At)
  | ({ readonly type: "command.end"; readonly reason: string } & At)
  | ({ readonly type: "host.failed" } & At)
  | (BudgetChanged & At)
  | ({ readonly type: "connection.ended" } & EndEvent)
  | ({ readonly type: "tool.ended" } & EndEvent)
  | ({ readonly type: "hook.ended" } & EndEvent)
  | UserStarted
  | UserEnded
  | UserWords
  | UserJudged
  | ({ readonly type: "track.closed"; readonly sid: string } & At)
  | ({ readonly type: "track.stt"; readonly sid: string; readonly down: boolean } & At)
  | ({ readonly type: "turn.answering"; readonly n: number; readonly pausable: boolean } & At)
  | ({ readonly type: "turn.speaking"; readonly n: number } & At)
  | ({ readonly type: "turn.interrupted"; readonly n: number } & At)
  | ({ readonly type: "turn.paused"; readonly n: number; readonly answerable: boolean } & At)
  | ({
      readonly type: "turn.over";
      readonly n: number;
      readonly kind: "user" | "agent";
      readonly status: string;
      readonly reason: string;
      readonly spokenMs: number;
      readonly merge: Merged | null;
    } & At)
  /** The listening turn has heard speech for long enough to hold the answer. */
  | ({ readonly type: "turn.holds"; readonly n: number } & At)
  | ({ readonly type: "turn.took"; readonly n: number } & At)
  | ({ readonly type: "turn.yielded"; readonly n: number } & At)
  | ({
      readonly type: "tools.requested";
      readonly n: number;
      readonly agent: string;
      readonly calls: readonly RequestedTool[];
    } & At);
