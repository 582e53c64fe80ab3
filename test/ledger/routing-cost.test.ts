import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { savingOf } from "../../bench/routing-cost.ts";
import {
  evenRequests,
  FRAMES,
  OLD_FRAMES,
  OLD_TURNS,
  routing,
  TURNS,
} from "../../bench/routing.ts";
import { judgedFrames, judgedTurns } from "../support/labelled.ts";

/** What routing saves. By hand: 0.7 x 0.15 + 0.3 x 2.50 = 0.855, and 1 - 0.855 / 2.50 = 0.658. */
suite("the saving of routing", () => {
  test("70/30 on the old models: 0.855 USD a million, and 65.8 % saved, not 80 %", () => {
    const { blendedUsd, savingPercent } = savingOf(evenRequests(30), OLD_TURNS);
    assert.equal(blendedUsd.toFixed(3), "0.855");
    assert.equal(savingPercent.toFixed(1), "65.8");
  });

  test("85/15 on the old models: 0.535 USD a million, and 82.2 % saved", () => {
    const { blendedUsd, savingPercent } = savingOf(evenRequests(15), OLD_FRAMES);
    assert.equal(blendedUsd.toFixed(3), "0.535");
    assert.equal(savingPercent.toFixed(1), "82.2");
  });

  test("on current models, by input prices alone: 66.5 % and 72.3 %", () => {
    assert.equal(savingOf(evenRequests(30), TURNS).savingPercent.toFixed(2), "66.50");
    assert.equal(savingOf(evenRequests(15), FRAMES).savingPercent.toFixed(2), "72.25");
  });

  test("half a dollar a million takes 14.9 % of complex turns or fewer", () => {
    assert.ok(savingOf(evenRequests(14), OLD_TURNS).blendedUsd < 0.5);
    assert.ok(savingOf(evenRequests(15), OLD_TURNS).blendedUsd > 0.5);
  });

  test("no simple model, were it free, saves more than the share that it answers", () => {
    for (const [traffic, cards] of [
      [evenRequests(30), TURNS],
      [judgedTurns(), TURNS],
      [judgedTurns(), OLD_TURNS],
      [judgedFrames(), FRAMES],
    ] as const) {
      const { savingPercent, costPercent } = savingOf(traffic, cards);
      assert.ok(savingPercent < 100 - costPercent);
    }
  });

  test("longer complex requests make it less, at the same split", () => {
    const longer = evenRequests(30).map((one) =>
      one.level === "complex" ? { ...one, outputTokens: 500 } : one,
    );
    const [even, uneven] = [evenRequests(30), longer].map((all) => savingOf(all, TURNS));
    assert.equal(uneven!.requestsPercent, even!.requestsPercent);
    assert.ok(uneven!.savingPercent < even!.savingPercent);
  });

  test("a model without a price is an error, and not free", () => {
    const cards = { ...TURNS, simple: { provider: "openai", model: "nobody-knows" } };
    assert.throws(() => savingOf(evenRequests(30), cards), /nobody-knows has no price/);
  });

  test("the report has split, blended price and saving of turns and frames", async () => {
    const rows = await routing.run();
    const valueOf = (name: string): number | null =>
      rows.find((row) => row.name === name)?.ours ?? null;
    assert.equal(valueOf("turns, a split of 70/30 in old prices: saving"), 65.8);
    assert.equal(valueOf("frames, a split of 85/15 in old prices: blended"), 0.535);
    for (const kind of ["turns", "frames"]) {
      assert.ok(valueOf(`${kind}: to the complex model`)! > 0);
      assert.ok(valueOf(`${kind} as routed: blended`)! > 0);
      const saving = valueOf(`${kind} as routed: saving`)!;
      assert.ok(saving > 0 && saving < 100);
    }
  });
});
