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

/** Budgets that people set limits of; a turn's is set by its agent. */
export const BudgetNode = z
  .string()
  .regex(/^(platform|tenant|agent:.{1,256}|call:[\w-]{1,64})$/, "is none of the budgets");

const Limit = Pico.refine((digits) => !digits.startsWith("-"), "is less than nothing");

/** What is asked of a tenant's budgets: limits that are set, or with null taken away. */
export const BudgetRequest = z.strictObject({
  /** Of the wish: the same one again changes nothing. */
  id: z.string().min(1).max(128).optional(),
  limits: z.array(z.strictObject({ node: BudgetNode, limitPico: Limit.nullable() })).min(1),
});
export type BudgetRequest = z.infer<typeof BudgetRequest>;

/** A tenant's budgets as its ledger knows them. */
export const BudgetReport = z.strictObject({
  tenant: z.string(),
  nodes: z.array(
    z.strictObject({
      node: z.string(),
      /** Null = none: nothing is held back for want of it. */
      limitPico: Pico.nullable(),
      spentPico: Pico,
      /** Let out and not settled. */
      heldPico: Pico,
      /** Below zero where more was spent than there was; null without a limit. */
      availablePico: Pico.nullable(),
      /** What calls do for want of it, where their agent says nothing else. */
      measures: z.array(z.enum(MEASURES)),
    }),
  ),
});
export type BudgetReport = z.infer<typeof BudgetReport>;
