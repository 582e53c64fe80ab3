import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import type { LlmRequest } from "../../src/providers/llm.port.ts";
import { LLM_ADAPTERS } from "./llm-benches.ts";
import { all, textOf } from "./llm.contract.ts";

/** A conversation with all there is: what each vendor is sent of it stands in `test/golden/llm`. */
const REQUEST: LlmRequest = {
  messages: [
    { role: "system", text: "You are a receptionist." },
    { role: "system", text: "Today is a Friday." },
    { role: "assistant", text: "Welcome to the Harbour House." },
    {
      role: "user",
      name: "Ana Lima",
      text: "Is this table free, and may I book it?",
      images: [
        { mime: "image/png", bytes: Uint8Array.of(1, 2, 3), label: "The plan of the room." },
        { mime: "image/jpeg", bytes: Uint8Array.of(255, 216) },
      ],
    },
    {
      role: "assistant",
      text: "One moment.",
      toolCalls: [
        { id: "c1/turn:2/reply.1.0", name: "free_tables", input: { at: "19:00" } },
        { id: "c1/turn:2/reply.1.1", name: "opening_hours", input: {} },
      ],
    },
    { role: "tool", callId: "c1/turn:2/reply.1.0", name: "free_tables", output: ["T4"] },
    { role: "tool", callId: "c1/turn:2/reply.1.1", name: "opening_hours", output: "daily" },
    { role: "assistant", text: "Table four is free." },
    { role: "system", text: "The user interrupted you here." },
    { role: "user", text: "Then book it." },
    {
      role: "assistant",
      text: "",
      toolCalls: [{ id: "c1/turn:3/reply.1.0", name: "book", input: { table: "T4" } }],
    },
    { role: "tool", callId: "c1/turn:3/reply.1.0", name: "book", output: { reference: "R-1" } },
  ],
  tools: [
    {
      name: "book",
      description: "Books a table.",
      parameters: { type: "object", properties: { table: { type: "string" } } },
    },
  ],
  maxOutputTokens: 200,
};

const GOLDEN = new URL("../golden/llm/", import.meta.url);

describe("a request on the wire", () => {
  for (const { name, open } of LLM_ADAPTERS)
    it(`is the golden one: ${name}`, async () => {
      await using bench = await open("low");
      bench.emulator.answers.push({ text: "It is booked." });
      assert.equal(textOf(await all(bench.llm, REQUEST)), "It is booked.");
      const { path, body } = bench.emulator.server.seen[0]!;
      const file = new URL(`${bench.llm.provider}.json`, GOLDEN);
      assert.deepEqual({ path, body }, JSON.parse(await readFile(file, "utf8")));
    });

  for (const { name, open } of LLM_ADAPTERS)
    it(`asks for no reasoning where told so: ${name}`, async () => {
      const sentFor = async (effort?: string): Promise<string> => {
        await using bench = await open(effort);
        await all(bench.llm, REQUEST);
        return JSON.stringify(bench.emulator.server.seen[0]!.body);
      };
      const [unsaid, none] = [await sentFor(), await sentFor("none")];
      assert.ok(!/effort|think(?!ing about)/i.test(unsaid), unsaid);
      const words = ['"reasoning_effort":"none"', '"type":"disabled"', '"thinkingBudget":0'];
      assert.ok(
        words.some((word) => none.includes(word)),
        none,
      );
    });

  for (const { name, open } of LLM_ADAPTERS)
    it(`holds nothing that an SDK reads from the environment: ${name}`, async (t) => {
      for (const variable of ["OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_AUTH_TOKEN"]) {
        const before = process.env[variable];
        process.env[variable] = "of-the-environment";
        t.after(() => {
          if (before === undefined) delete process.env[variable];
          else process.env[variable] = before;
        });
      }
      await using bench = await open();
      await all(bench.llm, REQUEST);
      const [asked] = bench.emulator.server.seen;
      assert.ok(!JSON.stringify(asked?.headers).includes("of-the-environment"));
    });
});
