import type { EndClass } from "../events/track.events.ts";

/**
 * Features of words that charts decide by (C1), computed at the edge from the text and logged.
 * Everything here is pure, so `replay --deep` recomputes it where the text is still there.
 */
interface Language {
  /** Words that say "I am listening": with them alone nobody takes the floor. */
  readonly backchannel: ReadonlySet<string>;
  /** Short answers that are complete without punctuation. */
  readonly complete: ReadonlySet<string>;
  /** An utterance that ends in one of these goes on. */
  readonly hanging: ReadonlySet<string>;
  readonly digits: ReadonlySet<string>;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

const ENGLISH: Language = {
  backchannel: words(
    [
      "uh-huh uhhuh mm-hmm mmhmm mhm hm hmm mm yeah yep yes yup ok okay right sure ahem ah oh",
      "i see aha alright",
    ].join(" "),
  ),
  complete: words(
    ["yes no yeah nope thanks please stop hello hi bye goodbye okay ok sure never mind"].join(" "),
  ),
  hanging: words(
    [
      "and or but because so if when while that which who with without for from to of in on",
      "at by about into than as the a an my your his her our their this these those is are",
      "was were be am do does did have has had can could will would should may might must i'm",
      "i'd i'll um uh er like",
    ].join(" "),
  ),
  digits: words(["zero oh one two three four five six seven eight nine double triple"].join(" ")),
};

const GERMAN: Language = {
  backchannel: words("mhm hm ja jaja genau okay ok aha ach so klar"),
  complete: words("ja nein danke bitte stopp hallo tschüss okay ok klar"),
  hanging: words(
    [
      "und oder aber weil also wenn dass der die das den dem ein eine einen mein meine für",
      "von mit zu nach in an auf bei über ist sind war kann will würde möchte ähm äh",
    ].join(" "),
  ),
  digits: words("null eins zwei drei vier fünf sechs sieben acht neun"),
};

const LANGUAGES: Readonly<Record<string, Language>> = { en: ENGLISH, de: GERMAN };

/** Words without case and punctuation; apostrophes and inner hyphens stay. */
export function wordsOf(text: string): readonly string[] {
  return text
    .toLowerCase()
    .replaceAll("’", "'")
    .split(/[^\p{L}\p{N}'-]+/u)
    .map((word) => word.replace(/^['-]+|['-]+$/g, ""))
    .filter((word) => word !== "");
}

export interface Features {
  readonly words: number;
  readonly changed: boolean;
  readonly backchannel: boolean;
  readonly echo: boolean;
  readonly class: EndClass;
}

export interface FeatureContext {
  readonly lang: string;
  /** The words these ones replace, if any. */
  readonly before: string;
  /** What the agent has said in the last seconds. */
  readonly agent: readonly string[];
  /** Most words a back-channel has. */
  readonly backchannelMax: number;
  /** Who says that a turn is over; default: the words. See docs/settings.md. */
  readonly endpointer?: string;
}

/** At least this share of the words being the agent's makes an echo; two words at least. */
const ECHO_SHARE = 0.8;
const ECHO_WORDS_MIN = 2;

export function featuresOf(text: string, context: FeatureContext): Features {
  const said = wordsOf(text);
  const language = LANGUAGES[context.lang] ?? { ...ENGLISH, complete: new Set<string>() };
  return {
    words: said.length,
    changed: said.join(" ") !== wordsOf(context.before).join(" "),
    backchannel:
      said.length > 0 &&
      said.length <= context.backchannelMax &&
      said.every((word) => language.backchannel.has(word)),
    echo: isEcho(said, context.agent),
    class: endOf(classOf(text, said, language), context.endpointer ?? "text"),
  };
}

/** Silence alone calls any words complete; a provider's own word is waited for. */
function endOf(byText: EndClass, endpointer: string): EndClass {
  if (endpointer === "silence") return "complete";
  return endpointer === "provider" ? "hanging" : byText;
}

function isEcho(said: readonly string[], agent: readonly string[]): boolean {
  if (said.length < ECHO_WORDS_MIN || agent.length === 0) return false;
  const theirs = new Set(agent);
  return said.filter((word) => theirs.has(word)).length / said.length >= ECHO_SHARE;
}

/** How finished it sounds: by its last word, then its punctuation. */
function classOf(text: string, said: readonly string[], language: Language): EndClass {
  const last = said.at(-1);
  if (last === undefined) return "unclear";
  if (language.digits.has(last) || /^\d+$/.test(last)) return isNumberTalk(said, language);
  if (text.trimEnd().endsWith(",") || text.trimEnd().endsWith("...")) return "hanging";
  if (language.hanging.has(last)) return "hanging";
  if (/[.?!]$/.test(text.trimEnd())) return "complete";
  return language.complete.has(last) && said.length <= 2 ? "complete" : "unclear";
}

/** Digits spoken one by one may go on; a number inside a sentence ends it as any word does. */
function isNumberTalk(said: readonly string[], language: Language): EndClass {
  const digits = said.filter((word) => language.digits.has(word) || /^\d+$/.test(word)).length;
  return digits >= 2 && digits / said.length >= 0.5 ? "digits" : "complete";
}
