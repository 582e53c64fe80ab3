import { z } from "zod";
import { AppError } from "../base/errors.ts";

/**
 * The settings of turn taking: what stands in a call's header and every chart reads. Times are ms.
 * Sources of the defaults: LiveKit Agents, Pipecat, Vapi, Deepgram Flux and OpenAI's own defaults,
 * compared in docs/settings.md.
 */
const ms = (fallback: number, min = 1, max = 600_000) =>
  z.int().min(min).max(max).default(fallback);
const count = (fallback: number, min = 1, max = 100) => z.int().min(min).max(max).default(fallback);
const share = (fallback: number) => z.number().gt(0).lt(1).default(fallback);
const group = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape).prefault({} as never);

export const TurnSettings = z
  .strictObject({
    /** Of the callers' words: decides which word lists the endpointer uses. */
    language: z.string().min(2).default("en"),
    vad: group({ minSpeech: ms(64, 32, 2_000), minSilence: ms(250, 32, 5_000) }),
    endpointing: group({
      endpointer: z.enum(["text", "silence", "provider", "smart-turn"]).default("text"),
      minDelay: ms(500),
      unclearDelay: ms(900),
      digitsDelay: ms(1_500),
      maxDelay: ms(3_000),
      sure: share(0.7),
      unsure: share(0.3),
    }),
    listening: group({ max: ms(120_000) }),
    transcript: group({ wait: ms(1_000), sttWait: ms(4_000) }),
    interruption: group({
      enabled: z.boolean().default(true),
      pauseAfter: ms(0, 0, 2_000),
      minWords: count(1),
      resumeAfter: ms(600),
      pauseMax: ms(3_000),
      confirmDuration: ms(700),
      echoGuard: ms(3_000, 0),
      echoWords: count(2),
    }),
    backchannel: group({ maxWords: count(3), boundary: ms(1_000, 0) }),
    speculation: group({
      enabled: z.boolean().default(true),
      maxAttempts: count(3),
      maxSpeech: ms(10_000),
    }),
    answer: group({
      fillerAfter: ms(1_200),
      firstToken: ms(3_000),
      firstAudio: ms(1_500),
      total: ms(10_000),
      stall: ms(2_000),
    }),
    interrupted: group({ max: ms(500) }),
    heard: group({
      minPart: share(0.5),
      note: z.enum(["system", "user", "none"]).default("system"),
    }),
    silence: group({ awayAfter: ms(10_000), prompts: count(1, 0, 10), hangUpAfter: ms(20_000) }),
    tool: group({ sayWhileAfter: ms(1_200), timeout: ms(15_000) }),
    hook: group({ timeout: ms(2_000) }),
    participant: group({ grace: ms(20_000) }),
    room: group({ join: ms(15_000), recover: ms(30_000), leave: ms(5_000), drain: ms(60_000) }),
  })
  .refine(({ listening, interruption }) => listening.max > interruption.pauseMax, {
    path: ["listening", "max"],
    error: "must be longer than interruption.pauseMax, or an answer stays paused for nobody",
  })
  .refine(({ answer }) => answer.total > answer.firstToken, {
    path: ["answer", "total"],
    error: "must be longer than answer.firstToken, or no other model is ever tried",
  })
  .refine(({ endpointing }) => endpointing.minDelay <= endpointing.maxDelay, {
    path: ["endpointing", "minDelay"],
    error: "must not be longer than endpointing.maxDelay, or who has finished waits the longest",
  })
  .refine(({ endpointing }) => endpointing.sure > endpointing.unsure, {
    path: ["endpointing", "sure"],
    error: "must be greater than endpointing.unsure",
  });
export type TurnSettings = z.infer<typeof TurnSettings>;

/** Error `config.invalid`, naming the setting. */
export function parseSettings(given: unknown): TurnSettings {
  const parsed = TurnSettings.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new AppError("config.invalid", `settings: ${z.prettifyError(parsed.error)}`);
}
