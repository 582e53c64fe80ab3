import { hash } from "node:crypto";
import type { Side } from "../alternating.ts";
import type { ToolCall } from "../llm.port.ts";

/**
 * Thought signatures. Gemini signs the first call of each of its messages and wants the signature
 * back with every request of the same turn. They are no part of a call's log, so they are kept
 * here, found again by all that stood before, and only there: what one caller made it think is not
 * shown to another. Of a call that came from elsewhere, as from another process, it is told to skip
 * the check.
 */
const KEPT_MAX = 1000;
/** https://ai.google.dev/gemini-api/docs/thought-signatures */
const NOT_KNOWN = "skip_thought_signature_validator";

export class Signatures {
  readonly #kept = new Map<string, string>();

  /** What came with the first call of the answer to `before`; undefined where nothing did. */
  keep(before: readonly Side[], { name, input }: ToolCall, signature: string | undefined): void {
    this.#kept.set(keyOf(before, name, input), signature ?? "");
    if (this.#kept.size > KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value!);
  }

  /** Of the first call of this side; undefined where it needs none. */
  of(sides: readonly Side[], index: number): string | undefined {
    const call = sides[index]!.parts.find(({ type }) => type === "call");
    if (call?.type !== "call" || index < sides.findLastIndex(isSaid)) return undefined;
    const known = this.#kept.get(keyOf(sides.slice(0, index), call.name, call.input));
    return known === undefined ? NOT_KNOWN : known || undefined;
  }
}

/** Where a turn begins: the user says something, and does not only bring results. */
function isSaid({ role, parts }: Side): boolean {
  return role === "user" && parts.some(({ type }) => type !== "result");
}

function keyOf(before: readonly Side[], name: string, input: unknown): string {
  const told = before.map(({ role, parts }) => [
    role,
    parts.map((part) =>
      part.type === "image" ? hash("sha256", part.image.bytes, "base64url") : part,
    ),
  ]);
  return hash("sha256", JSON.stringify([told, name, input]), "base64url");
}
