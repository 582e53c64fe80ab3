import assert from "node:assert/strict";
import { test } from "node:test";
import { WordEnds } from "../../src/providers/word-ends.ts";

function ends(text: string, pieces: readonly (readonly [string, number])[]): WordEnds {
  const words = new WordEnds(text);
  for (const [piece, endMs] of pieces) words.take(piece, endMs);
  return words;
}

test("characters, words and several words at once give the end of each word", () => {
  const letters = [..."Hi,  you."].map((letter, i) => [letter, (i + 1) * 10] as const);
  assert.deepEqual(ends("Hi,  you.", letters).all, [30, 90]);
  const words = [
    ["New York", 500.4],
    [" is", 700],
    ["big", 900],
    [".", 950],
  ] as const;
  assert.deepEqual(ends("New York is big.", words).all, [500, 500, 700, 950]);
});

test("an end never lies before the one of the word before it", () => {
  assert.deepEqual(
    ends("a b", [
      ["a", 100],
      ["b", 90],
    ]).all,
    [100, 100],
  );
});

test("nothing is told before the last word, and that is a cut only where letters lack", () => {
  const words = ends("We open.", [["We", 100]]);
  assert.deepEqual([words.all, words.isCut], [undefined, true]);
  words.take("open", 200);
  assert.deepEqual([words.all, words.isCut], [undefined, false]);
  words.take(".", 210);
  assert.deepEqual([words.all, words.isCut], [[100, 210], false]);
});

test("other letters than the text's are no alignment, and no cut", () => {
  const words = ends("It is 9.", [
    ["It", 100],
    ["is", 200],
    ["nine", 300],
  ]);
  assert.deepEqual([words.all, words.isCut], [undefined, false]);
});
