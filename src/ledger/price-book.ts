import priceFile from "../../data/prices.json" with { type: "json" };
import { canonicalJson, shortHash } from "../base/digest.ts";
import { AppError } from "../base/errors.ts";
import type { Service } from "../events/effect.events.ts";
import {
  type FreeMeters,
  type Markup,
  type OwnPriceFile,
  parseOwnPriceFile,
  parsePriceFile,
} from "../events/prices.events.ts";
import { marked, markupFor, markupProblem, unmarked } from "./markups.ts";
import {
  aboveOf,
  datesProblem,
  firstOf,
  keyOf,
  type Origin,
  type PriceRow,
  type PriceSelector,
  rowsOf,
  SPECIAL,
  timesProblem,
} from "./price-rows.ts";

export type { PriceRow } from "./price-rows.ts";

/** Content of a file, and as what it is known. */
export interface PriceSource {
  readonly content: unknown;
  readonly file: string;
}

interface Asked {
  /** Without one no factor of a tenant for single services counts. */
  readonly service?: Service | undefined;
  /** Unix ms. */
  readonly at: number;
}

const SHIPPED = "data/prices.json";

/**
 * Prices as data with two times: when usage has a price, and when this book knew of it. P1: at any
 * moment of either, one selector and threshold have one price at most; the book is refused
 * otherwise. P2: what has no price has none, and not a price of zero. P3: money is pico-USD. P4: a
 * file of one's own adds to the book and goes before it; it never says what an id of it means.
 */
export class PriceBook {
  /** Of its content: what was rated with this book can be rated so again. */
  readonly version: string;
  readonly all: readonly PriceRow[];
  /** What the tenants' factors on the list are. */
  readonly markups: readonly Markup[];
  /** Which file a row's origin is. */
  readonly files: { readonly shipped: string; readonly own?: string };
  readonly #free: readonly FreeMeters[];
  readonly #byId: ReadonlyMap<string, PriceRow>;
  readonly #bySelector: ReadonlyMap<string, readonly PriceRow[]>;

  /** Error `config.invalid`, naming the entry or the field and its file. */
  constructor(shipped: unknown, file = SHIPPED, own?: PriceSource) {
    const base = parsePriceFile(shipped, file);
    const more = own && parseOwnPriceFile(own.content, own.file);
    this.files = { shipped: file, ...(own && { own: own.file }) };
    this.version = shortHash(canonicalJson(more ? [base, more] : base));
    this.all = [
      ...base.prices.flatMap((card) => rowsOf(card, "shipped")),
      ...(more?.prices.flatMap((card) => rowsOf(card, "own")) ?? []),
    ];
    this.markups = more?.markups ?? [];
    this.#free = [...base.free, ...(more?.free ?? [])];
    this.#byId = new Map(this.all.map((row) => [row.priceId, row]));
    this.#bySelector = Map.groupBy(this.all, keyOf);
    this.#check("shipped");
    if (more) this.#checkOwn(more, new Set(base.prices.map(({ priceId }) => priceId)));
  }

  /** Also one that is history, or was revoked, and one with the factor that its id says. */
  row(priceId: string): PriceRow | undefined {
    const { listed, times } = unmarked(priceId);
    const row = this.#byId.get(listed);
    return row && marked(row, times);
  }

  /**
   * What holds for usage at `at`, in ms, by what the book knew at `knownAt`: one row, and one more
   * for each threshold. The most special ones that fit go before all others.
   */
  rows(query: PriceSelector & Asked, knownAt = Infinity): readonly PriceRow[] {
    const { at } = query;
    const fitting = (this.#bySelector.get(keyOf(query)) ?? []).filter(
      (row) =>
        row.effectiveFrom <= at &&
        at < row.effectiveTo &&
        isKnown(row, knownAt) &&
        SPECIAL.every((key) => row[key] === undefined || row[key] === query[key]),
    );
    const special = Math.max(...fitting.map(specialty));
    const times = markupFor(this.markups, query);
    return fitting.filter((row) => specialty(row) === special).map((row) => marked(row, times));
  }

  /** Whether the vendor bills this model by other meters than this one. */
  isFree(query: PriceSelector & Asked & { service: Service }, knownAt = Infinity): boolean {
    return this.#free.some(
      ({ services, meters, besides }) =>
        services.includes(query.service) &&
        meters.includes(query.meter) &&
        besides.some((meter) => this.rows({ ...query, meter }, knownAt).length > 0),
    );
  }

  /** The one of them for a request of this length. */
  priceOf(
    selector: PriceSelector & Pick<Asked, "service">,
    at: number,
    knownAt = Infinity,
  ): PriceRow | undefined {
    const { promptTokens = 0n } = selector;
    return this.rows({ ...selector, at }, knownAt)
      .filter((row) => !row.threshold || promptTokens > row.threshold.above)
      .toSorted((a, b) => Number(aboveOf(b) - aboveOf(a)))[0];
  }

  /**
   * The dearest that the meter is known to cost a tenant anywhere, at any time: for what has no
   * price of its own.
   */
  ceiling(
    query: Pick<PriceSelector, "meter" | "tenant"> & Asked & { service: Service },
  ): PriceRow | undefined {
    const { meter, service, tenant } = query;
    const times = markupFor(this.markups, query);
    return this.all
      .filter((row) => row.meter === meter && row.services.includes(service))
      .filter((row) => row.tenant === undefined || row.tenant === tenant)
      .map((row) => marked(row, times))
      .toSorted(dearestFirst)[0];
  }

  #check(origin: Origin): void {
    const rows = this.all.filter((row) => row.origin === origin);
    const ids = rows.map(({ priceId }) => priceId);
    const twice = ids.find((id, at) => ids.indexOf(id) !== at);
    const wrong =
      (twice === undefined ? undefined : `${twice} stands twice`) ??
      firstOf(rows, datesProblem) ??
      firstOf([...Map.groupBy(rows, keyOf).values()], timesProblem);
    if (wrong !== undefined) throw this.#invalid(origin, wrong);
  }

  #checkOwn({ prices, markups }: OwnPriceFile, shipped: ReadonlySet<string>): void {
    const at = prices.findIndex(({ priceId }) => shipped.has(priceId));
    const { files } = this;
    if (at >= 0) {
      const what = `prices[${at}].priceId: ${prices[at]!.priceId} is of ${files.shipped}`;
      throw this.#invalid("own", `${what}: give it an id of its own`);
    }
    this.#check("own");
    const wrong = markupProblem(markups);
    if (wrong !== undefined) throw this.#invalid("own", wrong);
  }

  #invalid(origin: Origin, what: string): AppError {
    return new AppError("config.invalid", `${this.files[origin]}: ${what}`);
  }
}

let loaded: PriceBook | undefined;

/** The book of `data/prices.json`, read once. Error `config.invalid`. */
export function priceBook(): PriceBook {
  return (loaded ??= new PriceBook(priceFile));
}

/** That book and what a file of one's own adds to it. Error `config.invalid`. */
export function priceBookWith(own: PriceSource): PriceBook {
  return new PriceBook(priceFile, SHIPPED, own);
}

function isKnown({ knownFrom, revokedAt }: PriceRow, at: number): boolean {
  // With no moment given it is what is known in the end.
  return at === Infinity ? revokedAt === Infinity : knownFrom <= at && at < revokedAt;
}

/** Of two that are for the same, the one of one's own file goes first. */
function specialty(row: PriceRow): number {
  return SPECIAL.reduce(
    (sum, key, at) => sum + (row[key] === undefined ? 0 : 2 ** (at + 1)),
    row.origin === "own" ? 1 : 0,
  );
}

function dearestFirst(a: PriceRow, b: PriceRow): number {
  const [priceA, unitsA] = fractionOf(a);
  const [priceB, unitsB] = fractionOf(b);
  return Number(priceB * unitsA - priceA * unitsB);
}

/** A row's price for how many units, with its factors. */
function fractionOf({ pricePico, perUnits, multipliers = [] }: PriceRow): [bigint, bigint] {
  return multipliers.reduce(
    ([price, units], [times, over]) => [price * BigInt(times), units * BigInt(over)],
    [pricePico, perUnits],
  );
}
