import { frameMs, type AudioFrame } from "../../base/audio.ts";
import { sleep, type Clock } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
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
  write(frame: AudioFrame): void;
  /** Takes back sound behind this many ms of the sentence that has not left yet. */
  cutTo(ms: number): void;
  onSwitch(from: Voice, to: Voice, why: string): void;
  onCharacters(voice: Voice, count: number): void;
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

export class SentenceVoice {
  readonly #ports: VoicePorts;
  /** The voice that speaks now: one that failed is not asked again within the answer. */
  #index = 0;

  constructor(ports: VoicePorts) {
    this.#ports = ports;
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
      this.#ports.cutTo(ms);
      if (rest === "") return { ms: Math.round(ms), wordEndsMs: ends, estimated, ttfbMs };
    }
  }

  /** As much of the text as one voice gives; `why` it gave up, and the next one is to go on. */
  async #part(text: string, onAudio: () => void) {
    const { voices, signal, clock, firstAudioMs } = this.#ports;
    const voice = voices[this.#index]!;
    const next = voices[this.#index + 1];
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    signal.addEventListener("abort", stop, { once: true });
    const part: { ms: number; ends: readonly number[] | undefined; why: string | undefined } = {
      ms: 0,
      ends: undefined,
      why: undefined,
    };
    this.#ports.onCharacters(voice, text.length);
    const late = next && sleep(clock, firstAudioMs, abort.signal).then(() => LATE);
    try {
      const events = voice.tts
        .speak({ text, voice: voice.name, signal: abort.signal })
        [Symbol.asyncIterator]();
      for (;;) {
        const coming = events.next();
        const came = late && part.ms === 0 ? await Promise.race([coming, late]) : await coming;
        if (signal.aborted) return part;
        if (typeof came === "symbol") {
          coming.catch(() => undefined);
          return this.#leave(part, "late");
        }
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
      if (!next || signal.aborted) throw error;
      return this.#leave(part, codeOf(error, "provider.failed"));
    } finally {
      abort.abort();
      signal.removeEventListener("abort", stop);
    }
  }

  #leave<Part extends { why: string | undefined }>(part: Part, why: string): Part {
    const { voices } = this.#ports;
    const from = voices[this.#index]!;
    this.#index++;
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
