import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createGeminiLlm } from "../../src/providers/gemini/gemini.llm.ts";
import type { Llm, LlmMessage } from "../../src/providers/llm.port.ts";
import { SIGNATURE, startGemini } from "../emulators/gemini.ts";
import type { LlmEmulator } from "../emulators/llm-emulator.ts";

const SKIPS = "skip_thought_signature_validator";
const INPUT = { at: "19:00" };

const said: LlmMessage = { role: "user", text: "A table at seven." };
/** The answer's call, and what came of it. */
const called: readonly LlmMessage[] = [
  { role: "assistant", text: "", toolCalls: [{ id: "ours.0", name: "free_tables", input: INPUT }] },
  { role: "tool", callId: "ours.0", name: "free_tables", output: ["T4"] },
];

describe("a thought signature", () => {
  it("goes back with the call that it came with", async () => {
    await using emulator = await startGemini();
    const llm = modelOf(emulator);
    await callsTool(llm, emulator, [said]);
    assert.deepEqual(await signaturesOf(llm, emulator, [said, ...called]), [SIGNATURE]);
  });

  it("goes back with the first call of each step of a turn", async () => {
    await using emulator = await startGemini();
    const llm = modelOf(emulator);
    await callsTool(llm, emulator, [said]);
    await callsTool(llm, emulator, [said, ...called]);
    const again = called.map((message) => renamed(message, "ours.1"));
    const signatures = await signaturesOf(llm, emulator, [said, ...called, ...again]);
    assert.deepEqual(signatures, [SIGNATURE, SIGNATURE]);
  });

  it("is not given to the same call of another conversation", async () => {
    await using emulator = await startGemini();
    const llm = modelOf(emulator);
    await callsTool(llm, emulator, [said]);
    const other: LlmMessage = { role: "user", text: "Another caller." };
    assert.deepEqual(await signaturesOf(llm, emulator, [other, ...called]), [SKIPS]);
  });

  it("of a call that another process made is not checked", async () => {
    await using emulator = await startGemini();
    await callsTool(modelOf(emulator), emulator, [said]);
    const messages = [said, ...called];
    assert.deepEqual(await signaturesOf(modelOf(emulator), emulator, messages), [SKIPS]);
  });

  it("is not needed of earlier turns", async () => {
    await using emulator = await startGemini();
    const next: LlmMessage = { role: "user", text: "Thanks." };
    const signatures = await signaturesOf(modelOf(emulator), emulator, [said, ...called, next]);
    assert.deepEqual(signatures, [undefined]);
  });
});

function modelOf({ server }: LlmEmulator): Llm {
  return createGeminiLlm({ key: "key", model: "model-1", baseUrl: server.url });
}

async function callsTool(
  llm: Llm,
  emulator: LlmEmulator,
  messages: readonly LlmMessage[],
): Promise<void> {
  emulator.answers.push({ toolCalls: [{ name: "free_tables", input: INPUT }] });
  await Array.fromAsync(llm.stream({ messages, tools: [] }, new AbortController().signal));
}

/** Of each function call that this request was sent with. */
async function signaturesOf(
  llm: Llm,
  emulator: LlmEmulator,
  messages: readonly LlmMessage[],
): Promise<readonly (string | undefined)[]> {
  await Array.fromAsync(llm.stream({ messages, tools: [] }, new AbortController().signal));
  const { contents } = emulator.server.seen.at(-1)!.body as {
    readonly contents: readonly {
      readonly parts: readonly { functionCall?: unknown; thoughtSignature?: string }[];
    }[];
  };
  return contents
    .flatMap(({ parts }) => parts)
    .filter(({ functionCall }) => functionCall)
    .map(({ thoughtSignature }) => thoughtSignature);
}

function renamed(message: LlmMessage, id: string): LlmMessage {
  if (message.role === "tool") return { ...message, callId: id };
  if (message.role !== "assistant") return message;
  return { ...message, toolCalls: (message.toolCalls ?? []).map((call) => ({ ...call, id })) };
}
