import { z } from "zod";
import { AppError } from "../base/errors.ts";

/** How much a request asks of a model; `simple` where nobody says. */
export const ComplexityLevel = z.enum(["simple", "moderate", "complex"]);
export type ComplexityLevel = z.infer<typeof ComplexityLevel>;

/** Which rule gave a level; `docs/routing.md` says what each looks for. */
export const TURN_RULES = [
  "explicit",
  "long",
  "questions",
  "wording",
  "context",
  "tool",
  "rejected",
  "short",
  "rest",
] as const;
export type TurnRule = (typeof TURN_RULES)[number];

export const FRAME_RULES = ["explicit", "periodic", "asked", "content", "change", "plain"] as const;
export type FrameRule = (typeof FRAME_RULES)[number];

const count = (fallback: number) => z.int().min(1).max(1_000_000).default(fallback);
const share = (fallback: number) => z.number().gt(0).max(1).default(fallback);

/** Thresholds of the rules that choose a level. */
export const RoutingSettings = z.strictObject({
  /** Every request has this level, whatever is said. */
  level: ComplexityLevel.optional(),
  /** Complex: a turn of more words than this, of so many questions, on more context than this. */
  longWords: count(60),
  questions: count(2),
  contextTokens: count(4_000),
  /** So many words that a turn shares with one tool make a call of it likely. */
  toolWords: count(2),
  /** Share of words of the turn before that makes this one a repetition: the answer was no good. */
  repeated: share(0.8),
  /** Simple: at most so many words, and no rule above. */
  shortWords: count(12),
  /** A frame that differs from the last described one by more than this share is complex. */
  frameChange: share(0.6),
  /** Wordings that make a turn complex, beside those of its language; `word*` is a beginning. */
  wording: z.array(z.string().trim().min(1)).max(100).default([]),
  /** Rules that are not looked at. */
  off: z.array(z.enum(["long", "questions", "wording", "context", "tool", "rejected"])).default([]),
});
export type RoutingSettings = z.infer<typeof RoutingSettings>;
export type RoutingOptions = z.input<typeof RoutingSettings>;

/** Error `input.invalid`, naming the levels there are. */
export function parseLevel(given: unknown): ComplexityLevel {
  const parsed = ComplexityLevel.safeParse(given);
  if (parsed.success) return parsed.data;
  const names = ComplexityLevel.options.join(", ");
  throw new AppError("input.invalid", `level '${String(given)}' is not known; there are: ${names}`);
}
