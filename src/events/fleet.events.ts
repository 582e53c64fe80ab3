import { z } from "zod";
import { AppError } from "../base/errors.ts";
import type { Json } from "./record.ts";

/** Payload of a job: what the agent of a room is to be; null is all defaults. */
const JoinRequest = z.strictObject({
  /** One of the agents of the worker; default: its first. */
  agent: z.string().min(1).max(128).optional(),
  /** Who the agent is in the room; default `agent`. */
  identity: z.string().min(1).max(128).optional(),
  /** Of the caller's own. */
  metadata: z.json().optional(),
});
export type JoinRequest = z.infer<typeof JoinRequest>;

/** Throws `input.invalid`, which names the field. */
export function parseJoin(payload: Json): JoinRequest {
  const parsed = JoinRequest.safeParse(payload ?? {});
  if (parsed.success) return parsed.data;
  const fix = "give null or {agent?, identity?, metadata?}";
  throw new AppError("input.invalid", `join: ${problemOf(parsed.error)}; ${fix}`);
}

/** The first thing that is wrong, behind its field. */
function problemOf({ issues: [issue] }: z.ZodError): string {
  const at = issue?.path.join(".") ?? "";
  return `${at === "" ? "" : `${at}: `}${issue?.message ?? "it has another shape"}`;
}
