import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  ComplexityLevel,
  parseLevel,
  RoutingSettings,
  type RoutingOptions,
} from "../../src/events/routing.events.ts";
import {
  judgeFrame,
  judgeTurn,
  turnOf,
  type FrameToJudge,
  type TurnToJudge,
} from "../../src/folds/complexity.ts";
import { levelsOf, routed } from "../../src/folds/routes.ts";
import { judgedFrames, judgedTurns } from "../support/labelled.ts";

const PLAIN: TurnToJudge = {
  text: "",
  before: "",
  answered: true,
  contextTokens: 500,
  tools: [],
  language: "en",
};
const FRAME: FrameToJudge = { periodic: false, asked: false, change: 0 };

function levelOf(given: string | Partial<TurnToJudge>, options: RoutingOptions = {}): string {
  const turn = typeof given === "string" ? { text: given } : given;
  const { level, rule } = judgeTurn({ ...PLAIN, ...turn }, RoutingSettings.parse(options));
  return `${level} ${rule}`;
}

const words = (count: number): string => Array(count).fill("so").join(" ");
const BOOK = { name: "bookTable", description: "Books a table for some people." };
const TARIF = { name: "tarif", description: "Wechselt den Tarif eines Vertrags." };

/** Each rule on both sides of its edge. */
const TURNS: readonly (readonly [string | Partial<TurnToJudge>, string])[] = [
  ["", "simple short"],
  [words(12), "simple short"],
  [words(13), "moderate rest"],
  [words(60), "moderate rest"],
  [words(61), "complex long"],
  ["When do you open?", "simple short"],
  ["When do you open? And where are you?", "complex questions"],
  ["Where are you and when do you open", "complex questions"],
  ["Where can I park, is there a lift?", "complex questions"],
  ["You are open today, right? Okay? Hello?", "simple short"],
  ["I know where you are.", "simple short"],
  ["Why is it so?", "complex wording"],
  ["Sure, why not.", "simple short"],
  ["Compare the two for me.", "complex wording"],
  ["Take me through it step by step.", "complex wording"],
  ["Step by the door, please.", "simple short"],
  [{ text: "Okay.", contextTokens: 4_000 }, "simple short"],
  [{ text: "Okay.", contextTokens: 4_001 }, "complex context"],
  [{ text: "I booked a table.", tools: [BOOK] }, "complex tool"],
  [{ text: "I like that table.", tools: [BOOK] }, "simple short"],
  [{ text: "I booked a table." }, "simple short"],
  ["No, that's wrong.", "complex rejected"],
  ["No, thank you.", "simple short"],
  [{ text: "No, that's wrong.", answered: false }, "simple short"],
  [{ text: "Is it open on Sunday", before: "Is it open on Sunday?" }, "complex rejected"],
  [{ text: "Is it open on Monday", before: "Is it open on Sunday?" }, "simple short"],
  [{ text: "Yes, please.", before: "Yes, please." }, "simple short"],
  [{ text: "Warum ist das so?", language: "de" }, "complex wording"],
  [{ text: "Gern, warum nicht.", language: "de" }, "simple short"],
  [{ text: "Was kostet das und wann kommt es?", language: "de" }, "complex questions"],
  [{ text: "Nein, das stimmt nicht.", language: "de" }, "complex rejected"],
  [{ text: "Den Tarif bitte wechseln.", language: "de", tools: [TARIF] }, "complex tool"],
  [{ text: "Alles klar, danke.", language: "de" }, "simple short"],
  // A language without lists of its own is read with the English ones.
  [{ text: "Debug this", language: "fr" }, "complex wording"],
  [{ text: words(61), level: "simple" }, "simple explicit"],
  [{ text: "Okay.", level: "complex" }, "complex explicit"],
  [{ text: "Okay.", level: "moderate" }, "moderate explicit"],
];

suite("the level of a turn", () => {
  for (const [turn, expected] of TURNS)
    test(`${JSON.stringify(turn).slice(0, 60)} is ${expected}`, () => {
      assert.equal(levelOf(turn), expected);
    });

  test("every threshold is a setting", () => {
    assert.equal(levelOf(words(5), { longWords: 4 }), "complex long");
    assert.equal(levelOf("When do you open?", { questions: 1 }), "complex questions");
    assert.equal(levelOf("Okay.", { contextTokens: 499 }), "complex context");
    const one = { text: "I like that table.", tools: [BOOK] };
    assert.equal(levelOf(one, { toolWords: 1 }), "complex tool");
    const again = { text: "Is it open on Monday", before: "Is it open on Sunday?" };
    assert.equal(levelOf(again, { repeated: 0.6 }), "complex rejected");
    assert.equal(levelOf(words(5), { shortWords: 4 }), "moderate rest");
    assert.equal(levelOf("A quote for the roof", { wording: ["quote*"] }), "complex wording");
    assert.equal(levelOf("Why is it so?", { off: ["wording"] }), "simple short");
    assert.equal(levelOf("Why is it so?", { level: "simple" }), "simple explicit");
  });

  test("what is asked for by the caller goes before what is set", () => {
    assert.equal(levelOf({ text: "", level: "complex" }, { level: "simple" }), "complex explicit");
  });

  test("the same input has the same level", () => {
    const turn = fc.record({
      text: fc.string({ maxLength: 400 }),
      before: fc.string(),
      answered: fc.boolean(),
      contextTokens: fc.nat(10_000),
      tools: fc.array(fc.record({ name: fc.string(), description: fc.string() }), { maxLength: 2 }),
      language: fc.constantFrom("en", "de", "fr"),
    });
    fc.assert(
      fc.property(turn, (given) => {
        const settings = RoutingSettings.parse({});
        const first = judgeTurn(given, settings);
        assert.deepEqual(judgeTurn(structuredClone(given), settings), first);
        assert.ok(ComplexityLevel.options.includes(first.level));
      }),
      { numRuns: 200 },
    );
  });

  test("is read from the messages of a request", () => {
    const messages = [
      { role: "system", text: "Be short." },
      { role: "assistant", text: "Hello." },
      { role: "user", text: "Is it open?" },
      { role: "assistant", text: "", toolCalls: [{ id: "1", name: "hours", input: {} }] },
      { role: "tool", callId: "1", name: "hours", output: { open: true } },
    ] as const;
    const chars = "Be short. Hello. Is it open?  ".length + '{"open":true}'.length;
    assert.deepEqual(turnOf(messages), {
      text: "Is it open?",
      before: "",
      answered: true,
      contextTokens: Math.ceil(chars / 4),
    });
    const again = [...messages, { role: "user", text: "And now?" }] as const;
    assert.equal(turnOf(again).before, "Is it open?");
    assert.deepEqual(turnOf([]), { text: "", before: "", answered: false, contextTokens: 0 });
  });
});

suite("the level of a frame", () => {
  const FRAMES: readonly (readonly [Partial<FrameToJudge>, string])[] = [
    [{}, "simple plain"],
    [{ periodic: true }, "simple periodic"],
    [{ periodic: true, change: 1, code: true }, "simple periodic"],
    [{ asked: true }, "complex asked"],
    [{ denseText: true }, "complex content"],
    [{ code: true }, "complex content"],
    [{ table: true }, "complex content"],
    [{ chart: true }, "complex content"],
    [{ change: 0.6 }, "simple plain"],
    [{ change: 0.61 }, "complex change"],
    [{ periodic: true, level: "complex" }, "complex explicit"],
    [{ asked: true, level: "moderate" }, "moderate explicit"],
  ];
  for (const [frame, expected] of FRAMES)
    test(`${JSON.stringify(frame)} is ${expected}`, () => {
      const { level, rule } = judgeFrame({ ...FRAME, ...frame }, RoutingSettings.parse({}));
      assert.equal(`${level} ${rule}`, expected);
    });

  test("what differs strongly is a setting", () => {
    const settings = RoutingSettings.parse({ frameChange: 0.2 });
    assert.equal(judgeFrame({ ...FRAME, change: 0.3 }, settings).rule, "change");
  });
});

suite("labelled traffic", () => {
  test("a hundred turns: one level each, and a split of 70/30 within 3 points", () => {
    const turns = judgedTurns();
    assert.equal(turns.length, 100);
    const share = turns.filter(({ level }) => level === "complex").length;
    assert.ok(Math.abs(share - 30) <= 3, `${share} % are complex`);
    assert.deepEqual(judgedTurns(), turns);
  });

  test("a hundred frames: a split of 85/15 within 3 points", () => {
    const frames = judgedFrames();
    assert.equal(frames.length, 100);
    const share = frames.filter(({ level }) => level === "complex").length;
    assert.ok(Math.abs(share - 15) <= 3, `${share} % are complex`);
  });

  test("the rules agree with the labels as often as docs/routing.md says", () => {
    const agree = (all: readonly { readonly level: string; readonly label: string }[]): number =>
      all.filter(({ level, label }) => level === label).length;
    assert.deepEqual([agree(judgedTurns()), agree(judgedFrames())], [92, 95]);
  });
});

suite("which models a level is put to", () => {
  const llm = levelsOf({ simple: "small", complex: "large" });
  const three = levelsOf({ simple: ["small", "spare"], moderate: "middle", complex: "large" });

  test("three levels by one model each; moderate is as simple", () => {
    const first = ComplexityLevel.options.map((level) => routed(llm, level)[0]);
    assert.deepEqual(first, ["small", "small", "large"]);
  });

  test("the other levels' models stand behind, each once", () => {
    assert.deepEqual(routed(llm, "simple"), ["small", "large"]);
    assert.deepEqual(routed(llm, "complex"), ["large", "small"]);
    assert.deepEqual(routed(three, "simple"), ["small", "spare", "middle", "large"]);
    assert.deepEqual(routed(three, "moderate"), ["middle", "small", "spare", "large"]);
    assert.deepEqual(routed(three, "complex"), ["large", "middle", "small", "spare"]);
  });

  test("simple where nobody says", () => {
    assert.deepEqual(routed(llm), routed(llm, "simple"));
  });

  test("there are three levels, and others are refused by their names", () => {
    assert.deepEqual(["simple", "moderate", "complex"].map(parseLevel), ComplexityLevel.options);
    for (const wrong of ["SIMPLE", "hard", "", 1, null, undefined, "toString"])
      assert.throws(() => parseLevel(wrong), {
        code: "input.invalid",
        message: `level '${String(wrong)}' is not known; there are: simple, moderate, complex`,
      });
    assert.throws(() => routed(llm, "hard" as never), { code: "input.invalid" });
  });
});
