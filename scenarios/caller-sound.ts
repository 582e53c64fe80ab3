import { createRequire } from "node:module";
import type * as LocalInference from "@livekit/local-inference";
import { joinSamples, levelDb, samplesOf } from "../src/base/audio.ts";
import { AppError } from "../src/base/errors.ts";
import { SpeechGate } from "../src/providers/local/silero.vad.ts";
import type { Tts } from "../src/providers/tts.port.ts";
import type { VadEvent } from "../src/providers/vad.port.ts";
import { ZERO_MS, type Scenario, type Spoken } from "./scenario.ts";

/**
 * A caller's sound: each utterance spoken by the local voice and fitted so that the real voice
 * detector hears it begin and end where the scenario says. What it hears is checked: a fixture that
 * does not trip the detector is an error, and no scenario that passes by itself.
 */
export const CALLER_RATE_HZ = 16_000;
const VOICE = "rms";
const QUIET_DB = -45;
const PEAK = 24_000;
const STEP_MS = 10;
/** Silence around an utterance while it is fitted: whole windows of the detector. */
const MARGIN_MS = 640;
const WINDOW = 512;
const WINDOW_MS = (WINDOW * 1000) / CALLER_RATE_HZ;
/** Nobody knows how the detector's windows will fall on a sound: it must do for all. */
const PHASES_MS = [0, 8, 16, 24];
const ROUNDS = 12;
/** How far off the mark the detector may hear it. */
const OFF_MS_MAX = 100;
/** The end is heard a little early rather than late, so that the final words come after it. */
const END_EARLY_MS = 40;
const DETECTOR = { minSpeechMs: 64, minSilenceMs: 250 };

/** All of one caller's sound, from the opening of the call on. */
export async function callerSound({ says, endMs }: Scenario, tts: Tts): Promise<Int16Array> {
  const out = new Int16Array(samplesOf(ZERO_MS + endMs, CALLER_RATE_HZ));
  for (const spoken of says) {
    const { samples, shiftMs } = await fitted(spoken, tts);
    out.set(samples, samplesOf(ZERO_MS + spoken.at + shiftMs, CALLER_RATE_HZ));
  }
  return out;
}

/** What the detector hears in a run of sound. */
export async function heardIn(samples: Int16Array): Promise<readonly VadEvent[]> {
  const events: VadEvent[] = [];
  const gate = new SpeechGate(DETECTOR, (event) => void events.push(event));
  const load = createRequire(import.meta.url);
  const model = (load("@livekit/local-inference") as typeof LocalInference).createVad();
  for (let at = 0; at + WINDOW <= samples.length; at += WINDOW)
    gate.push(await model.predict(samples.slice(at, at + WINDOW)));
  return events;
}

interface Fit {
  readonly samples: Int16Array;
  /** Where it begins, from the utterance's own onset. */
  readonly shiftMs: number;
}

async function fitted(spoken: Spoken, tts: Tts): Promise<Fit> {
  const { ms } = spoken;
  const voice = await speak(spoken.sound ?? spoken.text, tts);
  let [lengthMs, shiftMs] = [ms, 0];
  let best: (Fit & { off: number }) | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const samples = stretched(voice, lengthMs);
    const heard = await Promise.all(PHASES_MS.map((phase) => offsOf(samples, shiftMs, phase)));
    const all = heard.filter((offs) => offs !== undefined);
    const from = meanOf(all.map((offs) => offs.from));
    const to = meanOf(all.map((offs) => offs.to)) - ms + END_EARLY_MS;
    const off = all.length < heard.length ? Infinity : Math.abs(from) + Math.abs(to);
    if (!best || off < best.off) best = { samples, shiftMs, off };
    if (off <= WINDOW_MS) break;
    if (all.length === 0) lengthMs *= 1.1;
    else [lengthMs, shiftMs] = [lengthMs - (to - from) / 2, shiftMs - from / 2];
  }
  if (!best || best.off > OFF_MS_MAX)
    throw new AppError("bug", `the detector does not hear "${spoken.text}" as the scenario says`);
  return best;
}

/** When the detector hears it begin and end, from its onset; undefined where it does not, once. */
async function offsOf(samples: Int16Array, shiftMs: number, phaseMs: number) {
  const onset = MARGIN_MS + phaseMs;
  const events = await heardIn(placed(samples, onset + shiftMs));
  const ended = events.find((event) => event.type === "ended");
  if (!ended || events.length !== 2) return undefined;
  return { from: ended.fromMs - onset, to: ended.toMs - onset };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** A text in the caller's voice, without punctuation: a comma is a pause that ends speech. */
async function speak(text: string, tts: Tts): Promise<Int16Array> {
  const { signal } = new AbortController();
  const parts: Int16Array[] = [];
  const request = { text: text.replace(/[.,?!]/g, ""), voice: VOICE, signal };
  for await (const event of tts.speak(request))
    if (event.type === "audio") parts.push(event.frame.samples);
  return trimmed(joinSamples(parts));
}

function trimmed(samples: Int16Array): Int16Array {
  const step = samplesOf(STEP_MS, CALLER_RATE_HZ);
  const loud = (at: number): boolean => levelDb(samples.subarray(at, at + step)) > QUIET_DB;
  let from = 0;
  while (from < samples.length && !loud(from)) from += step;
  let to = samples.length;
  while (to > from && !loud(Math.max(0, to - step))) to -= step;
  return louder(samples.subarray(from, to));
}

function louder(samples: Int16Array): Int16Array {
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1);
  return samples.map((sample) => Math.round((sample * PEAK) / peak));
}

/** Played faster or slower, with the pitch that goes with it: the detector does not mind. */
function stretched(samples: Int16Array, ms: number): Int16Array {
  const out = new Int16Array(samplesOf(ms, CALLER_RATE_HZ));
  const ratio = samples.length / out.length;
  for (let i = 0; i < out.length; i++) {
    const at = i * ratio;
    const left = Math.floor(at);
    const right = Math.min(left + 1, samples.length - 1);
    out[i] = Math.round(samples[left]! * (1 - (at - left)) + samples[right]! * (at - left));
  }
  return out;
}

function placed(samples: Int16Array, atMs: number): Int16Array {
  const lead = new Int16Array(samplesOf(atMs, CALLER_RATE_HZ));
  return joinSamples([lead, samples, new Int16Array(samplesOf(MARGIN_MS, CALLER_RATE_HZ))]);
}
