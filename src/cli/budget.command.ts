import { systemIds } from "../base/id.ts";
import { AppError } from "../base/errors.ts";
import { BudgetNode, BudgetReport, type BudgetRequest } from "../events/budget.events.ts";
import { Token } from "../events/record.ts";
import { parsePico, parseUsd, usdText } from "../ledger/money.ts";
import { storeName } from "../main.ts";
import { readBudgets, setBudgets } from "./ask-budget.ts";
import { defineCommand, type Invocation, type Register } from "./command.ts";
import { EXIT, usageError, type Output } from "./output.ts";
import { printTable } from "./table.ts";

/** A tenant's budgets from the command line. */
interface Options {
  readonly set?: readonly string[];
  readonly clear?: readonly string[];
}

type Limits = BudgetRequest["limits"];

const NODES = "platform, tenant, agent:NAME or call:CALL";

export const register: Register = (program, cli) => {
  defineCommand<Options>(program, cli, {
    usage: "budget [tenant]",
    summary: "what may be spent, what was, and what is done for want of it; sets limits",
    details:
      `A limit is of ${NODES}, in USD, and prepaid: what was spent counts against it for ` +
      "good, so raise it to add to it. docs/budgets.md has the whole of it.",
    options: [
      { flags: "--set <node=usd...>", description: "limits, as tenant=25 agent:desk=7.50" },
      { flags: "--clear <node...>", description: "takes limits away" },
    ],
    examples: ["budget", "budget acme --set tenant=25 agent:desk=7.50", "budget --clear tenant"],
    run: runBudget,
  });
};

async function runBudget({ args, options, config, out }: Invocation<Options>): Promise<number> {
  const tenant = args[0] ?? config.tenant;
  if (!Token.safeParse(tenant).success)
    throw usageError(`${tenant} is no tenant`, "give 1 to 64 of A-Z a-z 0-9 _ -");
  const limits = limitsOf(options);
  const report =
    limits.length === 0
      ? await readBudgets(config, tenant)
      : await setBudgets(config, tenant, { id: systemIds.call(), limits });
  out.json(BudgetReport, report);
  if (report.nodes.length === 0)
    out.line(`no budget of ${tenant} in ${storeName(config)}: nothing is limited`);
  else print(report, out);
  return EXIT.ok;
}

/** All of it is looked at before any of it is done. */
function limitsOf({ set = [], clear = [] }: Options): Limits {
  const limits: Limits = [
    ...set.map(limitOf),
    ...clear.map((given) => ({ node: nodeOf(given), limitPico: null })),
  ];
  const nodes = limits.map(({ node }) => node);
  const twice = nodes.find((node, at) => nodes.indexOf(node) !== at);
  if (twice === undefined) return limits;
  throw usageError(`${twice} was given twice`, "give each budget one limit");
}

function limitOf(given: string): Limits[number] {
  const at = given.lastIndexOf("=");
  if (at < 0) {
    const fix = `write ${given}=USD, as tenant=12.50; a tenant stands before the options`;
    throw usageError(`${given} says no amount`, fix);
  }
  const node = nodeOf(given.slice(0, at));
  return { node, limitPico: String(amountOf(node, given.slice(at + 1))) };
}

function nodeOf(given: string): string {
  if (BudgetNode.safeParse(given).success) return given;
  throw usageError(`there is no budget ${JSON.stringify(given)}`, `name ${NODES}`);
}

function amountOf(node: string, text: string): bigint {
  try {
    const pico = parseUsd(text);
    if (pico >= 0n) return pico;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
  const fix = `give USD from 0 on, with at most 12 decimals: ${node}=12.50`;
  throw usageError(`${node}: ${JSON.stringify(text)} is no limit`, fix);
}

function print({ tenant, nodes }: BudgetReport, out: Output): void {
  const usd = (pico: string | null): string => (pico === null ? "-" : usdText(parsePico(pico)));
  out.line(out.style(`budgets of ${tenant}, in USD`, "bold"));
  const cells = nodes.map(({ node, limitPico, spentPico, heldPico, availablePico, measures }) => [
    node,
    usd(limitPico),
    usd(spentPico),
    usd(heldPico),
    usd(availablePico),
    measures.join(", "),
  ]);
  printTable(["budget", "limit", "spent", "held", "available", "due"], cells, out);
}
