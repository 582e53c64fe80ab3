/** What a small recognizer gives, made fit to be shown: invented endings off, words given times. */
const FILLER_RUN = /[\s,.!?-]*(?:\b(?:eh|uh|ah|hm+|mm+)\b[\s,.!?-]*){2,}$/i;
const WORD_RUN = /(\b[\w']+\b)(?:[\s,.!?-]+\1\b){3,}[\s,.!?-]*$/i;

const NUMBER = /\d|\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)\b/i;

/** A phrase three times on end, and the beginning of a fourth. */
const PHRASE_RUN = /((?:[\w']+[\s,.!?"-]+){2,10}?)\1{2,}.{0,80}$/i;

/**
 * Silence at the end makes Moonshine go on in a loop ("day, eh, eh, eh"). Only loops are cut: two
 * or more fillers, a word four times or a phrase three times; anything else may have been said.
 */
export function cleanTranscript(text: string): string {
  const calm = text
    .trim()
    .replace(PHRASE_RUN, keepNumbers)
    .replace(WORD_RUN, keepNumbers)
    .replace(FILLER_RUN, "")
    .trim();
  return /[\p{L}\p{N}]/u.test(calm) ? calm : "";
}

/** "Zero zero zero zero" is a phone number, not a loop. */
function keepNumbers(run: string, once: string): string {
  return NUMBER.test(once) ? run : once;
}

/** Parts of one utterance, decoded apart. */
export function joinTranscripts(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}
