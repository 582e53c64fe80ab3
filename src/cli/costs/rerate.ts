import { InvalidArgumentError } from "commander";
import { z } from "zod";
import { LedgerActor } from "../../books/ledger-actor.ts";
import { Rerating } from "../../books/rerating.ts";
import { systemClock } from "../../base/clock.ts";
import { Meter, Service } from "../../events/effect.events.ts";
import { usdText } from "../../ledger/money.ts";
import type { Plan, PlanDiff } from "../../ledger/rerate.ts";
import { openPriceBook, openStore, storeName } from "../../main.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { EXIT, type Output, usageError } from "../output.ts";
import { printTable } from "../table.ts";
import { onlyTenant } from "./only-tenant.ts";
import { dayOf, Pico } from "./price-report.ts";

/** A range of usage rated again by the price book of this build: looked at, or posted. */
export const RerateReport = z.strictObject({
  tenant: z.string(),
  /** Days in UTC; the second is not in it. */
  from: z.string(),
  to: z.string(),
  /** The book's version. */
  book: z.string(),
  /** False: nothing was posted. */
  applied: z.boolean(),
  /** How many requests change. */
  requests: z.int(),
  /** After, less before. */
  differencePico: Pico,
  changes: z.array(
    z.strictObject({
      component: Service,
      provider: z.string(),
      model: z.string(),
      meter: Meter,
      beforePico: Pico,
      afterPico: Pico,
    }),
  ),
  /** Calls in the range that cannot be rated again, as nothing of them was kept. */
  left: z.array(z.string()),
});

interface Options {
  readonly from?: number;
  readonly to?: number;
  readonly knownAt?: number;
  readonly apply?: boolean;
}

export const RERATE: CommandSpec<Options> = {
  usage: "rerate [tenant]",
  summary: "rate a range of usage again by this build's book: what would change",
  details: "Nothing is posted without --apply; what was posted is never rewritten, but corrected.",
  options: [
    { flags: "--from <day>", description: "usage from this day on, UTC", parse: parseDay },
    { flags: "--to <day>", description: "and before this one", parse: parseDay },
    { flags: "--known-at <day>", description: "as the book was on this day", parse: parseDay },
    { flags: "--apply", description: "post it" },
  ],
  examples: [
    "prices rerate --from 2026-10-01 --to 2026-11-01",
    "prices rerate acme --from 2026-10-01 --to 2026-11-01 --apply",
  ],
  run: runRerate,
};

async function runRerate({ args, options, config, out }: Invocation<Options>): Promise<number> {
  const range = rangeOf(options);
  const { knownAt, apply = false } = options;
  await using broker = await openStore(config, !apply);
  const tenant = args[0] ?? (await onlyTenant(broker, config));
  const book = await openPriceBook(config);
  const prices = { book, ...(knownAt !== undefined && { knownAt }) };
  const ports = { tenant, broker, clock: systemClock };
  const actor = await LedgerActor.open({ ...ports, prices: () => prices });
  const rerating = new Rerating(actor, { ...ports, prices });
  const plan = rerating.plan(range);
  const diff = await rerating.dryRun(plan);
  const requests = apply ? await rerating.apply(plan) : diff.requests;
  out.json(RerateReport, {
    tenant,
    ...daysOf(range),
    book: prices.book.version,
    applied: apply,
    requests,
    differencePico: String(diff.totalPico),
    changes: diff.changes.map(changeReport),
    left: [...diff.sealed],
  });
  if (actor.ledger.seq === 0) out.line(`nothing was posted for ${tenant} in ${storeName(config)}`);
  else printDiff({ ...diff, requests }, { apply, out });
  for (const call of diff.sealed) out.note(`${call} is left as it is: nothing of it was kept`);
  return diff.sealed.length > 0 ? EXIT.failed : EXIT.ok;
}

function rangeOf({ from, to }: Options): Pick<Plan, "from" | "to"> {
  if (from === undefined || to === undefined)
    throw usageError("it is not said which days", "add --from DAY --to DAY");
  if (from < to) return { from, to };
  throw usageError("--to is not after --from", "the day of --to is not in the range");
}

function daysOf({ from, to }: Pick<Plan, "from" | "to">) {
  return { from: dayOf(from)!, to: dayOf(to)! };
}

function changeReport(change: PlanDiff["changes"][number]) {
  const { service, meter, provider, model, beforePico, afterPico } = change;
  return {
    component: Service.parse(service),
    provider,
    model,
    meter: Meter.parse(meter),
    beforePico: String(beforePico),
    afterPico: String(afterPico),
  };
}

function printDiff(
  { changes, requests, totalPico }: PlanDiff,
  { apply, out }: { readonly apply: boolean; readonly out: Output },
): void {
  if (requests === 0) return out.line("nothing changes: all of it is rated so already");
  const rows = changes.map(({ service, provider, model, meter, beforePico, afterPico }) => [
    service,
    `${provider}/${model}`,
    meter,
    usdText(beforePico),
    usdText(afterPico),
    signed(afterPico - beforePico),
  ]);
  printTable(["service", "model", "meter", "before, USD", "after", "difference"], rows, out);
  const sum = `${requests} requests, ${signed(totalPico)} USD`;
  out.line(out.style(apply ? `posted: ${sum}` : `would be posted with --apply: ${sum}`, "bold"));
}

function signed(pico: bigint): string {
  return `${pico > 0n ? "+" : ""}${usdText(pico)}`;
}

/** A day in UTC, as its first moment in Unix ms. */
export function parseDay(value: string): number {
  const at = Date.parse(`${value}T00:00:00Z`);
  if (dayOf(at) === value) return at;
  throw new InvalidArgumentError("Give a day as 2026-11-21.");
}
