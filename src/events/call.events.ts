import { z } from "zod";
import { MEASURES } from "./budget.events.ts";
import { Usage } from "./effect.events.ts";
import { Token } from "./record.ts";
import type { TurnSettings } from "./settings.events.ts";

/** Which version of each machine an epoch is folded with (L4). */
export const MachineVersions = z.record(z.string(), z.string());
export type MachineVersions = z.infer<typeof MachineVersions>;

const Digits = z.string().regex(/^(0|[1-9]\d*)$/);

/** What an agent's calls may cost, and from which part of a limit on which measure is taken. */
export const CallLimits = z.strictObject({
  callPico: Digits.optional(),
  turnPico: Digits.optional(),
  /** Thousandths of a limit that are left when a measure begins. */
  thresholds: z.partialRecord(z.enum(MEASURES), z.int().min(0).max(1_000)).optional(),
});
export type CallLimits = z.infer<typeof CallLimits>;

/**
 * All that must be known to understand a call years later. The words the agent may say by itself
 * (instructions, greeting …) stand in the text part of the header's record, by these names.
 */
export const CallHeader = z.strictObject({
  call: Token,
  tenant: Token,
  /** The room's own name; rooms recur, calls do not. */
  room: z.string().min(1),
  /** The agent's stable identity in the room, kept over takeovers. */
  identity: z.string().min(1),
  agent: z.strictObject({ name: z.string(), hash: z.string() }),
  /** Checked when a call opens (`TurnSettings`); read back as it was, whatever is known by then. */
  settings: z.record(z.string(), z.json()),
  machines: MachineVersions,
  build: z.string(),
  /** Settings of the agents the call may be handed to, by name. */
  agents: z.record(z.string(), z.record(z.string(), z.json())),
  /**
   * Names of texts the agent has: `greeting`, `away`, `farewell`, `apology`, `unheard`, `filler`,
   * `outage`, `overBudget`, `tool.<name>`; those of another agent stand behind its name and a
   * slash.
   */
  texts: z.array(z.string()),
  /** Hooks that are effects of their own: `afterTurn`. */
  hooks: z.array(z.string()),
  /** What the call, and a turn of it, may cost: digits of pico-USD; see `THRESHOLDS`. */
  budget: CallLimits.optional(),
  /** Where the recording lies and which record time its first sample has, if one is made. */
  recording: z.strictObject({ ref: z.string(), startedAt: z.number() }).nullable(),
});
export type CallHeader = Omit<z.infer<typeof CallHeader>, "settings" | "agents"> & {
  settings: TurnSettings;
  agents: Readonly<Record<string, TurnSettings>>;
};

/** Text part of the header's record. */
export const AgentTexts = z.record(z.string(), z.string());
export type AgentTexts = z.infer<typeof AgentTexts>;

export const CallOpened = z.strictObject({ type: z.literal("call.opened"), header: CallHeader });

/** Another owner took the call: the first record of an epoch (L5). */
export const OwnerChanged = z.strictObject({
  type: z.literal("owner.changed"),
  epoch: z.int().positive(),
  worker: z.string(),
  reason: z.enum(["takeover", "handover", "resume"]),
  machines: MachineVersions,
  build: z.string(),
});

/** The last record of a call, appended in one piece with the one that closed the room. */
export const CallEnded = z.strictObject({
  type: z.literal("call.ended"),
  how: z.enum(["closed", "failed"]),
  reason: z.string(),
});

/** The host gave up after too many failed steps (E1); the room says farewell and leaves. */
export const HostFailed = z.strictObject({ type: z.literal("host.failed"), failures: z.int() });

/**
 * What was said while the log could not be reached: the only words that are spoken before they are
 * logged (L7).
 */
export const OutageSpoken = z.strictObject({
  type: z.literal("outage.spoken"),
  /** Name of the text, as the header has it. */
  ref: z.string(),
  /** Host time at which its sound began. */
  at: z.number(),
  /** Of its sound that left the speaker. */
  ms: z.number().nonnegative(),
  /** So many words of it were heard to their end. */
  words: z.int().nonnegative(),
  usage: z.array(Usage),
});
export type OutageSpoken = z.infer<typeof OutageSpoken>;
