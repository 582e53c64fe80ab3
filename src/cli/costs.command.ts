import type { Command } from "commander";
import { z } from "zod";
import type { Broker } from "../broker/broker.ts";
import type { Config } from "../config.ts";
import { Meter, Service } from "../events/effect.events.ts";
import type { CallRef } from "../events/record.ts";
import type { Explained } from "../ledger/bill.ts";
import type { CostLine } from "../ledger/lines.ts";
import { openPriceBook, openStore, storeName } from "../main.ts";
import { findCall } from "./call-finder.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import {
  BY,
  type Grouping,
  groupsOf,
  printExplained,
  printGroups,
  printLines,
  printSaving,
  printSum,
  isUnpriced,
} from "./costs/cost-view.ts";
import { followCost } from "./costs/follow-cost.ts";
import { loadBill } from "./costs/load-bill.ts";
import { onlyTenant } from "./costs/only-tenant.ts";
import { Pico, PriceReport, priceReport } from "./costs/price-report.ts";
import { savedPercent, type Saving } from "./costs/saving.ts";
import { EXIT, usageError } from "./output.ts";

/** `turnfold costs --json`. */
export const CostReport = z.strictObject({
  tenant: z.string(),
  /** Of all lines that have a price. */
  totalPico: Pico,
  lines: z.array(
    z.strictObject({
      id: z.string(),
      /** Null where no price is known: it costs something all the same. */
      amountPico: Pico.nullable(),
      component: Service,
      provider: z.string(),
      model: z.string(),
      meter: Meter,
      quantity: z.number(),
      priceId: z.string().nullable(),
      call: z.string(),
      turn: z.int().nullable(),
    }),
  ),
  /** With `--by`. */
  groups: z
    .array(
      z.strictObject({
        key: z.string(),
        /** Null where none of its lines has a price. */
        amountPico: Pico.nullable(),
        lines: z.int(),
        /** Lines without a price, which the amount does not hold. */
        unpriced: z.int(),
      }),
    )
    .optional(),
  /** Where requests were routed to models by level. */
  saving: z
    .strictObject({
      requests: z.int(),
      actualPico: Pico,
      /** The same tokens at the complex model of the agent. */
      baselinePico: Pico,
      percent: z.number(),
    })
    .optional(),
  /** With `--explain`. */
  explained: z
    .strictObject({
      line: z.string(),
      turn: z.int().nullable(),
      request: z.string(),
      attempt: z.int(),
      status: z.enum(["completed", "cancelled", "failed"]).nullable(),
      /** Its answer was thrown away, as of a reply that was asked ahead of the end of the turn. */
      discarded: z.boolean(),
      quality: z.enum(["measured", "estimated", "provisional"]),
      price: PriceReport.nullable(),
      arithmetic: z.string(),
    })
    .optional(),
});
type Report = z.infer<typeof CostReport>;

interface Options {
  readonly call?: string;
  readonly follow?: boolean;
  readonly by?: Grouping;
  readonly explain?: string;
}

export function register(program: Command, cli: Cli): void {
  defineCommand<Options>(program, cli, {
    usage: "costs [tenant]",
    summary: "what the calls of a tenant cost, line by line, and why",
    details:
      "List prices of data/prices.json, and before them what TURNFOLD_PRICES says. What has no " +
      "price is told, and is not in the sum.",
    options: [
      { flags: "--by <what>", description: "sums instead of lines", choices: BY },
      { flags: "--explain <line>", description: "why this line has its amount" },
      { flags: "--call <call>", description: "of this call alone, also while it runs" },
      { flags: "--follow", description: "with --call: its sum as it grows, until the call ends" },
    ],
    examples: [
      "costs",
      "costs acme --by model",
      "costs acme --explain 3fXk",
      "costs --call c0k3 --follow",
      "costs --json",
    ],
    run: runCosts,
  });
}

async function runCosts({ args, options, config, out }: Invocation<Options>): Promise<number> {
  await using broker = await openStore(config, true);
  const book = await openPriceBook(config);
  const chosenCall = await callOf(args[0], options, { config, broker });
  if (chosenCall && options.follow) await followCost(broker.log, chosenCall, { book, out });
  const of = chosenCall ?? { tenant: args[0] ?? (await onlyTenant(broker, config)) };
  const { tenant } = of;
  const { bill, saving, damaged } = await loadBill(broker.log, of, { book, out });
  const { lines, totalPico } = bill;
  const groups = options.by && groupsOf(lines, options.by);
  const chosen =
    options.explain === undefined ? undefined : bill.explain(lineOf(lines, options.explain));
  out.json(CostReport, {
    tenant,
    totalPico: String(totalPico),
    lines: lines.map(lineReport),
    ...(groups && {
      groups: groups.map(({ key, amountPico, lines: all }) => ({
        key,
        amountPico: amountPico === null ? null : String(amountPico),
        lines: all.length,
        unpriced: all.filter(isUnpriced).length,
      })),
    }),
    ...(saving && { saving: savingReport(saving) }),
    ...(chosen && { explained: explainedReport(chosen) }),
  });
  if (chosen) printExplained(chosen, out);
  else if (lines.length === 0) out.line(`no costs of ${tenant} in ${storeName(config)}`);
  else {
    if (groups) printGroups(groups, options.by!, out);
    else printLines(lines, out);
    printSum(lines, totalPico, out);
    printSaving(saving, out);
  }
  for (const call of damaged) out.note(`${call} is damaged: only what stands before that is here`);
  return damaged.length > 0 ? EXIT.failed : EXIT.ok;
}

/** The call that is meant, of the tenant that is named. */
async function callOf(
  tenant: string | undefined,
  { call, follow }: Options,
  { config, broker }: { readonly config: Config; readonly broker: Broker },
): Promise<CallRef | undefined> {
  if (call === undefined) {
    if (follow) throw usageError("only one call can be followed", "name it with --call");
    return undefined;
  }
  const given = tenant === undefined || call.includes("/") ? call : `${tenant}/${call}`;
  return findCall(given, config, broker.log);
}

function lineOf(lines: readonly CostLine[], given: string): CostLine {
  const found = lines.filter(({ id }) => id.startsWith(given));
  if (found.length === 1) return found[0]!;
  if (found.length > 1)
    throw usageError(`${given} begins ${found.length} lines`, "give more of it");
  throw usageError(`no line begins with ${given}`, "list the lines with `turnfold costs`");
}

function lineReport(line: CostLine): Report["lines"][number] {
  const { id, service, provider, model, meter, quantity, priceId, call, amountPico } = line;
  return {
    id,
    amountPico: priceId === null ? null : String(amountPico),
    component: service,
    provider,
    model,
    meter: meter as Meter,
    quantity: Number(quantity),
    priceId,
    call,
    turn: turnNumber(line),
  };
}

function savingReport(saving: Saving): NonNullable<Report["saving"]> {
  const { requests, actualPico, baselinePico } = saving;
  const percent = savedPercent(saving);
  return {
    requests,
    actualPico: String(actualPico),
    baselinePico: String(baselinePico),
    percent,
  };
}

function turnNumber({ turn }: CostLine): number | null {
  return turn === undefined ? null : Number(turn.slice("turn.".length));
}

function explainedReport({
  line,
  head,
  row,
  arithmetic,
}: Explained): NonNullable<Report["explained"]> {
  return {
    line: line.id,
    turn: turnNumber(line),
    request: head.clientRequest,
    attempt: head.attempt,
    status: head.status ?? null,
    discarded: line.discarded,
    quality: line.quality,
    price: row ? priceReport(row) : null,
    arithmetic,
  };
}
