import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { joinSamples, parseWav, resample, type AudioFrame } from "../../base/audio.ts";
import { AppError } from "../../base/errors.ts";
import type { Tts } from "../../providers/tts.port.ts";

/** What a simulated caller does, in order. */
export const Act = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("wav"), file: z.string() }),
  z.strictObject({ kind: z.literal("say"), text: z.string() }),
  /** Exactly this much silence after the end of the caller's last words, whoever speaks. */
  z.strictObject({ kind: z.literal("pause"), ms: z.number().nonnegative() }),
]);
export type Act = z.infer<typeof Act>;

/** The script of a call and how far it came: kept beside the log, for `--resume`. */
export const Progress = z.strictObject({
  acts: z.array(Act),
  /** When each act began: clock ms, by its index; a spoken one also when it ended. */
  began: z.array(z.strictObject({ act: z.int(), at: z.number(), ms: z.number() })),
});
export type Progress = z.infer<typeof Progress>;

/** The bundled sample: a call that asks, interrupts and says goodbye. */
export const SAMPLE: readonly Act[] = [
  { kind: "say", text: "Hello. What are your opening hours on Saturday?" },
  { kind: "pause", ms: 2_600 },
  { kind: "say", text: "No, I mean on Sunday, please." },
  { kind: "say", text: "And where can I park my car?" },
  { kind: "say", text: "Thank you very much. Goodbye." },
];

export function wavAct(file: string): Act {
  return { kind: "wav", file: resolve(file) };
}

export interface CallerVoice {
  readonly tts: Tts;
  readonly name: string;
  readonly rateHz: number;
  readonly signal: AbortSignal;
}

/** The sound of each spoken act, loaded before the call begins; `wav.invalid` names the file. */
export async function soundsOf(
  acts: readonly Act[],
  voice: CallerVoice,
): Promise<readonly (Int16Array | undefined)[]> {
  const sounds: (Int16Array | undefined)[] = [];
  for (const act of acts) {
    if (act.kind === "wav") sounds.push(resample(await readWav(act.file), voice.rateHz).samples);
    else if (act.kind === "say") sounds.push(await speech(act.text, voice));
    else sounds.push(undefined);
  }
  return sounds;
}

/** A file a person named. Error `wav.invalid`. */
export async function readWav(file: string): Promise<AudioFrame> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT")
      throw new AppError("wav.invalid", `cannot read ${file}`, { cause });
    const detail = { fix: "name a file of 16-bit PCM WAV" };
    throw new AppError("wav.invalid", `there is no file ${file}`, { cause, detail });
  });
  return parseWav(bytes, file);
}

async function speech(text: string, voice: CallerVoice): Promise<Int16Array> {
  const { tts, name, rateHz, signal } = voice;
  const parts: Int16Array[] = [];
  for await (const event of tts.speak({ text, voice: name, signal }))
    if (event.type === "audio") parts.push(resample(event.frame, rateHz).samples);
  return joinSamples(parts);
}
