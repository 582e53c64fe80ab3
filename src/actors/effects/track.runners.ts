import { LIMITS } from "../../base/limits.ts";
import { featuresOf } from "../../folds/features.ts";
import type { Stt, SttEvent, SttUsage } from "../../providers/stt.port.ts";
import type { Vad } from "../../providers/vad.port.ts";
import type { EffectResult, Runner, RunningEffect } from "../effect.ts";
import { aborted, quietly, type CallMedia } from "./call-media.ts";

/** A track's ears: the voice detector and the speech-to-text stream, until they are stopped. */
export interface DetectorInput {
  readonly sid: string;
  readonly minSpeech: number;
  readonly minSilence: number;
}

export function detectorRunner(vad: Vad, media: CallMedia): Runner<DetectorInput> {
  return {
    run: async (effect) => {
      const { sid, minSpeech, minSilence } = effect.input;
      const tap = await media.tap(sid, effect.call.clock);
      let base = 0;
      const stream = vad.open({ minSpeechMs: minSpeech, minSilenceMs: minSilence }, (event) => {
        const from = base + event.fromMs;
        if (event.type === "started") {
          tap.speechStarted(from);
          quietly(effect.progress({ type: "vad.started", from }));
          return;
        }
        const to = base + event.toMs;
        tap.speechEnded(to);
        const { silenceMs } = event;
        quietly(effect.progress({ type: "vad.ended", from, to, silenceMs }));
      });
      const listener = tap.listen({
        frame: (frame, at) => {
          if (base === 0) base = at;
          stream.push(frame);
        },
      });
      try {
        await aborted(effect.signal);
      } finally {
        listener.close();
        stream.close();
      }
      return {};
    },
  };
}

export interface SttInput {
  readonly sid: string;
}

export function sttRunner(stt: Stt, media: CallMedia): Runner<SttInput> {
  return {
    run: async (effect) => {
      const tap = await media.tap(effect.input.sid, effect.call.clock);
      let base = 0;
      const words = new WordTeller(effect, () => base);
      const stream = stt.open((event) => words.tell(event));
      const listener = tap.listen({
        frame: (frame, at) => {
          if (base === 0) base = at;
          stream.push(frame);
        },
        speechStarted: (at) => stream.speechStarted(at - base),
        speechEnded: (at) => stream.speechEnded(at - base),
      });
      await aborted(effect.signal);
      listener.close();
      return usageOf(stream.abort());
    },
  };
}

function usageOf({ provider, model, audioMs }: SttUsage): EffectResult {
  const meter = { service: "stt", meter: "audioMs", estimated: false } as const;
  return { usage: [{ ...meter, provider, model, quantity: Math.round(audioMs) }] };
}

/**
 * Turns a provider's words into features and text; interims at a bounded rate and on change only.
 */
class WordTeller {
  readonly #effect: RunningEffect<SttInput>;
  readonly #base: () => number;
  #segment = 0;
  #before = "";
  #toldAt = 0;
  #interimText = "";

  constructor(effect: RunningEffect<SttInput>, base: () => number) {
    this.#effect = effect;
    this.#base = base;
  }

  tell(event: SttEvent): void {
    if (event.type === "down") {
      const resendFrom = this.#effect.call.clock.now();
      return quietly(this.#effect.progress({ type: "stt.down", resendFrom }));
    }
    if (event.type === "up") return quietly(this.#effect.progress({ type: "stt.up" }));
    if (event.type === "endOfTurn") return this.#judge(event);
    if (event.type === "interim" && !this.#isDue(event.text)) return;
    const { call, id } = this.#effect;
    const features = featuresOf(event.text, {
      lang: call.header.settings.language,
      before: this.#before,
      agent: call.transcript.agentWords(this.#base() + event.fromMs),
      backchannelMax: call.header.settings.backchannel.maxWords,
      endpointer: call.header.settings.endpointing.endpointer,
    });
    const base = this.#base();
    const final = event.type === "final";
    const stable = final ? features.words : Math.min(event.stableWords, features.words);
    const told = {
      type: final ? "stt.final" : "stt.interim",
      ref: `${id}.${this.#segment}`,
      from: Math.round(base + event.fromMs),
      to: Math.round(base + event.toMs),
      stable,
      ...features,
    };
    const words = final ? { words: event.words.map((word) => ({ ...word })) } : {};
    quietly(this.#effect.progress(told, { text: event.text, ...words }));
    this.#before = final ? "" : event.text;
    if (!final) return;
    this.#segment++;
    this.#interimText = "";
  }

  /** The provider's own word counts where the call listens to it. */
  #judge({ toMs, p }: { readonly toMs: number; readonly p: number }): void {
    const { endpointer } = this.#effect.call.header.settings.endpointing;
    if (endpointer !== "provider") return;
    const to = Math.round(this.#base() + toMs);
    quietly(this.#effect.progress({ type: "speech.judged", to, p, class: "ended" }));
  }

  #isDue(text: string): boolean {
    const now = this.#effect.call.clock.now();
    const every = 1000 / LIMITS.interimsPerSecondMax;
    if (text === this.#interimText || now - this.#toldAt < every) return false;
    this.#interimText = text;
    this.#toldAt = now;
    return true;
  }
}
