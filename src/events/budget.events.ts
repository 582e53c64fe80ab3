import { z } from "zod";

/** What is done as a budget runs out, the mildest first. */
export const MEASURES = ["warn", "cheaperModel", "shorterAnswers", "noVision", "farewell"] as const;
export type Measure = (typeof MEASURES)[number];

/** The strictest measure that is due; `none` while there is enough. */
export const DueMeasure = z.enum(["none", ...MEASURES]);
export type DueMeasure = z.infer<typeof DueMeasure>;

/** Pico-USD (1e-12 USD) as digits. */
const Pico = z.string().regex(/^(0|-?[1-9][0-9]*)$/, "is no whole number");

/** A budget that the call counts against has crossed one of its thresholds, either way. */
export const BudgetChanged = z.strictObject({
  type: z.literal("budget.changed"),
  measure: DueMeasure,
  /** The budget that asks for it: `platform`, `tenant`, `agent:<name>`, `call:<call>` … */
  node: z.string().min(1),
  limitPico: Pico,
  spentPico: Pico,
  heldPico: Pico,
});
export type BudgetChanged = z.infer<typeof BudgetChanged>;
