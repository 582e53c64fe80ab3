import { canonicalJson } from "../../base/digest.ts";
import type { Usage } from "../../events/effect.events.ts";

/** What the requests of an effect cost; rows that differ in their quantity alone are one. */
export class Tally {
  readonly #rows = new Map<string, Usage>();

  get rows(): readonly Usage[] {
    return [...this.#rows.values()];
  }

  add(usage: Usage): void {
    const { quantity, ...kind } = usage;
    const key = canonicalJson(kind);
    this.#rows.set(key, { ...usage, quantity: (this.#rows.get(key)?.quantity ?? 0) + quantity });
  }
}

/** Which try a row is for, as rows have it, and what became of it. */
export function attemptOf(
  attempt: number,
  how: "stopped" | "failed" | undefined,
): Pick<Usage, "attempt" | "how"> {
  return { ...(attempt > 1 && { attempt }), ...(how && { how }) };
}
