import type { Explained } from "../../ledger/bill.ts";
import type { CostLine } from "../../ledger/lines.ts";
import { usdText } from "../../ledger/money.ts";
import type { Output } from "../output.ts";
import { dayOf, validity } from "./price-report.ts";
import { savedPercent, type Saving } from "./saving.ts";
import { printTable } from "../table.ts";

/** A bill for people: its lines or their sums, what has no price, and why a line is what it is. */
export interface CostGroup {
  readonly key: string;
  /** Null where no line of it has a price. */
  readonly amountPico: bigint | null;
  readonly lines: readonly CostLine[];
}

/** So many letters of a line's id are shown; `--explain` takes any beginning that is its own. */
const ID_SHOWN = 10;
const NO_PRICE = "no price";

const GROUPINGS = {
  call: ({ call }: CostLine) => call,
  turn: ({ call, turn }: CostLine) => `${call} ${turn ?? "no turn"}`,
  agent: ({ agent }: CostLine) => agent,
  provider: ({ provider }: CostLine) => provider,
  model: ({ provider, model }: CostLine) => `${provider}/${model}`,
  day: ({ occurredAt }: CostLine) => dayOf(occurredAt) ?? "",
} as const;
export type Grouping = keyof typeof GROUPINGS;
export const BY = Object.keys(GROUPINGS) as readonly Grouping[];

export function groupsOf(lines: readonly CostLine[], by: Grouping): readonly CostGroup[] {
  return [...Map.groupBy(lines, GROUPINGS[by])].map(([key, all]) => ({
    key,
    amountPico: all.every(isUnpriced)
      ? null
      : all.reduce((sum, { amountPico }) => sum + amountPico, 0n),
    lines: all,
  }));
}

export function printLines(lines: readonly CostLine[], out: Output): void {
  const amounts = column(lines.map((line) => (isUnpriced(line) ? null : line.amountPico)));
  const rows = lines.map((line, i) => [
    line.id.slice(0, ID_SHOWN),
    line.call,
    line.turn ?? "-",
    line.service,
    `${line.provider}/${line.model}`,
    `${line.quality === "measured" ? "" : "~"}${quantityText(line)}`,
    amounts[i]!,
    line.discarded ? "thrown away" : "",
  ]);
  const columns = ["line", "call", "turn", "service", "model", "quantity", "USD", ""];
  printTable(columns, rows, out);
}

const MINUTE_MS = 60_000n;

/** Times as one reads them, all others as they are counted. */
function quantityText({ meter, quantity }: CostLine): string {
  if (!meter.endsWith("Ms")) return `${quantity} ${meter}`;
  const of = meter.slice(0, -"Ms".length);
  const minutes = quantity / MINUTE_MS;
  const seconds = Number(quantity % MINUTE_MS) / 1_000;
  return `${minutes > 0n ? `${minutes} min ` : ""}${seconds} s ${of}`;
}

export function printGroups(groups: readonly CostGroup[], by: Grouping, out: Output): void {
  const amounts = column(groups.map(({ amountPico }) => amountPico));
  const rows = groups.map(({ key, lines }, i) => [
    key,
    String(lines.length),
    amounts[i]!,
    groups[i]!.amountPico === null || !lines.some(isUnpriced) ? "" : "and what has no price",
  ]);
  printTable([by, "lines", "USD", ""], rows, out);
}

/** The sum, and with it what it does not hold. */
export function printSum(lines: readonly CostLine[], totalPico: bigint, out: Output): void {
  const open = lines.filter(isUnpriced);
  const sum = open.length === lines.length ? "nothing here has a price" : usdSum(totalPico);
  out.line(out.style(sum, "bold"));
  if (open.length === 0) return;
  out.line(out.style("NOT IN THE SUM, as no price is known:", "bold", "red"));
  const sums = Map.groupBy(open, ({ provider, model, meter }) => `${provider}/${model}  ${meter}`);
  for (const [what, all] of sums) {
    const quantity = all.reduce((sum, line) => sum + line.quantity, 0n);
    out.line(out.style(`  ${what}  ${quantity}`, "red"));
  }
}

/** Nothing where no call was routed. */
export function printSaving(saving: Saving | undefined, out: Output): void {
  if (!saving) return;
  const { requests, actualPico, baselinePico, complex } = saving;
  const [actual, baseline] = [actualPico, baselinePico].map(usdText);
  const names = complex.join(", ");
  out.line(
    `routing saved ${savedPercent(saving)} % of ${requests} requests: ${actual} USD, and ` +
      `${baseline} USD for the same tokens at ${names}`,
  );
}

export function isUnpriced({ priceId }: CostLine): boolean {
  return priceId === null;
}

function usdSum(pico: bigint): string {
  return `sum ${usdText(pico)} USD`;
}

export function printExplained({ line, head, row, arithmetic }: Explained, out: Output): void {
  const say = (name: string, text: string): void =>
    out.line(`${out.style(name.padEnd(11), "dim")}${text}`);
  out.line(out.style(`line ${line.id}`, "bold"));
  say("call", `${line.call}, ${line.turn ?? "of no turn"}, agent ${line.agent}`);
  const at = new Date(line.occurredAt).toISOString();
  say("request", `${head.clientRequest}, attempt ${head.attempt}, ${fateOf(head)}, at ${at}`);
  say("quantity", `${line.quantity} ${line.meter}, ${line.quality}`);
  if (!row) {
    const of = `${line.provider}/${line.model}`;
    say("price", out.style(`none is known for ${line.meter} of ${of}`, "red"));
    return;
  }
  say("price", `${row.priceId}: ${usdText(row.pricePico)} USD for ${row.perUnits}`);
  say("holds", `${validity(row)}; known from ${dayOf(row.knownFrom) ?? "ever"}`);
  const { source, checkedOn, confidence } = row;
  say("source", `${source}; checked ${checkedOn}; ${CONFIDENCE[confidence]}`);
  say("amount", arithmetic);
}

const CONFIDENCE = { P: "the vendor's own page (P)", S: "second hand (S)" } as const;

function fateOf({ status, discarded }: Explained["head"]): string {
  return `${status ?? "open"}${discarded ? ", its answer thrown away" : ""}`;
}

/** Exact amounts under one another: the point in one place, as many digits as the finest needs. */
function column(amounts: readonly (bigint | null)[]): readonly string[] {
  const texts = amounts.map((one) => (one === null ? NO_PRICE : usdText(one)));
  const digits = Math.max(2, ...texts.map((text) => text.split(".")[1]?.length ?? 0));
  const padded = texts.map((text, i) => (amounts[i] === null ? text : withDigits(text, digits)));
  const width = Math.max("USD".length, ...padded.map(({ length }) => length));
  return padded.map((text) => text.padStart(width));
}

function withDigits(text: string, digits: number): string {
  const [whole = "", part = ""] = text.split(".");
  return `${whole}.${part.padEnd(digits, "0")}`;
}
