/**
 * The wordings that the rules of complexity.ts look for, by language. `word*` stands for every word
 * that begins so.
 */
export interface ComplexityWords {
  /** The answer takes thought: reasons, comparisons, steps, sums, plans. */
  readonly complex: readonly string[];
  /** Sounds like one of those and is none; taken out of the turn first. */
  readonly idle: readonly string[];
  /** The last answer was no good. */
  readonly rejecting: readonly string[];
  /** Words that begin a question. */
  readonly asking: readonly string[];
  /** A question of such words alone asks nothing of its own: "right?" */
  readonly tags: readonly string[];
  /** Joins two questions to one sentence. */
  readonly joining: readonly string[];
  /** Says nothing of what a tool is for. */
  readonly common: readonly string[];
}

const words = (text: string): readonly string[] => text.split(" ");
const phrases = (text: string): readonly string[] => text.split(", ");

const ENGLISH: ComplexityWords = {
  complex: phrases(
    [
      "why, how come, compar*, analys*, analyz*, explain to me, explain in detail, in detail",
      "step by step, debug*, troubleshoot*, calculat*, work out, in total",
      "plan the, plan a, plan our, plan my, plan for the, make a plan, summaris*, summariz*",
      "pros and cons, what are the risks, difference between, is it better, rather, contradict*",
      "what do you recommend, evaluat*, root cause",
    ].join(", "),
  ),
  idle: phrases("why not, that's why, that is why, why don't you"),
  rejecting: phrases(
    [
      "that's wrong, that is wrong, that's not right, that is not right, that's incorrect",
      "that is incorrect, not what i asked, not what i said, not what i meant, no i meant",
      "not what i wanted, you misunderstood, you got that wrong, you're wrong, you are wrong",
      "you're not listening, still doesn't work, still does not work, that didn't help",
      "that did not help, that doesn't help, doesn't answer my question",
    ].join(", "),
  ),
  asking: words("what when where who whose which why how is are do does did can could would will"),
  tags: words("right okay ok hello hi hey yes no yeah really sorry pardon huh hm well so and"),
  joining: words("and or also but"),
  common: words("this that with from your have will they their what when where which please for"),
};

const GERMAN: ComplexityWords = {
  complex: phrases(
    [
      "warum, wieso, weshalb, vergleich*, analysier*, erklär*, im detail, ausführlich, ganz genau",
      "schritt für schritt, debug*, berechne*, ausrechnen, rechnen sie, rechne mir, aus rechnen",
      "plane, planen, insgesamt, zusammenfass*, fasse, vor und nachteile, unterschied zwischen",
      "welche risiken, was ist besser, was empfehl*, bewerte*",
    ].join(", "),
  ),
  idle: phrases("warum nicht, warum auch nicht, wieso nicht"),
  rejecting: phrases(
    [
      "das stimmt nicht, das ist falsch, das war falsch, stimmt so nicht, nicht gefragt",
      "nicht gemeint, das meinte ich nicht, nein ich meinte, falsch verstanden, missverstanden",
      "hilft mir nicht, geht immer noch nicht, funktioniert immer noch nicht",
    ].join(", "),
  ),
  asking: words(
    "was wann wo wer wessen welche welcher welches warum wieso weshalb wie ist sind kann können",
  ),
  tags: words("ja nein oder nicht wahr gell hallo echt okay ok richtig bitte wie und also"),
  joining: words("und oder auch aber"),
  common: words("eine einen einem eines dass diese dieser wird haben sein ihre ihren meinen mein"),
};

const LANGUAGES: Readonly<Record<string, ComplexityWords>> = { en: ENGLISH, de: GERMAN };

/** Of a language that has no lists of its own, the English ones. */
export function complexityWords(language: string): ComplexityWords {
  return LANGUAGES[language] ?? ENGLISH;
}
