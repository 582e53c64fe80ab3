import type { Json } from "../events/record.ts";
import type { LlmImage, LlmMessage } from "./llm.port.ts";
import { numbered } from "./vendor-llm.ts";

/**
 * A request's messages for vendors that take one system prompt and then a user and a model in turn,
 * the user first and last: neighbours of one role become one, results of tools first in theirs.
 */
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly image: LlmImage }
  | { readonly type: "call"; readonly id: string; readonly name: string; readonly input: object }
  | { readonly type: "result"; readonly id: string; readonly name: string; readonly output: Json };

export interface Side {
  readonly role: "user" | "assistant";
  readonly parts: readonly Part[];
}

interface Growing {
  readonly role: Side["role"];
  readonly parts: Part[];
}

/** Said for a user who has said nothing yet, or nothing since. */
const BEGIN = "(The conversation begins.)";
const GO_ON = "(Go on.)";

export function alternate(messages: readonly LlmMessage[]): {
  readonly system: string;
  readonly sides: readonly Side[];
} {
  const first = messages.findIndex(({ role }) => role !== "system");
  const count = first < 0 ? messages.length : first;
  const opening = messages
    .slice(0, count)
    .map((message) => ("text" in message ? message.text : ""));
  const idOf = numbered(messages);
  const sides: Growing[] = [];
  for (const message of messages.slice(count)) {
    const role = message.role === "assistant" ? "assistant" : "user";
    if (sides.at(-1)?.role !== role) sides.push({ role, parts: [] });
    sides.at(-1)!.parts.push(...partsOf(message, idOf));
  }
  return {
    system: opening.join("\n\n"),
    sides: ended(sides.filter(({ parts }) => parts.length > 0)),
  };
}

function ended(sides: readonly Growing[]): readonly Side[] {
  const said = (text: string): Growing => ({ role: "user", parts: [{ type: "text", text }] });
  const opened = sides[0]?.role === "user" ? sides : [said(BEGIN), ...sides];
  const all = opened.at(-1)?.role === "user" ? opened : [...opened, said(GO_ON)];
  return all.map(({ role, parts }) => ({ role, parts: parts.toSorted(resultsFirst) }));
}

function resultsFirst(one: Part, other: Part): number {
  return Number(other.type === "result") - Number(one.type === "result");
}

function partsOf(message: LlmMessage, idOf: (id: string) => string): readonly Part[] {
  switch (message.role) {
    case "system":
      // In the middle there is no place for it but among the user's words.
      return textParts(`<system>${message.text}</system>`);
    case "user": {
      const { name, text, images = [] } = message;
      const words = name && text ? `${name}: ${text}` : text;
      return [...images.flatMap(imageParts), ...textParts(words)];
    }
    case "assistant": {
      const calls = (message.toolCalls ?? []).map(({ id, name, input }): Part => ({
        type: "call",
        id: idOf(id),
        name,
        input: objectOf(input),
      }));
      return [...textParts(message.text), ...calls];
    }
    case "tool": {
      const { callId, name, output } = message;
      return [{ type: "result", id: idOf(callId), name, output }];
    }
  }
}

function imageParts(image: LlmImage): readonly Part[] {
  return [...textParts(image.label ?? ""), { type: "image", image }];
}

function textParts(text: string): readonly Part[] {
  return text === "" ? [] : [{ type: "text", text }];
}

/** Vendors take no input that is not an object. */
function objectOf(input: Json): object {
  return input !== null && typeof input === "object" && !Array.isArray(input) ? input : { input };
}
