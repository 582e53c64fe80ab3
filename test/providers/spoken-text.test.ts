import assert from "node:assert/strict";
import { test } from "node:test";
import { toSpoken, toSpokenWords } from "../../src/providers/local/spoken-text.ts";

/** What a person would say, for what a program would write. */
const SAID: readonly (readonly [written: string, said: string])[] = [
  ["We open at 9:30 am, daily.", "We open at nine thirty A M, daily."],
  ["at 9 a.m. please", "at 9 A M please"],
  ["It closes at 9 p.m.", "It closes at 9 P M."],
  ["9:30am or 5pm", "nine thirty A M or five P M"],
  ["from 9:00 to 12:05", "from nine o'clock to twelve oh five"],
  ["Open 24/7.", "Open twenty four seven."],
  ["Monday 9-5", "Monday 9 to 5"],
  ["9:00-17:30", "nine o'clock to seventeen thirty"],
  ["Call 555-0199.", "Call five five five, zero one nine nine."],
  ["+1-800-555-0199", "plus one, eight zero zero, five five five, zero one nine nine"],
  ["order 123456", "order one two three four five six"],
  ["$23.40", "twenty three dollars and forty cents"],
  ["$1, £5 and €1.01", "one dollar, five pounds and one euro and one cent"],
  ["$1,200", "one thousand two hundred dollars"],
  ["the 3rd of June, the 21st", "the third of June, the twenty first"],
  ["50% of A&B", "50 percent of A and B"],
  ["ask Dr. Smith", "ask doctor Smith"],
  ["a well-known place", "a well known place"],
  ["It's “fine” — **really** 😀", "It's fine really"],
  ["😀 —", ""],
];

for (const [written, said] of SAID)
  test(`"${written}" is said "${said}"`, () => assert.equal(toSpoken(written), said));

test("every written word has its place, said or not", () => {
  const words = toSpokenWords("At 9:30 😀 am");
  assert.deepEqual(
    words.map((word) => word.written),
    ["At", "9:30", "😀", "am"],
  );
  assert.equal(words[2]?.spoken, "");
});
