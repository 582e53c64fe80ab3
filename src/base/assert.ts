import { AppError } from "./errors.ts";

/** A false claim is a bug: it ends the actor, it is never handled. */
export function assert(claim: unknown, message: string): asserts claim {
  if (!claim) throw new AppError("bug", message);
}
