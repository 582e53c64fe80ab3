import { createHash } from "node:crypto";

/** A vector that depends on all of the text, the same each time. */
export function digestVector(of: string | Uint8Array, dimensions: number): Float32Array {
  const digest = createHash("sha256").update(of).digest();
  return Float32Array.from({ length: dimensions }, (_, at) => digest[at % 32]! / 256);
}

export function tokensIn(text: string): number {
  return text.split(/\s+/).filter((word) => word !== "").length;
}
