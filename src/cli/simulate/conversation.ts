import type { LogRecord } from "../../events/record.ts";

/** The conversation as it goes: each sentence once, with who says it. */
export class Conversation {
  readonly #told = new Set<string>();

  /** The line this record adds, if it does. */
  lineOf({ input, text }: Pick<LogRecord, "input" | "text">): string | undefined {
    const { type = "", ref } = (input["event"] ?? {}) as { type?: string; ref?: string };
    const words = (text?.value as { text?: string } | undefined)?.text;
    if (!words || ref === undefined || this.#told.has(ref) || type === "stt.interim") return;
    this.#told.add(ref);
    // An answer and what covers a wait for it; the rest is heard or typed.
    return `${type.endsWith(".segment") ? "agent " : "caller"}  ${words}`;
  }
}
