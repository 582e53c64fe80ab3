import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { AppError } from "../../src/base/errors.ts";
import type { ComplexityLevel } from "../../src/events/routing.events.ts";
import { levelsOf } from "../../src/folds/routes.ts";
import { routeVision } from "../../src/providers/route-vision.ts";
import type { LookRequest, Vision } from "../../src/providers/vision.port.ts";

/** Tells its own name after counting; `fails` breaks it in the middle. */
class Eyes implements Vision {
  readonly provider = "test";
  readonly model: string;
  readonly asked: LookRequest[] = [];
  readonly #fails: boolean;

  constructor(model: string, fails = false) {
    this.model = model;
    this.#fails = fails;
  }

  async *look(request: LookRequest) {
    this.asked.push(request);
    await Promise.resolve();
    const { provider, model } = this;
    const usage = { provider, model, inputTokens: 900, outputTokens: 0, images: 1 };
    yield { type: "usage", usage: { ...usage, estimated: false } } as const;
    yield { type: "text", text: "It is " } as const;
    if (this.#fails) throw new AppError("provider.failed", `${model} is broken`);
    yield { type: "text", text: model } as const;
  }
}

const request: LookRequest = {
  images: [{ mime: "image/png", bytes: new Uint8Array([1]) }],
  prompt: "What is on the screen?",
};
const { signal } = new AbortController();

suite("routeVision", () => {
  for (const [level, expected] of [
    [undefined, "flash"],
    ["simple", "flash"],
    ["moderate", "flash"],
    ["complex", "sonnet"],
  ] as const)
    test(`${level ?? "no level"} is looked at by ${expected}`, async () => {
      const eyes = { flash: new Eyes("flash"), sonnet: new Eyes("sonnet") };
      const levels = levelsOf<Vision>({ simple: eyes.flash, complex: eyes.sonnet });
      const asked = level === undefined ? request : { ...request, level };
      const looked = await routeVision(levels, asked, { signal });
      assert.equal(looked.text, `It is ${expected}`);
      assert.equal(looked.model, eyes[expected]);
      assert.deepEqual(eyes[expected].asked, [request]);
      assert.equal(eyes.flash.asked.length + eyes.sonnet.asked.length, 1);
    });

  test("every look comes with what it cost", async () => {
    const levels = levelsOf<Vision>({ simple: new Eyes("flash"), complex: new Eyes("sonnet") });
    const { usage } = await routeVision(levels, request, { signal });
    assert.deepEqual(
      usage.map(({ service, model, meter, quantity }) => [service, model, meter, quantity]),
      [
        ["vision", "flash", "inputTokens", 900],
        ["vision", "flash", "images", 1],
      ],
    );
  });

  test("one fails in the middle: the other tells all, and both are paid for", async () => {
    const levels = levelsOf<Vision>({
      simple: new Eyes("flash", true),
      complex: new Eyes("sonnet"),
    });
    const { text, model, usage } = await routeVision(levels, request, { signal });
    assert.deepEqual([text, model.model], ["It is sonnet", "sonnet"]);
    const inputs = usage.filter(({ meter }) => meter === "inputTokens");
    assert.deepEqual(
      inputs.map((one) => [one.model, one.how]),
      [
        ["flash", "failed"],
        ["sonnet", undefined],
      ],
    );
  });

  test("all fail: the last error is thrown, and the cost is told all the same", async () => {
    const levels = levelsOf<Vision>({
      simple: new Eyes("flash", true),
      complex: new Eyes("sonnet", true),
    });
    const told: string[] = [];
    const asked = routeVision(levels, request, {
      signal,
      onUsage: (rows) => told.push(...rows.map(({ model, meter }) => `${model} ${meter}`)),
    });
    await assert.rejects(asked, { code: "provider.failed", message: "sonnet is broken" });
    const each = ["flash", "sonnet"].flatMap((model) => [
      `${model} inputTokens`,
      `${model} images`,
    ]);
    assert.deepEqual(told, each);
  });

  test("one that is aborted asks nobody else", async () => {
    const stop = new AbortController();
    const other = new Eyes("sonnet");
    const levels = levelsOf<Vision>({ simple: new Eyes("flash", true), complex: other });
    const asked = routeVision(levels, request, {
      signal: stop.signal,
      onUsage: (rows) => assert.ok(rows.every(({ how }) => how === "stopped")),
    });
    stop.abort();
    await assert.rejects(asked, { code: "effect.stopped" });
    assert.equal(other.asked.length, 0);
  });

  test("a level that is none is refused by name, and nobody is asked", async () => {
    const eyes = new Eyes("flash");
    const levels = levelsOf<Vision>({ simple: eyes, complex: eyes });
    const asked = routeVision(levels, { ...request, level: "hard" as ComplexityLevel }, { signal });
    await assert.rejects(asked, { code: "input.invalid", message: /'hard'.*simple, moderate/ });
    assert.equal(eyes.asked.length, 0);
  });
});
