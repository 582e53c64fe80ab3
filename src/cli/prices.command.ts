import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { z } from "zod";
import { systemClock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { Meter, Service } from "../events/effect.events.ts";
import { usdText } from "../ledger/money.ts";
import { PriceBook, type PriceRow } from "../ledger/price-book.ts";
import { openPriceBook } from "../main.ts";
import { defineCommand, type Cli, type Invocation } from "./command.ts";
import { dayOf, PriceReport, priceReport, validity } from "./costs/price-report.ts";
import { parseDay, RERATE, RerateReport } from "./costs/rerate.ts";
import { EXIT, type Output } from "./output.ts";
import { printTable } from "./table.ts";

/** The price book from the command line: whether it holds together, what it says, what changed. */
const Check = z.strictObject({
  /** The file, or `null` for the one that is in use. */
  file: z.string().nullable(),
  /** What goes before the prices of this build, and how many rows are of it. */
  ownFile: z.string().nullable(),
  ownRows: z.int(),
  markups: z.int(),
  /** Of its content; each amount in a cost stream names it. */
  version: z.string(),
  rows: z.int(),
  models: z.int(),
  /** Rows that somebody quotes, and not the vendor's own page. */
  secondHand: z.int(),
  revoked: z.int(),
});

const Shown = z.strictObject({
  version: z.string(),
  /** The day, in UTC, that the rows hold for; `null` with `--all`. */
  at: z.string().nullable(),
  rows: z.array(
    z.strictObject({
      provider: z.string(),
      model: z.string(),
      meter: Meter,
      tier: z.string().nullable(),
      /** For requests of more than so many units alone. */
      above: z.number().nullable(),
      revokedAt: z.string().nullable(),
      /** For this one alone. */
      tenant: z.string().nullable(),
      file: z.string(),
      ...PriceReport.shape,
    }),
  ),
  /** Factors on the list: for a tenant's requests, of all services or of these. */
  markups: z.array(
    z.strictObject({
      tenant: z.string(),
      services: z.array(Service).nullable(),
      times: z.tuple([z.int(), z.int()]),
      effectiveFrom: z.string(),
    }),
  ),
});

const Diff = z.strictObject({
  /** Versions of this build's book and of the other. */
  version: z.string(),
  other: z.string(),
  /** Rows by id: those only the other has, those only this build has, those that say two things. */
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z.array(z.strictObject({ priceId: z.string(), fields: z.array(z.string()) })),
});

/** What `turnfold prices` prints under `--json`. */
export const PRICE_SCHEMAS = {
  "prices check": Check,
  "prices show": Shown,
  "prices diff": Diff,
  "prices rerate": RerateReport,
} as const;

interface ShowOptions {
  readonly at?: number;
  readonly all?: boolean;
}

export function register(program: Command, cli: Cli): void {
  const prices = program
    .command("prices")
    .summary("what the price book says, and where from")
    .description("The price book: dated rows with their sources, by which calls are rated.")
    .addHelpText(
      "after",
      "\nExamples:\n  $ turnfold prices show openai\n  $ turnfold prices check",
    );
  defineCommand(prices, cli, {
    usage: "check [file]",
    summary: "whether a price book can be read, and no two prices hold at once",
    examples: ["prices check", "prices check my-prices.json"],
    run: runCheck,
  });
  defineCommand<ShowOptions>(prices, cli, {
    usage: "show [name]",
    summary: "the rows of a provider or of provider/model that hold on a day",
    options: [
      { flags: "--at <day>", description: "as 2026-11-21; default: today, UTC", parse: parseDay },
      { flags: "--all", description: "of all days, and revoked ones too" },
    ],
    examples: ["prices show deepgram", "prices show openai/gpt-4o --at 2026-07-01", "prices show"],
    run: runShow,
  });
  defineCommand(prices, cli, {
    usage: "diff <file>",
    summary: "what another price book has that this one has not, and the reverse",
    examples: ["prices diff my-prices.json"],
    run: runDiff,
  });
  defineCommand(prices, cli, RERATE);
}

async function runCheck({ args, config, out }: Invocation<object>): Promise<number> {
  const file = args[0];
  const book = file === undefined ? await openPriceBook(config) : await readBook(file);
  const report = {
    file: file ?? null,
    ownFile: book.files.own ?? null,
    ownRows: book.all.filter(({ origin }) => origin === "own").length,
    markups: book.markups.length,
    version: book.version,
    rows: book.all.length,
    models: new Set(book.all.map(nameOf)).size,
    secondHand: book.all.filter(({ confidence }) => confidence === "S").length,
    revoked: book.all.filter(({ revokedAt }) => revokedAt !== Infinity).length,
  };
  out.json(Check, report);
  const { version, rows, models, secondHand, revoked, ownFile, ownRows, markups } = report;
  out.line(`book ${version}: ${rows} rows for ${models} models; no two of them hold at once`);
  out.line(`${secondHand} rows are second hand, ${revoked} are revoked`);
  if (ownFile !== null) out.line(`${ownRows} rows and ${markups} markups are of ${ownFile}`);
  return EXIT.ok;
}

async function runShow({ args, options, config, out }: Invocation<ShowOptions>) {
  const book = await openPriceBook(config);
  const at = options.at ?? systemClock.now();
  const holds = (row: PriceRow): boolean =>
    options.all === true ||
    (row.effectiveFrom <= at && at < row.effectiveTo && row.revokedAt === Infinity);
  const rows = book.all.filter((row) => isNamed(row, args[0]) && holds(row));
  out.json(Shown, {
    version: book.version,
    at: options.all ? null : dayOf(at),
    rows: rows.map((row) => ({
      provider: row.provider,
      model: row.model,
      meter: row.meter,
      tier: row.tier ?? null,
      above: row.threshold ? Number(row.threshold.above) : null,
      revokedAt: dayOf(row.revokedAt),
      tenant: row.tenant ?? null,
      file: fileOf(book, row),
      ...priceReport(row),
    })),
    markups: book.markups.map(({ services = null, ...markup }) => ({ ...markup, services })),
  });
  if (rows.length === 0) out.line(`no price of ${args[0] ?? "anything"}; it is not free`);
  else printRows(book, rows, out);
  printMarkups(book, out);
  return rows.length === 0 ? EXIT.failed : EXIT.ok;
}

function printRows(book: PriceBook, rows: readonly PriceRow[], out: Output): void {
  const cells = rows.map((row) => [
    row.tenant === undefined ? row.priceId : `${row.priceId} for ${row.tenant}`,
    `${usdText(row.pricePico)} / ${row.perUnits}`,
    validity(row),
    row.confidence,
    row.checkedOn,
    row.source,
    fileOf(book, row),
  ]);
  printTable(["price", "USD / units", "holds", "by", "checked", "source", "file"], cells, out);
}

function printMarkups({ markups, files }: PriceBook, out: Output): void {
  for (const { tenant, services, times, effectiveFrom } of markups) {
    const what = services ? services.join(", ") : "all services";
    out.line(`${tenant} pays ${times.join("/")} of the list from ${effectiveFrom} on: ${what}`);
  }
  if (markups.length > 0) out.line(`so says ${files.own}`);
}

async function runDiff({ args, config, out }: Invocation<object>): Promise<number> {
  const [book, other] = [await openPriceBook(config), await readBook(args[0]!)];
  const added = other.all.filter(({ priceId }) => !book.row(priceId)).map(idOf);
  const removed = book.all.filter(({ priceId }) => !other.row(priceId)).map(idOf);
  const changed = book.all.flatMap((row) => {
    const fields = changedFields(row, other.row(row.priceId));
    return fields.length === 0 ? [] : [{ priceId: row.priceId, fields: [...fields] }];
  });
  out.json(Diff, { version: book.version, other: other.version, added, removed, changed });
  for (const id of added) out.line(out.style(`+ ${id}`, "green"));
  for (const id of removed) out.line(out.style(`- ${id}`, "red"));
  for (const { priceId, fields } of changed)
    out.line(out.style(`~ ${priceId}: ${fields.join(", ")}`, "yellow"));
  if (added.length + removed.length + changed.length === 0) out.line("the same rows");
  return EXIT.ok;
}

/** What a row does not say itself. */
const NOT_SAID: ReadonlySet<string> = new Set(["origin"]);

function changedFields(row: PriceRow, other: PriceRow | undefined): readonly string[] {
  if (!other) return [];
  const said = (one: PriceRow, key: string): string =>
    JSON.stringify(one[key as keyof PriceRow], (_, value: unknown) =>
      typeof value === "bigint" || value === Infinity || value === -Infinity
        ? String(value)
        : value,
    );
  const keys = new Set([...Object.keys(row), ...Object.keys(other)]).difference(NOT_SAID);
  return [...keys].filter((key) => said(row, key) !== said(other, key));
}

/** Errors: `input.invalid` for what is no file of JSON, `config.invalid` for what is no book. */
async function readBook(file: string): Promise<PriceBook> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    throw new AppError("input.invalid", `${file} is no file of JSON`, { cause });
  }
  if (isOwnFile(content)) {
    const fix = `TURNFOLD_PRICES=${file} turnfold prices check`;
    throw new AppError("config.invalid", `${file} has markups: it is no whole book by itself`, {
      detail: { fix: `have it checked beside the list: ${fix}` },
    });
  }
  return new PriceBook(content, file);
}

/** Only what goes before a book has them. */
function isOwnFile(content: unknown): boolean {
  return typeof content === "object" && content !== null && "markups" in content;
}

function fileOf({ files }: PriceBook, { origin }: PriceRow): string {
  return files[origin] ?? files.shipped;
}

function isNamed(row: PriceRow, name: string | undefined): boolean {
  return name === undefined || name === row.provider || name === nameOf(row);
}

function nameOf({ provider, model }: PriceRow): string {
  return `${provider}/${model}`;
}

function idOf({ priceId }: PriceRow): string {
  return priceId;
}
