import { z } from "zod";
import { AppError } from "../base/errors.ts";
import { Token } from "../events/record.ts";

/**
 * The talk between a page and the server, over one WebSocket. Binary messages are sound: 16-bit
 * little-endian PCM at the rate that `joined` names, up of the microphone and down of the agent.
 */
export const FromPage = z.discriminatedUnion("type", [
  /** The first message, and the only one before `joined`. */
  z.strictObject({
    type: z.literal("join"),
    identity: Token,
    name: z.string().min(1).max(64).default("caller"),
    speaks: z.boolean(),
    /** The call this page was in before. */
    last: z.strictObject({ tenant: Token, call: Token }).optional(),
  }),
  z.strictObject({ type: z.literal("text"), text: z.string().min(1).max(2_000) }),
  z.strictObject({
    type: z.literal("played"),
    stream: z.int().positive(),
    ms: z.number().nonnegative(),
  }),
  z.strictObject({ type: z.literal("hangUp") }),
]);
export type FromPage = z.infer<typeof FromPage>;

export type ToPage =
  | {
      readonly type: "joined";
      readonly tenant: string;
      readonly call: string;
      readonly rateHz: number;
      readonly stream: number;
    }
  | { readonly type: "clear"; readonly stream: number }
  | { readonly type: "dismissed"; readonly why: "replaced" | "ended" }
  | { readonly type: "error"; readonly code: string; readonly message: string };

/** Throws `input.invalid`, which names the field. */
export function parseMessage(text: string): FromPage {
  const parsed = FromPage.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new AppError("input.invalid", `no such message: ${z.prettifyError(parsed.error)}`);
}

/** Longest piece of sound in one message. */
const SAMPLES_MAX = 3_200;

/** Throws `input.invalid`. */
export function parseSound(bytes: Buffer): Int16Array {
  const count = bytes.length / 2;
  if (!Number.isInteger(count) || count < 1 || count > SAMPLES_MAX)
    throw new AppError("input.invalid", `${bytes.length} bytes are no sound of 16-bit samples`);
  // A copy: the socket's buffer is not aligned, and is used again.
  return new Int16Array(Uint8Array.from(bytes).buffer);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("input.invalid", "a text message must be JSON", { cause });
  }
}
