import { AppError } from "./errors.ts";

/** A false claim is a bug: it ends the actor, it is never handled. */
export function assert(claim: unknown, message: string): asserts claim {
  if (!claim) throw new AppError("bug", message);
}

/** A switch that reaches this has forgotten a member of a union. */
export function unreachable(value: never, what: string): never {
  throw new AppError("bug", `${what} ${JSON.stringify(value)} has no case`);
}
