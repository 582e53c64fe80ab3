import { wordsOf } from "../folds/features.ts";
import type { TimedWord } from "./stt.port.ts";

/** Words with estimated times: the range is shared out by the number of letters. */
export function spreadWords(text: string, fromMs: number, toMs: number): TimedWord[] {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const total = words.reduce((sum, word) => sum + word.length, 0);
  let letters = 0;
  return words.map((word) => {
    const start = fromMs + ((toMs - fromMs) * letters) / total;
    letters += word.length;
    const end = fromMs + ((toMs - fromMs) * letters) / total;
    return { text: word, fromMs: Math.round(start), toMs: Math.round(end) };
  });
}

/** How many leading words two guesses in a row share: those are as good as said. */
export function agreedWords(before: string, now: string): number {
  const [had, has] = [wordsOf(before), wordsOf(now)];
  const differs = has.findIndex((word, i) => word !== had[i]);
  return differs < 0 ? has.length : differs;
}
