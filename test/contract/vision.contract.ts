import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VisionEvent } from "../../src/providers/vision.port.ts";
import { visionOf } from "../../src/providers/vision-of.ts";
import { IMAGE_TOKENS } from "../emulators/llm-emulator.ts";
import type { LlmBench } from "./llm.contract.ts";

/** What every model that looks at images keeps; what it shares with language models is there. */
export function visionContract(name: string, open: () => Promise<LlmBench>): void {
  const slide = { mime: "image/png", bytes: Uint8Array.of(137, 80, 78, 71, 1, 2, 3) };
  const photo = { mime: "image/jpeg", bytes: Uint8Array.of(255, 216, 255, 224, 0, 16) };

  describe(`${name}: vision`, () => {
    it("sends each image whole, its label before it, and the question last", async () => {
      await using bench = await open();
      const images = [{ ...slide, label: "The slide at 12:03." }, photo];
      const vision = visionOf(bench.llm);
      await look(vision.look({ images, prompt: "Which word is there?" }, never()));
      const sent = JSON.stringify(bench.emulator.server.seen[0]!.body);
      const inOrder = [
        "The slide at 12:03.",
        Buffer.from(slide.bytes).toString("base64"),
        Buffer.from(photo.bytes).toString("base64"),
        "Which word is there?",
      ].map((text) => sent.indexOf(text));
      assert.ok(!inOrder.includes(-1), sent);
      assert.deepEqual(
        inOrder,
        inOrder.toSorted((one, other) => one - other),
      );
      for (const { mime } of images) assert.ok(sent.includes(mime));
    });

    it("tells what it sees, and counts tokens and images once", async () => {
      await using bench = await open();
      const { emulator, llm } = bench;
      emulator.answers.push({ text: "It says turnfold." });
      const vision = visionOf(llm);
      assert.deepEqual([vision.provider, vision.model], [llm.provider, llm.model]);
      const images = [slide, photo, slide];
      const events = await look(vision.look({ images, prompt: "What?" }, never()));
      const text = events.map((event) => (event.type === "text" ? event.text : "")).join("");
      assert.equal(text, "It says turnfold.");
      const told = events.flatMap((event) => (event.type === "usage" ? [event.usage] : []));
      const sum = (name: "images" | "inputTokens" | "outputTokens"): number =>
        told.reduce((total, usage) => total + usage[name], 0);
      assert.equal(sum("images"), 3);
      assert.equal(sum("inputTokens"), emulator.server.total("inputTokens"));
      assert.ok(sum("inputTokens") > 3 * IMAGE_TOKENS);
      assert.equal(sum("outputTokens"), emulator.server.total("outputTokens"));
    });

    it("says no more than it is let", async () => {
      await using bench = await open();
      bench.emulator.answers.push({ text: "abcdefghijkl" });
      const asked = { images: [slide], prompt: "What?", maxOutputTokens: 1 };
      const events = await look(visionOf(bench.llm).look(asked, never()));
      assert.deepEqual(
        events.filter(({ type }) => type === "text"),
        [{ type: "text", text: "abcd" }],
      );
    });

    it("stopped, it ends with an error", async () => {
      await using bench = await open();
      const asked = { images: [slide], prompt: "What?" };
      const looking = visionOf(bench.llm).look(asked, AbortSignal.abort());
      await assert.rejects(look(looking), { code: "effect.stopped" });
    });
  });
}

function never(): AbortSignal {
  return new AbortController().signal;
}

function look(events: AsyncIterable<VisionEvent>): Promise<readonly VisionEvent[]> {
  return Array.fromAsync(events);
}
