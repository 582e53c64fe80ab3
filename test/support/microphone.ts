import { writeFile } from "node:fs/promises";
import { formatWav, joinSamples } from "../../src/base/audio.ts";
import { CALLER_VOICE, LOCAL_RATE_HZ } from "../../src/main.ts";
import { openFlite } from "../../src/providers/local/flite.tts.ts";

export const QUESTION = "What are your opening hours?";
export const INTERRUPTION = "And what about Sunday?";

/**
 * What a browser's microphone hears: silence while the agent greets, then again and again a
 * question, a moment of the answer, and an interruption. A file cannot wait for the agent: on a
 * machine that is too slow for one round another one fits.
 */
export async function microphone(file: string): Promise<void> {
  const quiet = (ms: number) => new Int16Array((ms * LOCAL_RATE_HZ) / 1000);
  await using tts = openFlite();
  const say = async (text: string): Promise<Int16Array> => {
    const { signal } = new AbortController();
    const parts: Int16Array[] = [];
    for await (const event of tts.speak({ text, voice: CALLER_VOICE, signal }))
      if (event.type === "audio") parts.push(event.frame.samples);
    return joinSamples(parts);
  };
  const question = await say(QUESTION);
  const interruption = await say(INTERRUPTION);
  const rounds = [3_000, 4_000, 2_500, 5_000].flatMap((pauseMs) => [
    quiet(7_000),
    question,
    quiet(pauseMs),
    interruption,
  ]);
  const samples = joinSamples([...rounds, quiet(3_000)]);
  await writeFile(file, formatWav({ samples, rateHz: LOCAL_RATE_HZ }));
}
