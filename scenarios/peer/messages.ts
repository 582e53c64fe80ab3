import type { llm } from "@livekit/agents";
import type { Message } from "../answers.ts";

/** The peer's chat items as plain messages. */
export function messagesOf(items: readonly llm.ChatItem[]): readonly Message[] {
  return items.flatMap((item): Message[] => {
    if (item.type === "message") return [{ role: item.role, text: item.textContent ?? "" }];
    if (item.type === "function_call_output") return [{ role: "tool", text: item.output }];
    if (item.type === "function_call") return [{ role: "call", text: item.name }];
    return [];
  });
}
