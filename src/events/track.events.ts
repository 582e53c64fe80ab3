import { z } from "zod";
import type { EndEvent } from "./effect.events.ts";

/** What a participant's audio track gives. Ranges are audio time: ms since its first sample. */
export const VadStarted = z.strictObject({ type: z.literal("vad.started"), from: z.number() });

/** `silenceMs`: how long ago, by audio, the last speech sample was. */
export const VadEnded = z.strictObject({
  type: z.literal("vad.ended"),
  from: z.number(),
  to: z.number(),
  silenceMs: z.number().nonnegative(),
});

/**
 * How finished an utterance sounds: judged from its words, by a model that listens, or, as `ended`,
 * by the speech-to-text provider itself.
 */
export const EndClass = z.enum(["complete", "unclear", "hanging", "digits", "ended"]);
export type EndClass = z.infer<typeof EndClass>;

/** An endpointer's word on the speech that ended at audio `to`; `p`: how probably it is over. */
export const SpeechJudged = z.strictObject({
  type: z.literal("speech.judged"),
  to: z.number(),
  p: z.number().min(0).max(1),
  class: EndClass,
});

/**
 * Features of words, computed at the edge by `folds/features.ts`; the text is the record's part.
 */
const words = {
  /** One speech segment of one track; its interims and its final share it. */
  ref: z.string(),
  from: z.number(),
  to: z.number(),
  words: z.int().nonnegative(),
  /** Leading words the provider will not take back; rules count these. */
  stable: z.int().nonnegative(),
  /** The normalised words differ from those they replace. */
  changed: z.boolean(),
  backchannel: z.boolean(),
  /** The words are the agent's own, heard back. */
  echo: z.boolean(),
  class: EndClass,
};
export const SttInterim = z.strictObject({ type: z.literal("stt.interim"), ...words });
export const SttFinal = z.strictObject({ type: z.literal("stt.final"), ...words });
export type WordFeatures = Omit<z.infer<typeof SttFinal>, "type">;

/** Who listens from here on: when the stream opens, and after each switch. */
export const SttOpened = z.strictObject({
  type: z.literal("stt.opened"),
  provider: z.string(),
  model: z.string(),
});
export type SttOpened = z.infer<typeof SttOpened>;

/** The stream broke; audio since `resendFrom` is kept and sent again. */
export const SttDown = z.strictObject({ type: z.literal("stt.down"), resendFrom: z.number() });
export const SttUp = z.strictObject({ type: z.literal("stt.up") });

/** Tried again in `waitMs`: `of` is `provider/model`, `attempt` 2 its first new connection. */
export const SttRetried = z.strictObject({
  type: z.literal("stt.retried"),
  of: z.string(),
  attempt: z.int().min(2),
  /** An error code. */
  why: z.string(),
  waitMs: z.number().nonnegative(),
});

/** A provider was left for the next one, which is sent what had no final yet. */
export const SttSwitched = z.strictObject({
  type: z.literal("stt.switched"),
  from: z.string(),
  to: z.string(),
  /** An error code; `provider.open` where its breaker lets nothing through. */
  why: z.string(),
});

/** All a track's chart accepts. */
export type TrackEvent =
  | (z.infer<typeof VadStarted> & At)
  | (z.infer<typeof VadEnded> & At)
  | (z.infer<typeof SpeechJudged> & At)
  | (z.infer<typeof SttInterim> & At)
  | (z.infer<typeof SttFinal> & At)
  | (z.infer<typeof SttOpened> & At)
  | (z.infer<typeof SttDown> & At)
  | (z.infer<typeof SttUp> & At)
  | (z.infer<typeof SttRetried> & At)
  | (z.infer<typeof SttSwitched> & At)
  | ({ readonly type: "stt.ended" } & EndEvent)
  | ({ readonly type: "detector.ended" } & EndEvent)
  | ({ readonly type: "track.close" } & At);

export interface At {
  /** Record time in ms; the host adds it to every event. */
  readonly at: number;
}
