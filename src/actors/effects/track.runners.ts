import { frameMs, joinSamples, type AudioFrame } from "../../base/audio.ts";
import { aborted } from "../../base/clock.ts";
import type { AppError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Usage } from "../../events/effect.events.ts";
import { featuresOf } from "../../folds/features.ts";
import type { Endpointer } from "../../providers/endpointer.port.ts";
import type { Stt, SttEvent, SttUsage } from "../../providers/stt.port.ts";
import type { Vad } from "../../providers/vad.port.ts";
import type { Runner, RunningEffect } from "../effect.ts";
import { quietly, type CallMedia } from "./call-media.ts";

/** A track's ears: the voice detector and the speech-to-text stream, until they are stopped. */
export interface DetectorInput {
  readonly sid: string;
  readonly minSpeech: number;
  readonly minSilence: number;
}

export interface Ears {
  readonly vad: Vad;
  /** Asked once when speech has ended, where the call's settings choose it. */
  readonly endpointer?: Endpointer;
}

export function detectorRunner({ vad, endpointer }: Ears, media: CallMedia): Runner<DetectorInput> {
  return {
    run: async (effect) => {
      const { sid, minSpeech, minSilence } = effect.input;
      const tap = await media.tap(sid, effect.call.clock);
      const { endpointing } = effect.call.settings;
      const judge =
        endpointer && endpointing.endpointer === "smart-turn"
          ? new Judge(endpointer, effect)
          : undefined;
      let base = 0;
      const stream = vad.open({ minSpeechMs: minSpeech, minSilenceMs: minSilence }, (event) => {
        const from = base + event.fromMs;
        if (event.type === "started") {
          media.speechStarted(sid);
          tap.speechStarted(from);
          quietly(effect.progress({ type: "vad.started", from }));
          return;
        }
        const to = base + event.toMs;
        media.speechEnded(sid);
        tap.speechEnded(to);
        const { silenceMs } = event;
        quietly(effect.progress({ type: "vad.ended", from, to, silenceMs }));
        judge?.ask(to);
      });
      const listener = tap.listen({
        frame: (frame, at) => {
          if (base === 0) base = at;
          judge?.hear(frame);
          stream.push(frame);
        },
      });
      try {
        await aborted(effect.signal);
      } finally {
        media.speechEnded(sid);
        listener.close();
        stream.close();
      }
      return {};
    },
  };
}

/** Keeps the latest sound for an endpointer, and tells what it makes of it. */
class Judge {
  readonly #endpointer: Endpointer;
  readonly #effect: RunningEffect<DetectorInput>;
  readonly #frames: AudioFrame[] = [];
  #ms = 0;

  constructor(endpointer: Endpointer, effect: RunningEffect<DetectorInput>) {
    this.#endpointer = endpointer;
    this.#effect = effect;
    endpointer.warm().catch(() => undefined);
  }

  hear(frame: AudioFrame): void {
    this.#frames.push(frame);
    this.#ms += frameMs(frame);
    while (this.#ms - frameMs(this.#frames[0]!) >= this.#endpointer.windowMs)
      this.#ms -= frameMs(this.#frames.shift()!);
  }

  /** Without an answer the words decide, so a failure costs nothing but a guess. */
  ask(to: number): void {
    const { signal, call } = this.#effect;
    const { sure, unsure } = call.settings.endpointing;
    const judged = this.#endpointer.judge(this.#latest(), signal).then((p) => {
      const end = p >= sure ? "complete" : p <= unsure ? "hanging" : "unclear";
      return this.#effect.progress({ type: "speech.judged", to, p, class: end });
    });
    quietly(judged);
  }

  #latest(): AudioFrame {
    const rateHz = this.#frames[0]?.rateHz ?? this.#endpointer.rateHz;
    return { samples: joinSamples(this.#frames.map(({ samples }) => samples)), rateHz };
  }
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
      const lost = Promise.withResolvers<AppError>();
      const stream = stt.open((event) => {
        if (event.type === "failed") lost.resolve(event.error);
        else words.tell(event);
      });
      words.opened(stt);
      const listener = tap.listen({
        frame: (frame, at) => {
          if (base === 0) base = at;
          stream.push(frame);
        },
        speechStarted: (at) => stream.speechStarted(at - base),
        speechEnded: (at) => stream.speechEnded(at - base),
      });
      const error = await Promise.race([lost.promise, aborted(effect.signal)]);
      listener.close();
      const usage = stream.abort().flatMap(metersOf);
      if (!error) return { usage };
      effect.warn("speech-to-text failed", error);
      return { usage, error: error.code };
    },
  };
}

function metersOf({ audioMs, connectionMs, estimated = false, ...of }: SttUsage): Usage[] {
  const meter = (name: Usage["meter"], ms: number): Usage => {
    const quantity = Math.round(ms);
    return { service: "stt", meter: name, estimated, quantity, ...of };
  };
  const open = connectionMs === undefined ? [] : [meter("connectionMs", connectionMs)];
  return [meter("audioMs", audioMs), ...open];
}

/** `provider/model`; a model's name may have a slash of its own. */
function listenerOf(name: string): Pick<Stt, "provider" | "model"> {
  const cut = name.indexOf("/");
  return { provider: name.slice(0, cut), model: name.slice(cut + 1) };
}

/** An eager end may be taken back, so the words may go on for a little. */
const SOUNDS = { eager: "complete", resumed: "hanging", ended: "ended" } as const;

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
  #isDown = false;

  constructor(effect: RunningEffect<SttInput>, base: () => number) {
    this.#effect = effect;
    this.#base = base;
  }

  tell(event: Exclude<SttEvent, { type: "failed" }>): void {
    if (event.type === "down") {
      this.#isDown = true;
      const resendFrom = this.#effect.call.clock.now();
      return quietly(this.#effect.progress({ type: "stt.down", resendFrom }));
    }
    if (event.type === "up") return this.#up();
    if (event.type === "retried" || event.type === "switched") return this.#failed(event);
    if (event.type === "endOfTurn") return this.#judge(event);
    if (event.type === "interim" && !this.#isDue(event.text)) return;
    this.#words(event);
  }

  /** Who listens from here on. */
  opened({ provider, model }: Pick<Stt, "provider" | "model">): void {
    quietly(this.#effect.progress({ type: "stt.opened", provider, model }));
  }

  #failed({ error, ...told }: Extract<SttEvent, { type: "retried" | "switched" }>): void {
    const [one, then] =
      told.type === "retried" ? [told.of, "it is asked again"] : [told.from, `${told.to} goes on`];
    this.#effect.warn(`speech-to-text ${one} failed: ${then}`, error);
    quietly(this.#effect.progress({ ...told, type: `stt.${told.type}` }));
    if (told.type === "switched") this.opened(listenerOf(told.to));
  }

  #words(event: Extract<SttEvent, { type: "interim" | "final" }>): void {
    const { call, id } = this.#effect;
    const features = featuresOf(event.text, {
      lang: call.settings.language,
      before: this.#before,
      agent: call.transcript.agentWords(this.#base() + event.fromMs),
      backchannelMax: call.settings.backchannel.maxWords,
      endpointer: call.settings.endpointing.endpointer,
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

  #up(): void {
    if (this.#isDown) quietly(this.#effect.progress({ type: "stt.up" }));
    this.#isDown = false;
  }

  /** The provider's own word counts where the call listens to it. */
  #judge({ toMs, p, how }: Extract<SttEvent, { type: "endOfTurn" }>): void {
    const { endpointer } = this.#effect.call.settings.endpointing;
    if (endpointer !== "provider") return;
    const to = Math.round(this.#base() + toMs);
    quietly(this.#effect.progress({ type: "speech.judged", to, p, class: SOUNDS[how] }));
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
