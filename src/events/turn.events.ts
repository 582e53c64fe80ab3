import { z } from "zod";
import type { DueMeasure } from "./budget.events.ts";
import { ComplexityLevel, TURN_RULES } from "./routing.events.ts";
import type { EndEvent } from "./effect.events.ts";
import type { TurnSettings } from "./settings.events.ts";
import type { At, EndClass, WordFeatures } from "./track.events.ts";

/** What a hook gave to a request; the text is the record's part. */
export const ReplyContext = z.strictObject({
  type: z.literal("reply.context"),
  hook: z.string(),
  /** `failed` and `late`: the answer is made without it. */
  how: z.enum(["done", "failed", "late"]),
  chars: z.int().nonnegative(),
  ms: z.number().nonnegative(),
});

/** What a running reply meets: the request, its sentences, their audio, the playout. */
export const ReplyRequested = z.strictObject({
  type: z.literal("reply.requested"),
  provider: z.string(),
  model: z.string(),
  /** Digest of the resolved request: messages and tools; `replay --deep` recomputes it. */
  digest: z.string(),
  tools: z.array(z.string()),
  /** The record up to which the request read the log. */
  upTo: z.int(),
  /** Tokens of the request, estimated by its length. */
  inputTokens: z.int().nonnegative().optional(),
  /** Where the agent has models by level: what was found of the turn, and by which rule. */
  level: ComplexityLevel.optional(),
  rule: z.enum(TURN_RULES).optional(),
});
export type ReplyRequested = z.infer<typeof ReplyRequested>;

/** A model or a voice was left for the next one; what was heard of it stays. */
export const ReplySwitched = z.strictObject({
  type: z.literal("reply.switched"),
  what: z.enum(["model", "voice"]),
  from: z.string(),
  /** `text` where no voice is left: the rest of the answer has no sound. */
  to: z.string(),
  /**
   * An error code (`provider.open`: its breaker), `late` where it gave nothing in its time, `empty`
   * where it gave nothing.
   */
  why: z.string(),
  /** The time in which it gave nothing, where it was late. */
  ms: z.number().nonnegative().optional(),
});

/** A model or a voice failed before it gave anything, and is asked again. */
export const ReplyRetried = z.strictObject({
  type: z.literal("reply.retried"),
  what: z.enum(["model", "voice"]),
  of: z.string(),
  /** The try to come; the first that is told is the second. */
  attempt: z.int().min(2),
  /** An error code, or `late`. */
  why: z.string(),
  waitMs: z.number().nonnegative(),
});
export type ReplyRetried = z.infer<typeof ReplyRetried>;

/** A sentence of the answer; in the log before its first frame leaves (E9). */
export const ReplySegment = z.strictObject({
  type: z.literal("reply.segment"),
  ref: z.string(),
  chars: z.int().nonnegative(),
  words: z.int().nonnegative(),
  /** It asks the caller something: a short "yes" to it is an answer, not a back-channel. */
  question: z.boolean(),
  /** Request to first token, on the first segment only. */
  ttftMs: z.number().optional(),
  /** Who will be asked to say it first; where it is left out, whoever said the one before. */
  voice: z.strictObject({ provider: z.string(), model: z.string() }).optional(),
});
export type ReplySegment = z.infer<typeof ReplySegment>;

/** The audio of a sentence is known: its length and when each word ends, in ms of the sentence. */
export const SpeechSegment = z.strictObject({
  type: z.literal("speech.segment"),
  ref: z.string(),
  ms: z.number(),
  wordEndsMs: z.array(z.number()),
  /** True where the voice gave no alignment and the ends are spread by characters. */
  estimated: z.boolean(),
  /** Sentence handed over to first audio, on the first segment only. */
  ttfbMs: z.number().optional(),
});

/** Playout position of this reply in ms; the first one says that sound has begun. */
export const ReplyPosition = z.strictObject({ type: z.literal("reply.position"), ms: z.number() });

/** Speech that covers a wait, beside the reply itself: its sentences and its playout. */
export const FillerSegment = z.strictObject({
  ...ReplySegment.shape,
  type: z.literal("filler.segment"),
});
export type FillerSegment = z.infer<typeof FillerSegment>;
export const FillerPosition = z.strictObject({
  type: z.literal("filler.position"),
  ms: z.number(),
});

/** What a reply asks to be run before it can go on. */
export const RequestedTool = z.strictObject({
  call: z.string(),
  name: z.string(),
  write: z.boolean(),
  idempotent: z.boolean(),
  /** A barge-in stops it. */
  cancels: z.boolean(),
  /** Name of the text to say where it takes its time, or `""`. */
  sayWhile: z.string(),
  /** The pending write that this call asks for once more: joined, not run; or `""`. */
  joins: z.string(),
});
export type RequestedTool = z.infer<typeof RequestedTool>;

export const TURN_STATUSES = ["completed", "cutOff", "abandoned", "failed"] as const;
export type TurnStatus = (typeof TURN_STATUSES)[number];

/** Words of a user as a turn keeps them: features only (C1). */
export interface TurnWords extends WordFeatures {
  readonly sid: string;
  readonly identity: string;
  readonly final: boolean;
}

/** Speech of one track, as the voice detector saw it. */
export interface SpeechRange {
  readonly sid: string;
  readonly from: number;
  /** Null while it lasts. */
  readonly to: number | null;
}

/** What a turn hands over to the next when nothing of its answer was heard (MERGE). */
export interface Merged {
  readonly from: number;
  readonly words: readonly TurnWords[];
}

export type UserStarted = {
  readonly type: "user.started";
  readonly sid: string;
  readonly identity: string;
  readonly from: number;
} & At;
export type UserEnded = {
  readonly type: "user.ended";
  readonly sid: string;
  readonly identity: string;
  readonly from: number;
  readonly to: number;
  readonly silenceMs: number;
} & At;
export type UserWords = { readonly type: "user.words" } & TurnWords & At;
export type UserJudged = {
  readonly type: "user.judged";
  readonly sid: string;
  readonly to: number;
  readonly class: EndClass;
} & At;

/** All a conversation turn's chart accepts: from the room, then from its own reply. */
export type TurnEvent =
  | UserStarted
  | UserEnded
  | UserWords
  | UserJudged
  /** Somebody speaks over the answer: hold it. */
  | ({ readonly type: "speech.over" } & At)
  | ({ readonly type: "floor.taken" } & At)
  | ({ readonly type: "floor.returned" } & At)
  /** The turn before has paused; `answerable`: a back-channel now would be an answer. */
  | ({ readonly type: "previous.paused"; readonly answerable: boolean } & At)
  | ({ readonly type: "previous.ended"; readonly merge: Merged | null } & At)
  /** A command, a mute, a leaver: this turn must end now. */
  | ({ readonly type: "turn.stop"; readonly reason: string } & At)
  | ({ readonly type: "words.late" } & TurnWords & At)
  /** `agent`: who goes on with the call from here. */
  | ({ readonly type: "tool.result"; readonly call: string; readonly agent: string } & At)
  /** The call was handed over, or its agent edited, while this turn listens. */
  | ({
      readonly type: "agent.changed";
      readonly agent: string;
      readonly filler: string;
      readonly settings: TurnSettings;
    } & At)
  | ({ readonly type: "settings.changed"; readonly settings: TurnSettings } & At)
  /** What a budget of the call asks for from now on. */
  | ({ readonly type: "measure.changed"; readonly measure: DueMeasure } & At)
  | ({ readonly type: "stt.state"; readonly down: boolean } & At)
  | (z.infer<typeof ReplyContext> & At)
  | (z.infer<typeof ReplySwitched> & At)
  | (z.infer<typeof ReplyRetried> & At)
  | (z.infer<typeof FillerSegment> & At)
  | (z.infer<typeof FillerPosition> & At)
  | ({ readonly type: "filler.ended" } & EndEvent)
  | (z.infer<typeof ReplyRequested> & At)
  | (z.infer<typeof ReplySegment> & At)
  | (z.infer<typeof SpeechSegment> & At)
  | (z.infer<typeof ReplyPosition> & At)
  | ({ readonly type: "reply.ended" } & EndEvent);

/** The fact a turn leaves behind; history and transcript are folds of these. */
export const TurnEnded = z.object({
  type: z.literal("turn.ended"),
  n: z.int(),
  kind: z.enum(["user", "agent"]),
  status: z.enum(TURN_STATUSES),
  reason: z.string(),
  /** User words in audio order, by reference. */
  refs: z.array(z.string()),
  asides: z.array(z.string()),
  late: z.array(z.string()),
  mergedInto: z.int().nullable(),
  runs: z.array(
    z.object({
      segments: z.array(z.string()),
      /** Playout ms heard of this run. */
      heardMs: z.number(),
      complete: z.boolean(),
    }),
  ),
});
export type TurnEnded = z.infer<typeof TurnEnded>;
