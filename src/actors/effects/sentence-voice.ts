import { frameMs, type AudioFrame } from "../../base/audio.ts";
import { aborted, sleep, type Clock } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Usage } from "../../events/effect.events.ts";
import { spreadWordEnds } from "../../folds/heard.ts";
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
  readonly #characters = new Map<Voice, number>();
  /** The voice that speaks now: one that failed is not asked again within the answer. */
  #index: number;

  constructor(ports: VoicePorts) {
    this.#ports = ports;
    const { living, agent, clock, voices } = ports;
    const first = living.firstOf(agent, clock.now());
    this.#index = first < voices.length ? first : 0;
  }

  /** What each voice was given to say. */
  get usage(): readonly Usage[] {
    const meter = { service: "tts", meter: "characters", estimated: false } as const;
    return [...this.#characters].map(
      ([
        {
          tts: { provider, model },
        },
        quantity,
      ]) => {
        return { ...meter, provider, model, quantity };
      },
    );
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
    const part: Part = { ms: 0, ends: undefined, why: undefined };
    this.#characters.set(voice, (this.#characters.get(voice) ?? 0) + text.length);
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
        onAudio();
        part.ms += frameMs(came.value.frame);
        this.#ports.write(came.value.frame);
      }
    } catch (error) {
      if (!hasNext || signal.aborted) throw error;
      this.#ports.onFailure(voice, error);
      return this.#leave(part, codeOf(error, "provider.failed"));
    } finally {
      abort.abort();
    }
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

/** How long the whole text would have been, judged by its characters. */
function lengthOf(text: string, { ms }: { readonly ms: number }): number {
  return Math.max(ms, text.length * MS_PER_CHAR);
}

function wordsFrom(text: string, count: number): string {
  const word = [...text.matchAll(/\S+/g)][count];
  return word ? text.slice(word.index) : "";
}
