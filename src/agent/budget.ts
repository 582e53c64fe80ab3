import { z } from "zod";
import { AppError } from "../base/errors.ts";
import { MEASURES, type Measure } from "../events/budget.events.ts";
import type { CallLimits } from "../events/call.events.ts";
import { parseUsd } from "../ledger/money.ts";

/** What the calls of an agent may cost, in USD as decimal text: `"0.50"`. */
export interface BudgetOptions {
  /** A whole call: where it is spent, the agent says farewell and leaves. */
  readonly call?: string;
  /** One turn: where it is spent, the answer ends. */
  readonly turn?: string;
  /** Share of a budget that is left when a measure begins, from 0 to 1. */
  readonly measures?: Readonly<Partial<Record<Measure, number>>>;
}

const usd = z.string().regex(/^\d+(\.\d{1,12})?$/, 'give USD as decimal text, as "0.50"');
export const Budget = z.strictObject({
  call: usd.optional(),
  turn: usd.optional(),
  measures: z.partialRecord(z.enum(MEASURES), z.number().min(0).max(1)).optional(),
});

/** As the header of a call has it. Error `config.invalid` where it allows nothing. */
export function limitsOf({ call, turn, measures }: BudgetOptions, agent: string): CallLimits {
  const pico = (field: string, text: string): string => {
    const amount = parseUsd(text);
    if (amount > 0n) return String(amount);
    throw new AppError("config.invalid", `agent ${agent}: budget.${field}: give more than 0`);
  };
  const thresholds = Object.entries(measures ?? {}).map(
    ([name, share]) => [name, Math.round(share * 1_000)] as const,
  );
  return {
    ...(call !== undefined && { callPico: pico("call", call) }),
    ...(turn !== undefined && { turnPico: pico("turn", turn) }),
    ...(measures && { thresholds: Object.fromEntries(thresholds) }),
  };
}
