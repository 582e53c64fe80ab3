import { toPattern } from "./words.ts";

/** Finds the caller's name: in a phrase that announces one, or as the answer to the question. */
const STOP = new Set(
  (
    "a an and the for on at in by to of with from please thanks thank you i im id ill we my " +
    "me it its is was are not no yes yeah yep sure ok okay so but or if that this there here " +
    "just also actually sorry today tomorrow tonight monday tuesday wednesday thursday friday " +
    "saturday sunday party table people persons guests number phone booking reservation name " +
    "would like want need can could do does have calling looking trying going wondering " +
    "interested hoping coming vegan vegetarian allergic fine good great well running late " +
    "afraid new still very really back ready happy done what when where how why who oh um uh " +
    "er uh-huh mm-hmm mhm hmm hi hello hey bye goodbye nothing something cancel change book " +
    "repeat wait stop never mind under put make day time morning evening afternoon noon pm am " +
    "oclock about around perfect right correct exactly open closed all both one two three " +
    "four five six seven eight nine ten eleven twelve"
  ).split(" "),
);
const TITLES = new Set(["mr", "mrs", "ms", "miss", "dr", "mister", "doctor"]);
const ANNOUNCED = new RegExp(
  toPattern(
    String.raw`\b(?:my name(?:'s| is|s)|(?:the |last |first |full |sur|family )?name(?:'s| to|`,
    String.raw` is| would be| will be|:)|name of|under(?: the name(?: of)?)?|call me|`,
    String.raw`put (?:it )?(?:down )?(?:under|for))[:,]?\s+(.+)`,
  ),
  "i",
);
const SAID = /\b(?:[Ii]'m|[Ii] am|[Tt]his is|[Ii]t's|[Ii]t is)\s+([A-Z].*)/;
const LEAD = new RegExp(
  toPattern(
    String.raw`^(?:(?:yes|yeah|sure|okay|ok|oh|uh|um|er|ah|hm+|well|so|please|`,
    String.raw`and)[,.\s]+)*(?:(?:it's|it is|its|i'm|i am|im|this is|that's|that is|`,
    String.raw`that would be|for|under|the name is|name is|name's|my name is|put|`,
    String.raw`call me)\s+)*`,
  ),
  "i",
);

/** "Lunch for Two on June 3" in title case is no name. */
const NOT_LAST = toPattern(
  String.raw`day\b|^(?:January|February|March|April|May|June|July|August|September|`,
  String.raw`October|November|December|Lunch|Dinner|Brunch|Breakfast|Christmas|Easter|Me|`,
  String.raw`Us|Parking)\b`,
);

/** `asked`: the receptionist has just asked for it, so a bare word or two is the answer. */
export function findName(raw: string, asked: boolean): string | undefined {
  const text = raw.replace(/[\u2018\u2019]/g, "'").trim();
  const announced = ANNOUNCED.exec(text)?.[1];
  const found = announced === undefined ? undefined : takeName(announced);
  if (found) return found;
  if (asked) {
    const bare = text.replace(LEAD, "");
    const name = takeName(bare);
    // A bare answer is short; a long sentence that begins with an unknown word is something else.
    if (name && bare.split(/\s+/).length <= name.split(" ").length + 8 && !/\?\s*$/.test(bare))
      return name;
    return undefined;
  }
  const last = /\bfor ([A-Z][\w'-]+(?: [A-Z][\w'-]+)?)[.!]?$/.exec(text)?.[1];
  if (last && !NOT_LAST.test(last)) return takeName(last);
  // Unasked, only a capital tells a name from any other word, and only where speech begins with it.
  const said =
    /^(?:hi|hello|hey|good \w+)?[,.!\s]*(?:i'm|i am|this is|it's)\b/i.test(text) &&
    SAID.exec(text)?.[1];
  return said ? takeName(said) : undefined;
}

function takeName(text: string): string | undefined {
  const words: string[] = [];
  for (const part of text.split(/\s+/)) {
    const word = part.replace(/[^\p{L}'-]/gu, "");
    const bare = word.toLowerCase().replace(/'/g, "");
    if (word === "" || STOP.has(bare) || words.length >= 8) break;
    words.push(word);
    // Punctuation ends a name, but not after a title or between spelled letters.
    if (/[.,;!?]$/.test(part) && !TITLES.has(bare) && word.length > 1) break;
  }
  const name = joinSpelled(words).slice(0, 3);
  if (name.every((word) => TITLES.has(word.toLowerCase()))) return undefined;
  return name.map(toCapital).join(" ");
}

/** "S M I T H" and "S-M-I-T-H" become one word; after the word itself the spelling is dropped. */
function joinSpelled(words: readonly string[]): string[] {
  const out: string[] = [];
  let letters = "";
  const flush = (): void => {
    if (letters.length > 1) {
      if (out.at(-1)?.toLowerCase() !== letters.toLowerCase()) out.push(letters);
    } else if (letters) out.push(letters);
    letters = "";
  };
  for (const word of words) {
    const spelled = /^\p{L}(?:-\p{L})+$/u.test(word) ? word.replaceAll("-", "") : word;
    if (spelled !== word || word.length === 1) letters += spelled;
    else {
      flush();
      out.push(word);
    }
  }
  flush();
  return out;
}

function toCapital(word: string): string {
  const lower = word === word.toUpperCase() ? word.toLowerCase() : word;
  return lower.replace(/(^|[-'])\p{L}/gu, (letter) => letter.toUpperCase());
}
