import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { AppError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type BudgetReport, BudgetRequest } from "../events/budget.events.ts";
import { Token } from "../events/record.ts";

/** Budgets of the tenants whose ledgers run here. */
export interface BudgetDesk {
  read(tenant: string): Promise<BudgetReport>;
  set(tenant: string, request: BudgetRequest): Promise<BudgetReport>;
}

export function budgetRoutes(desk: BudgetDesk): Hono {
  const app = new Hono();
  const maxSize = LIMITS.commandBytesMax;
  const onError = (): never => {
    throw new AppError("record.tooLarge", `a request has at most ${maxSize} bytes`);
  };
  app.get("/:tenant/budget", async ({ req, json }) =>
    json(await desk.read(checked(Token, req.param("tenant")))),
  );
  app.post("/:tenant/budget", bodyLimit({ maxSize, onError }), async ({ req, json }) => {
    const tenant = checked(Token, req.param("tenant"));
    const body: unknown = await req.json().catch(() => undefined);
    return json(await desk.set(tenant, checked(BudgetRequest, body)));
  });
  return app;
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError("input.invalid", `budget: ${z.prettifyError(parsed.error)}`);
}
