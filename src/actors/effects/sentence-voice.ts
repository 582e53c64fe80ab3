import { frameMs, type AudioFrame } from "../../base/audio.ts";
import { aborted, sleep, type Clock } from "../../base/clock.ts";
import { AppError, codeOf } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Usage } from "../../events/effect.events.ts";
import { spreadWordEnds } from "../../folds/heard.ts";
import { charactersOf, type TtsUsage } from "../../providers/tts.port.ts";
import type { Voice } from "../agent-parts.ts";

/**
 * A sentence over the voices of an agent, in their order. Where one fails or gives no sound in its
 * time the next goes on from the first word that was not said to its end: no word is said twice.
 */
export interface VoicePorts {
  readonly voices: readonly Voice[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly firstAudioMs: number;
  readonly living: LivingVoices;
  /** Whose voices they are, by its name in the call. */
  readonly agent: string;
  write(frame: AudioFrame): void;
  /** Takes back sound behind this many ms of the sentence; returns the ms that are kept. */
  cutTo(ms: number): number;
  onSwitch(from: Voice, to: Voice, why: string): void;
  /** What a voice threw that is left for the next. */
  onFailure(voice: Voice, error: unknown): void;
}

export interface Spoken {
  readonly ms: number;
  readonly wordEndsMs: readonly number[];
  /** True where a voice gave no alignment and the ends are spread by characters. */
  readonly estimated: boolean;
  /** Sentence handed over to first audio. */
  readonly ttfbMs: number | undefined;
}

/** Milliseconds of speech per character, where nothing better is known: 150 words a minute. */
const MS_PER_CHAR = 65;
const LATE = Symbol("late");

interface Part {
  ms: number;
  ends: readonly number[] | undefined;
  why: string | undefined;
  /** What the vendor counted, where it told. */
  told: TtsUsage | undefined;
}

/** Quantities of one voice; `estimated` once a request's characters are only what we sent. */
interface Metered {
  readonly quantities: Map<Usage["meter"], number>;
  estimated: boolean;
}

/** The voices that live, over the replies of a call: none waits anew for one that is dead. */
export class LivingVoices {
  readonly #first = new Map<string, { readonly index: number; readonly at: number }>();

  /** Where the voices of an agent begin; those before are tried again after some time. */
  firstOf(agent: string, now: number): number {
    const first = this.#first.get(agent);
    return first && now - first.at < LIMITS.voiceRetryMs ? first.index : 0;
  }

  beginAt(agent: string, index: number, now: number): void {
    this.#first.set(agent, { index, at: now });
  }
}

export class SentenceVoice {
  readonly #ports: VoicePorts;
  readonly #metered = new Map<Voice, Metered>();
  /** The voice that speaks now: one that failed is not asked again within the answer. */
  #index: number;

  constructor(ports: VoicePorts) {
    this.#ports = ports;
    const { living, agent, clock, voices } = ports;
    const first = living.firstOf(agent, clock.now());
    this.#index = first < voices.length ? first : 0;
  }

  /** What each voice was given to say, and how much sound came of it. */
  get usage(): readonly Usage[] {
    return [...this.#metered].flatMap(([{ tts }, { quantities, estimated }]) => {
      const { provider, model } = tts;
      return [...quantities].map(([meter, quantity]): Usage => {
        const guessed = estimated && meter === "characters";
        return { service: "tts", provider, model, meter, quantity, estimated: guessed };
      });
    });
  }

  /** Throws what the last voice threw. */
  async speak(text: string): Promise<Spoken> {
    const startedAt = this.#ports.clock.now();
    const ends: number[] = [];
    let ms = 0;
    let rest = text;
    let estimated = false;
    let ttfbMs: number | undefined;
    for (;;) {
      const part = await this.#part(rest, () => {
        ttfbMs ??= this.#ports.clock.now() - startedAt;
      });
      const known = part.ends ?? spreadWordEnds(rest, part.why ? lengthOf(rest, part) : part.ms);
      estimated ||= part.ends === undefined;
      const said = part.why === undefined ? known : known.filter((end) => end <= part.ms);
      for (const end of said) ends.push(Math.round(ms + end));
      if (part.why === undefined) {
        ms += part.ms;
        return { ms: Math.round(ms), wordEndsMs: ends, estimated, ttfbMs };
      }
      ms += said.at(-1) ?? 0;
      rest = wordsFrom(rest, said.length);
      // What has left cannot be taken back: the next voice is heard behind it.
      ms = this.#ports.cutTo(ms);
      if (rest === "") return { ms: Math.round(ms), wordEndsMs: ends, estimated, ttfbMs };
    }
  }

  /** As much of the text as one voice gives; `why` it gave up, and the next one is to go on. */
  async #part(text: string, onAudio: () => void): Promise<Part> {
    const { voices, signal } = this.#ports;
    const voice = voices[this.#index]!;
    const hasNext = this.#index + 1 < voices.length;
    const abort = new AbortController();
    const both = AbortSignal.any([signal, abort.signal]);
    const part: Part = { ms: 0, ends: undefined, why: undefined, told: undefined };
    try {
      const events = voice.tts
        .speak({ text, voice: voice.name, signal: both })
        [Symbol.asyncIterator]();
      for (;;) {
        const came = await this.#inTime(events.next(), hasNext);
        if (signal.aborted) return part;
        if (came === LATE) return this.#leave(part, "late");
        if (came.done) return part;
        if (came.value.type === "alignment") {
          part.ends = came.value.wordEndsMs;
          continue;
        }
        if (came.value.type === "usage") {
          part.told = sumOf(part.told, came.value.usage);
          continue;
        }
        onAudio();
        part.ms += frameMs(came.value.frame);
        this.#ports.write(came.value.frame);
      }
    } catch (error) {
      // What a vendor refuses with a status it does not make, nor bill.
      if (error instanceof AppError && error.detail["status"]) part.told ??= { characters: 0 };
      if (!hasNext || signal.aborted) throw error;
      this.#ports.onFailure(voice, error);
      return this.#leave(part, codeOf(error, "provider.failed"));
    } finally {
      abort.abort();
      this.#meter(voice, text, part);
    }
  }

  /** A vendor that was not asked to its end may not have told yet: then it is what we sent. */
  #meter(voice: Voice, text: string, { ms, told }: Part): void {
    const metered = this.#metered.get(voice) ?? { quantities: new Map(), estimated: false };
    this.#metered.set(voice, metered);
    const { quantities } = metered;
    const sent = told?.characters ?? charactersOf(text);
    for (const [meter, quantity] of Object.entries({ ...told, characters: sent, audioMs: ms })) {
      if (quantity === 0) continue;
      const name = meter as Usage["meter"];
      quantities.set(name, (quantities.get(name) ?? 0) + quantity);
    }
    metered.estimated ||= told === undefined && voice.tts.voices.length === 0;
  }

  /** Any sound may be late, where another voice can go on; nothing is waited for once stopped. */
  async #inTime<T>(coming: Promise<T>, hasNext: boolean): Promise<T | typeof LATE> {
    const { clock, signal, firstAudioMs } = this.#ports;
    coming.catch(() => undefined);
    const came = new AbortController();
    const over = AbortSignal.any([signal, came.signal]);
    const late = (hasNext ? sleep(clock, firstAudioMs, over) : aborted(over)).then(
      (): typeof LATE => LATE,
    );
    try {
      return await Promise.race([coming, late]);
    } finally {
      came.abort();
    }
  }

  #leave(part: Part, why: string): Part {
    const { voices, living, agent, clock } = this.#ports;
    const from = voices[this.#index]!;
    this.#index++;
    living.beginAt(agent, this.#index, clock.now());
    this.#ports.onSwitch(from, voices[this.#index]!, why);
    return { ...part, why };
  }
}

function sumOf(one: TtsUsage | undefined, other: TtsUsage): TtsUsage {
  const sum: Record<string, number> = { ...one };
  for (const [meter, quantity] of Object.entries(other) as [string, number][])
    sum[meter] = (sum[meter] ?? 0) + quantity;
  return sum;
}

/** How long the whole text would have been, judged by its characters. */
function lengthOf(text: string, { ms }: { readonly ms: number }): number {
  return Math.max(ms, text.length * MS_PER_CHAR);
}

function wordsFrom(text: string, count: number): string {
  const word = [...text.matchAll(/\S+/g)][count];
  return word ? text.slice(word.index) : "";
}
