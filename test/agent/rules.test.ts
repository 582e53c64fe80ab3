import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { rules, type Rule } from "../../src/index.ts";
import type { LlmMessage } from "../../src/providers/llm.port.ts";

const LIST: readonly Rule[] = [
  { when: "opening hours", say: ({ context }) => context || "Nine to five." },
  { asked: "for how many", when: /(\d+)/, say: ({ match }) => `${match[1]} people, then.` },
  {
    when: /table for (\w+)/i,
    call: { tool: "book", input: ({ match }) => ({ people: match[1]! }) },
    tell: "You have table {table}.",
  },
  { when: /cancel/, call: { tool: "cancel" } },
  { when: "table", say: "For how many?" },
];

const user = (text: string): LlmMessage => ({ role: "user", text });
const said = (text: string): LlmMessage => ({ role: "assistant", text });
const INSTRUCTIONS: LlmMessage = { role: "system", text: "Be kind." };

/** All the model gives to these messages: its text, or `tool {input}`. */
async function ask(messages: readonly LlmMessage[], list = LIST): Promise<string> {
  let out = "";
  const { signal } = new AbortController();
  for await (const event of rules(list).stream({ messages, tools: [] }, signal)) {
    if (event.type === "text") out += event.text;
    if (event.type === "toolCall") out += `${event.call.name} ${JSON.stringify(event.call.input)}`;
  }
  return out;
}

const result = (name: string, output: object): readonly LlmMessage[] => [
  { role: "assistant", text: "", toolCalls: [{ id: "1", name, input: {} }] },
  { role: "tool", callId: "1", name, output: output as never },
];

suite("rules", () => {
  test("the first rule that fits answers, whatever the case", async () => {
    assert.equal(await ask([INSTRUCTIONS, user("OPENING HOURS?")]), "Nine to five.");
    assert.equal(await ask([user("a table")]), "For how many?");
  });

  test("a rule may wait for a question of the agent", async () => {
    const asked = [user("a table"), said("For how many?"), user("4")];
    assert.equal(await ask(asked), "4 people, then.");
    assert.match(await ask([user("4")]), /no language model/);
  });

  test("a tool is called first, and its output is told", async () => {
    const asked = [user("A table for two")];
    assert.equal(await ask(asked), 'book {"people":"two"}');
    assert.equal(await ask([...asked, ...result("book", { table: 7 })]), "You have table 7.");
    assert.match(await ask([...asked, ...result("book", { status: "pending" })]), /One moment/);
    const cancelled = [user("cancel it"), ...result("cancel", { error: "no" })];
    assert.match(await ask(cancelled), /did not work/);
  });

  test("words of the hook are at hand, the instructions are none", async () => {
    const context: LlmMessage = { role: "system", text: "Ten to four." };
    const messages = [INSTRUCTIONS, user("hi"), said("Hi."), context, user("opening hours")];
    assert.equal(await ask(messages), "Ten to four.");
    assert.equal(await ask([INSTRUCTIONS, user("opening hours")]), "Nine to five.");
  });

  test("the same request gives the same answer, also to a global pattern", async () => {
    const list = [{ when: /hours/g, say: "Nine." }];
    assert.equal(await ask([user("hours")], list), "Nine.");
    assert.equal(await ask([user("hours")], list), "Nine.");
  });

  test("a rule that says and does nothing is refused", () => {
    assert.throws(() => rules([{ when: "hi" }]), /rules\[0\]/);
  });
});
