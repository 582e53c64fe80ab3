import { z } from "zod";
import { AppError } from "../base/errors.ts";
import * as budget from "./budget.events.ts";
import * as call from "./call.events.ts";
import * as effect from "./effect.events.ts";
import type { StoredInput } from "./record.ts";
import * as room from "./room.events.ts";
import * as track from "./track.events.ts";
import * as turn from "./turn.events.ts";

/**
 * Every type of input and of progress that may stand in a log, with its version. A changed meaning
 * is a new version with an upcast; each type and version has a golden file under `test/golden`.
 */
interface Entry {
  readonly version: number;
  readonly schema: z.ZodType;
}
const v1 = (schema: z.ZodType): Entry => ({ version: 1, schema });

export const INPUTS = {
  "call.opened": v1(call.CallOpened),
  "owner.changed": v1(call.OwnerChanged),
  "call.ended": v1(call.CallEnded),
  "host.failed": v1(call.HostFailed),
  "outage.spoken": v1(call.OutageSpoken),
  "budget.changed": v1(budget.BudgetChanged),
  "command.received": v1(room.CommandReceived),
  "effect.progress": v1(effect.EffectProgress),
  "effect.ended": v1(effect.EffectEnded),
  "timer.fired": v1(effect.TimerFired),
} as const satisfies Record<string, Entry>;

export const PROGRESS = {
  "room.joined": v1(room.RoomJoined),
  "room.reconnecting": v1(room.RoomReconnecting),
  "room.reconnected": v1(room.RoomReconnected),
  "participant.joined": v1(room.ParticipantJoined),
  "participant.left": v1(room.ParticipantLeft),
  "track.published": v1(room.TrackPublished),
  "track.unpublished": v1(room.TrackUnpublished),
  "text.received": v1(room.TextReceived),
  "vad.started": v1(track.VadStarted),
  "vad.ended": v1(track.VadEnded),
  "speech.judged": v1(track.SpeechJudged),
  "stt.interim": v1(track.SttInterim),
  "stt.final": v1(track.SttFinal),
  "stt.opened": v1(track.SttOpened),
  "stt.down": v1(track.SttDown),
  "stt.up": v1(track.SttUp),
  "stt.retried": v1(track.SttRetried),
  "stt.switched": v1(track.SttSwitched),
  "reply.context": v1(turn.ReplyContext),
  "reply.requested": v1(turn.ReplyRequested),
  "reply.switched": v1(turn.ReplySwitched),
  "reply.retried": v1(turn.ReplyRetried),
  "reply.segment": v1(turn.ReplySegment),
  "speech.segment": v1(turn.SpeechSegment),
  "reply.position": v1(turn.ReplyPosition),
  "filler.segment": v1(turn.FillerSegment),
  "filler.position": v1(turn.FillerPosition),
} as const satisfies Record<string, Entry>;

export type InputType = keyof typeof INPUTS;
export type ProgressType = keyof typeof PROGRESS;

/** Checks an input as it is offered from outside or read from a strange log. */
export function parseInput(input: unknown): StoredInput {
  const type = (input as { type?: unknown } | null)?.type;
  const entry = INPUTS[type as InputType] as Entry | undefined;
  if (!entry) throw new AppError("record.invalid", `no input type ${JSON.stringify(type)}`);
  const parsed = entry.schema.safeParse(input);
  if (!parsed.success)
    throw new AppError("record.invalid", `${String(type)}: ${z.prettifyError(parsed.error)}`);
  if (type === "effect.progress") parseProgress((input as { event: unknown }).event);
  return parsed.data as StoredInput;
}

export function parseProgress(event: unknown): void {
  const type = (event as { type?: unknown } | null)?.type;
  const entry = PROGRESS[type as ProgressType] as Entry | undefined;
  if (!entry) throw new AppError("record.invalid", `no progress type ${JSON.stringify(type)}`);
  const parsed = entry.schema.safeParse(event);
  if (!parsed.success)
    throw new AppError("record.invalid", `${String(type)}: ${z.prettifyError(parsed.error)}`);
}
