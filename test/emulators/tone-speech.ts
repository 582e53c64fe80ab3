import type { Usage } from "../../src/events/effect.events.ts";
import type { Piece } from "./vendor-server.ts";

/**
 * What every speech emulator says: a tone as long as its text, in the pitch its voice is named by
 * (`tone-1000`), faded at both ends and then silent, as speech is. It is sent in pieces of an odd
 * length, so samples are cut in two.
 */
export const SPEECH_KEY = "sk-secret-of-the-tests";
export const RATE_HZ = 24_000;
export const MS_PER_CHARACTER = 25;
const PIECE_BYTES = 2_399;
const FADE_MS = 15;
const TAIL_MS = 20;

/** Pitch of a voice; undefined of one that is not there. */
export function hzOf(voice: string): number | undefined {
  const hz = Number(/tone-(\d+)/.exec(voice)?.[1]);
  return hz > 0 ? hz : undefined;
}

export function speechOf(text: string, hz: number): Int16Array {
  const samples = new Int16Array((text.length * MS_PER_CHARACTER * RATE_HZ) / 1000);
  const fade = (FADE_MS * RATE_HZ) / 1000;
  const tail = (TAIL_MS * RATE_HZ) / 1000;
  for (let i = 0; i < samples.length; i++) {
    const left = samples.length - tail - i;
    const gain = Math.max(0, Math.min(1, i / fade, left / fade));
    samples[i] = Math.round(8_000 * gain * Math.sin((2 * Math.PI * hz * i) / RATE_HZ));
  }
  return samples;
}

export interface Spoken {
  readonly provider: string;
  readonly model: string;
  readonly text: string;
  readonly voice: string;
}

/** A piece of the sound, and up to which ms of the sentence it goes. */
export interface SpeechPiece extends Piece {
  readonly data: Uint8Array;
  readonly toMs: number;
}

/** The sound in pieces: with the first one its characters are billed, with each its length. */
export function speechPieces({ provider, model, text, voice }: Spoken): SpeechPiece[] {
  const bytes = new Uint8Array(speechOf(text, hzOf(voice) ?? 0).buffer);
  const bill = (meter: Usage["meter"], quantity: number): Usage => {
    return { service: "tts", provider, model, meter, quantity, estimated: false };
  };
  const msOf = (length: number): number => (length / 2 / RATE_HZ) * 1000;
  const pieces: SpeechPiece[] = [];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const data = bytes.subarray(at, at + PIECE_BYTES);
    const usage = [bill("audioMs", msOf(data.length))];
    if (at === 0) usage.push(bill("characters", text.length));
    pieces.push({ data, usage, toMs: msOf(at + data.length) });
  }
  return pieces;
}

/** The longest a piece of the sound is. */
export const PIECE_MS = (PIECE_BYTES / 2 / RATE_HZ) * 1000;

export function base64(data: Uint8Array): string {
  return Buffer.from(data).toString("base64");
}

/** As `Authorization: Bearer <key>` or `Token <key>`; what came instead, where it is another. */
export function wrongKey(header: string | undefined): string | undefined {
  const key = header?.replace(/^(Bearer|Token) /i, "");
  return key === SPEECH_KEY ? undefined : (key ?? "none");
}
