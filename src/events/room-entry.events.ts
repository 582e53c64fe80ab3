import { z } from "zod";
import { Token } from "./record.ts";

/** A room in the directory: its call and who has it. A hint; the log is the fence. */
export const RoomEntry = z.object({
  call: Token,
  /** Id of the job that asked for the agent, so that one that was served is not served again. */
  job: z.string(),
  worker: z.string(),
  epoch: z.int().positive(),
  /** `opening` until the call's header is in the log, `handover` once its owner lets it go. */
  state: z.enum(["opening", "live", "handover"]),
});
export type RoomEntry = z.infer<typeof RoomEntry>;
