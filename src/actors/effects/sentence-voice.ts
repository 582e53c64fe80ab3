import type { AudioFrame } from "../../base/audio.ts";
import { sleep, type Clock } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Usage } from "../../events/effect.events.ts";
import { spreadWordEnds } from "../../folds/heard.ts";
import type { Guard } from "../../providers/breaker.port.ts";
import type { Voice } from "../agent-parts.ts";
import type { Left } from "./answer-stream.ts";
import { askVoice, type Given } from "./asked-voice.ts";
import { endedBy, failureCode, retryDelay, type Retried } from "./retry.ts";
import { Tally } from "./tally.ts";

/**
 * A sentence over the voices of an agent, in their order. One that fails before its first sound is
 * tried again while its time lasts. Where it fails for good, or gives no sound in its time, the
 * next goes on from the first word that was not said to its end: no word is said twice.
 *
 * Behind the last voice there is text, where that can be given: what is left, and all that follows
 * of the answer, has no sound then.
 */
export interface VoicePorts {
  readonly voices: readonly Voice[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly firstAudioMs: number;
  readonly living: LivingVoices;
  /** Whose voices they are, by its name in the call. */
  readonly agent: string;
  readonly guard: Guard | undefined;
  random(): number;
  write(frame: AudioFrame): void;
  /** Takes back sound behind this many ms of the sentence; returns the ms that are kept. */
  cutTo(ms: number): number;
  onRetry(voice: Voice, retried: Retried): void;
  /** To text where there is no other voice. */
  onSwitch(from: Voice, to: Voice | undefined, left: Left): void;
  /** What a voice threw, and what is done about it. */
  onFailure(voice: Voice, error: unknown, then: "again" | "next"): void;
  /** False: without a voice there is an error. */
  readonly mayBeText: boolean;
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
/** Tries of the last voice: one that hangs is asked anew once, as there is no other. */
const LAST_TRIES = 2;

/** What one voice gave over its tries; `isLeft`: another is to go on. */
interface Part extends Pick<Given, "ms" | "ends"> {
  readonly isLeft: boolean;
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
  readonly #tally = new Tally();
  /** The voice that speaks now: one that failed is not asked again within the answer. */
  #index: number;

  constructor(ports: VoicePorts) {
    this.#ports = ports;
    const { living, agent, clock, voices } = ports;
    const first = living.firstOf(agent, clock.now());
    this.#index = first < voices.length ? first : 0;
  }

  /** The voice that is asked next; none where the rest has no sound. */
  get next(): Voice | undefined {
    return this.#ports.voices[this.#index];
  }

  /** What each voice was given to say, and how much sound came of it. */
  get usage(): readonly Usage[] {
    return this.#tally.rows;
  }

  /** Throws what the last voice threw, where it may not be text. */
  async speak(text: string): Promise<Spoken> {
    const { clock, voices } = this.#ports;
    const startedAt = clock.now();
    const ends: number[] = [];
    let ms = 0;
    let rest = text;
    let estimated = false;
    let ttfbMs: number | undefined;
    const onSound = (): void => void (ttfbMs ??= clock.now() - startedAt);
    while (rest !== "" && voices[this.#index]) {
      const part = await this.#part(rest, onSound);
      const known = part.ends ?? spreadWordEnds(rest, part.isLeft ? lengthOf(rest, part) : part.ms);
      estimated ||= part.ends === undefined && part.ms > 0;
      const said = part.isLeft ? known.filter((end) => end <= part.ms) : known;
      for (const end of said) ends.push(Math.round(ms + end));
      ms += part.isLeft ? (said.at(-1) ?? 0) : part.ms;
      rest = part.isLeft ? wordsFrom(rest, said.length) : "";
      // What has left cannot be taken back: the next voice is heard behind it.
      if (part.isLeft) ms = this.#ports.cutTo(ms);
    }
    // Words without a sound are through when the sound before them is.
    for (const _ of rest.matchAll(/\S+/g)) ends.push(Math.round(ms));
    return { ms: Math.round(ms), wordEndsMs: ends, estimated, ttfbMs };
  }

  /** As much of the text as one voice gives. */
  async #part(text: string, onSound: () => void): Promise<Part> {
    const { voices, clock, signal, guard, firstAudioMs } = this.#ports;
    const random = (): number => this.#ports.random();
    const voice = voices[this.#index]!;
    const isLast = this.#index + 1 === voices.length;
    const { provider, model } = voice.tts;
    const endsAt = clock.now() + firstAudioMs * (isLast ? LAST_TRIES : 1);
    for (let attempt = 1; ; attempt++) {
      const pass = guard?.enter({ service: "tts", provider, model });
      if (guard && !pass) {
        const error = new AppError("provider.open", `${provider}/${model} keeps failing`);
        return this.#leave(NOTHING, { why: "provider.open" }, error);
      }
      const given = await this.#ask({ voice, text, attempt, endsAt }, onSound);
      const { error, isLate } = given;
      pass?.end(signal.aborted ? "void" : error === undefined ? "ok" : endedBy(error));
      if (error === undefined || signal.aborted) return { ...given, isLeft: false };
      const leftMs = given.ms > 0 ? 0 : endsAt - clock.now();
      const waitMs = retryDelay({ error, attempt, leftMs, random });
      const why = isLate ? "late" : failureCode(error);
      const isThrown = isLast && waitMs === undefined && !this.#ports.mayBeText;
      if (!isThrown) this.#ports.onFailure(voice, error, waitMs === undefined ? "next" : "again");
      if (waitMs === undefined)
        return this.#leave(given, { why, ...(isLate && { ms: firstAudioMs }) }, error);
      this.#ports.onRetry(voice, { attempt: attempt + 1, why, waitMs });
      await sleep(clock, waitMs, signal);
      if (signal.aborted) return NOTHING;
    }
  }

  #ask(one: Asked, onSound: () => void): Promise<Given> {
    const { clock, signal, firstAudioMs } = this.#ports;
    const { endsAt, ...asked } = one;
    const firstMs = Math.min(firstAudioMs, endsAt - clock.now());
    return askVoice(
      { ...asked, firstMs, pieceMs: firstAudioMs },
      {
        clock,
        signal,
        tally: this.#tally,
        write: (frame) => {
          onSound();
          this.#ports.write(frame);
        },
      },
    );
  }

  /** Throws the error where nobody and nothing goes on. */
  #leave({ ms, ends }: Pick<Part, "ms" | "ends">, left: Left, error: unknown): Part {
    const { voices, living, agent, clock, mayBeText } = this.#ports;
    const from = voices[this.#index]!;
    const to = voices[this.#index + 1];
    if (!to && !mayBeText) throw error;
    this.#index++;
    if (to) living.beginAt(agent, this.#index, clock.now());
    this.#ports.onSwitch(from, to, left);
    return { ms, ends, isLeft: true };
  }
}

interface Asked {
  readonly voice: Voice;
  readonly text: string;
  readonly attempt: number;
  readonly endsAt: number;
}

const NOTHING: Part = { ms: 0, ends: undefined, isLeft: false };

/** How long the whole text would have been, judged by its characters. */
function lengthOf(text: string, { ms }: { readonly ms: number }): number {
  return Math.max(ms, text.length * MS_PER_CHAR);
}

function wordsFrom(text: string, count: number): string {
  const word = [...text.matchAll(/\S+/g)][count];
  return word ? text.slice(word.index) : "";
}
