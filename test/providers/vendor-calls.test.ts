import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { EffectEnded } from "../../src/events/effect.events.ts";
import { tool, voiceAgent, z } from "../../src/index.ts";
import { simulate } from "../../src/testing/index.ts";
import { LLM_ADAPTERS } from "../contract/llm-benches.ts";

/** Whole calls, whose model is a vendor's: its SDK asks a server that speaks as the real one. */
const agent = voiceAgent({
  name: "cafe",
  instructions: "You take bookings.",
  greeting: "Hello, this is the cafe.",
  tools: {
    book: tool({
      description: "Books a table",
      input: z.object({ people: z.number() }),
      write: true,
      run: ({ people }) => ({ table: people + 5 }),
    }),
  },
});

for (const { name, open } of LLM_ADAPTERS)
  suite(`a call answered by a model of ${name}`, () => {
    test("an answer knows what was said turns before", async () => {
      await using bench = await open();
      const { answers, server } = bench.emulator;
      answers.push({ text: "Nice to meet you." }, { text: "We are open daily." });
      answers.push(({ texts }) => {
        const called = /my name is (\w+)/i.exec(texts.join("\n"))?.[1];
        return { text: `Your name is ${called}.` };
      });
      await using call = await simulate(agent, { llm: bench.llm });
      await call.says("My name is Ana.");
      await call.says("When are you open?");
      await call.says("What is my name?");
      call.heard("Your name is Ana.");
      const sent = JSON.stringify(server.seen[2]!.body);
      const inOrder = [
        "You take bookings.",
        "Hello, this is the cafe.",
        "My name is Ana.",
        "Nice to meet you.",
        "When are you open?",
        "We are open daily.",
        "What is my name?",
      ].map((words) => sent.lastIndexOf(words));
      // Gemini's system prompt stands behind its contents.
      const said = inOrder.slice(1);
      assert.ok(!inOrder.includes(-1), sent);
      assert.deepEqual(
        said,
        said.toSorted((one, other) => one - other),
      );
      await call.replaysExactly();
    });

    test("it books by a tool, and says what came of it", async () => {
      await using bench = await open();
      const { answers, server } = bench.emulator;
      answers.push({ toolCalls: [{ name: "book", input: { people: 4 } }] });
      answers.push(({ texts }) => ({
        text: `It is table ${/"table":(\d+)/.exec(texts.at(-1)!)?.[1]}.`,
      }));
      await using call = await simulate(agent, { llm: bench.llm });
      await call.says("A table for four, please.");
      call.tool("book").once().calledWith({ people: 4 });
      call.heard("It is table 9.");
      assert.ok(JSON.stringify(server.seen[0]!.body).includes("Books a table"));
      await call.replaysExactly();
    });

    test("what it used stands in the log, under its name", async () => {
      await using bench = await open();
      const { server } = bench.emulator;
      bench.emulator.answers.push({ text: "Daily.", cacheReadTokens: 2, reasoningTokens: 9 });
      await using call = await simulate(agent, { llm: bench.llm });
      await call.says("When are you open?");
      const metered = call.records
        .flatMap(({ input }) => EffectEnded.safeParse(input).data?.usage ?? [])
        .filter(({ service }) => service === "llm");
      for (const meter of ["inputTokens", "cacheReadTokens", "outputTokens", "reasoningTokens"]) {
        const lines = metered.filter((usage) => usage.meter === meter);
        const sum = lines.reduce((total, { quantity }) => total + quantity, 0);
        assert.equal(sum, server.total(meter as "inputTokens"), meter);
      }
      assert.ok(metered.every(({ provider }) => provider === bench.llm.provider));
    });
  });
