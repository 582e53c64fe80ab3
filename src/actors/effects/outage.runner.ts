import { frameMs, resample } from "../../base/audio.ts";
import { sleep } from "../../base/clock.ts";
import { LIMITS } from "../../base/limits.ts";
import type { Usage } from "../../events/effect.events.ts";
import type { Runner, RunningEffect } from "../effect.ts";
import type { OutageInput } from "../outage.ts";
import { Playout, SpeakerQueue } from "./playout.ts";
import type { ReplyPorts } from "./reply.runner.ts";
import { SentenceVoice } from "./sentence-voice.ts";
import { splitSentences } from "./sentences.ts";

/** Between them and what was spoken before, so that the middle of a sentence is no end of it. */
const PAUSE_MS = 300;

/**
 * Words of an outage (L7), over the room's speaker and beside the replies: begun when no sentence
 * is being spoken and nobody speaks, silenced the moment somebody does. An answer that waits for
 * the log in its middle stands aside for them, and goes on at its very sample.
 */
export function outageRunner(ports: ReplyPorts): Runner<OutageInput> {
  return {
    run: async (effect) => {
      const { signal, input, call } = effect;
      const { media } = ports;
      const { speaker } = media;
      // Nobody is there to hear it.
      if (!speaker) return { position: 0 };
      const playout = new Playout(speaker, new SpeakerQueue(), input.onStart);
      playout.pause();
      const spoken = await synthesise(effect, { ...ports, playout, rateHz: speaker.rateHz });
      let pauseMs = 0;
      while (!signal.aborted) {
        if (speaker.queuedMs > 0 || media.isHeard) pauseMs = PAUSE_MS;
        else if (pauseMs <= 0) break;
        await sleep(call.clock, LIMITS.frameMs, signal);
        pauseMs -= LIMITS.frameMs;
      }
      if (signal.aborted) return { position: 0 };
      const isWhole = await play(effect, ports, playout);
      const position = Math.round(playout.positionMs);
      const { wordEnds, usage } = spoken;
      const heard = isWhole ? wordEnds : wordEnds.filter((end) => end <= position);
      return { position, result: { words: heard.length }, usage };
    },
  };
}

/** False where they were cut. A room that takes no sound must not hold up the replies for good. */
async function play(
  { signal, call }: RunningEffect<OutageInput>,
  { media }: ReplyPorts,
  playout: Playout,
): Promise<boolean> {
  const late = new AbortController();
  const cut = AbortSignal.any([signal, late.signal, media.nextSpeech]);
  const silence = (): void => void playout.stop();
  cut.addEventListener("abort", silence, { once: true });
  const cancel = call.clock.after(LIMITS.outageWordsMsMax, () => late.abort());
  media.speakers.interject(playout.done);
  playout.resume();
  await playout.done;
  cancel();
  cut.removeEventListener("abort", silence);
  return !cut.aborted;
}

/** All of its sound into the playout; gives the end of each word in ms. */
async function synthesise(
  effect: RunningEffect<OutageInput>,
  { partsOf, media, guard, playout, rateHz }: ReplyPorts & { playout: Playout; rateHz: number },
): Promise<{ wordEnds: readonly number[]; usage: readonly Usage[] }> {
  const { input, signal, call } = effect;
  let ms = 0;
  let sentenceMs = 0;
  const voice = new SentenceVoice({
    voices: partsOf(input.agent).voices,
    clock: call.clock,
    signal,
    firstAudioMs: call.settings.answer.firstAudio,
    living: media.living,
    agent: input.agent,
    write: (frame) => {
      ms += frameMs(frame);
      playout.write(resample(frame, rateHz).samples);
    },
    cutTo: (keep) => (ms = playout.cutTo(sentenceMs + keep)) - sentenceMs,
    guard,
    random: () => call.ids.random(),
    // Text would go by way of the log, which is away.
    mayBeText: false,
    onRetry: () => undefined,
    onSwitch: () => undefined,
    onFailure: (_, error) => effect.warn("a voice failed: it is asked again or left", error),
  });
  const wordEnds: number[] = [];
  for (const sentence of splitSentences(input.text)) {
    sentenceMs = ms;
    const spoken = await voice.speak(sentence);
    wordEnds.push(...spoken.wordEndsMs.map((end) => sentenceMs + end));
  }
  playout.finish();
  return { wordEnds, usage: voice.usage };
}
