import { z } from "zod";
import { LedgerActor } from "../../books/ledger-actor.ts";
import { UsageOutbox } from "../../books/usage-outbox.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/logger.ts";
import { centRounding, parsePico, usdText } from "../../ledger/money.ts";
import { periodOf } from "../../ledger/rating.ts";
import { openPriceBook, openStore } from "../../main.ts";
import type { CommandSpec, Invocation } from "../command.ts";
import { EXIT, usageError } from "../output.ts";
import { onlyTenant } from "./only-tenant.ts";
import { Pico } from "./price-report.ts";

/** A month that is over, closed: allowances are given back, and what comes late counts later. */
export const CloseReport = z.strictObject({
  tenant: z.string(),
  month: z.string(),
  /** False: it was closed before. */
  closed: z.boolean(),
  /** What counts in the month, allowances taken off. */
  costPico: Pico,
  /** What this command gave back, also for late usage of earlier months. */
  givenPico: Pico,
  /** To whole cents. */
  roundingPico: Pico,
  /** Requests that nobody has closed yet: what they cost more counts in a later month. */
  open: z.int(),
});

export const CLOSE: CommandSpec<object> = {
  usage: "close <month> [tenant]",
  summary: "close a month that is over: give allowances back, and let late usage count later",
  details: "The same again changes nothing. In a data folder no other process may own it.",
  examples: ["costs close 2026-10", "costs close 2026-10 acme --json"],
  run: runClose,
};

async function runClose({ args, config, out }: Invocation<object>): Promise<number> {
  const month = monthOf(args[0]!);
  const book = await openPriceBook(config);
  await using broker = await openStore(config, false);
  const tenant = args[1] ?? (await onlyTenant(broker, config));
  const ports = { broker, clock: systemClock };
  {
    // What nobody has told yet is of the month, too.
    await using outbox = new UsageOutbox({ ...ports, logger: silentLogger });
    await outbox.followAll(tenant);
    await outbox.idle();
  }
  const actor = await LedgerActor.open({ ...ports, tenant, prices: () => ({ book }) });
  await actor.catchUp();
  const { posted, givenPico } = await closeMonth(actor, month);
  const { ledger } = actor;
  const cost = ledger.periodCost(month);
  const open = ledger.openRequests().filter(({ head }) => periodOf(head.occurredAt) === month);
  out.json(CloseReport, {
    tenant,
    month,
    closed: posted > 0,
    costPico: String(cost),
    givenPico: String(givenPico),
    roundingPico: String(centRounding(cost)),
    open: open.length,
  });
  const given = givenPico === 0n ? "" : `, ${usdText(givenPico)} USD of allowances given back`;
  const what = posted > 0 ? "closed" : "was closed before";
  out.line(`${month} of ${tenant} ${what}: ${usdText(cost)} USD${given}`);
  if (open.length > 0) out.note(`${open.length} requests of it are open: the rest counts later`);
  return EXIT.ok;
}

/** Until there is nothing to do: a month of many calls is given back in several postings. */
async function closeMonth(actor: LedgerActor, period: string) {
  let givenPico = 0n;
  for (let posted = 0; ; posted++) {
    const decision = await actor.do({ type: "close", period });
    if (decision.kind === "refused") throw usageError(`${period}: ${decision.why}`);
    if (decision.kind !== "post") return { posted, givenPico };
    const entries = decision.transactions.flatMap((one) => one.entries);
    for (const { given, amountPico } of entries) if (given) givenPico -= parsePico(amountPico);
  }
}

function monthOf(given: string): string {
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(given)) return given;
  throw usageError(`${given} is no month`, "give one as 2026-10");
}
