import { sql, type Transaction as Tx } from "kysely";
import type { ReadSide } from "./read-side.ts";
import type { Tables } from "./tables.ts";

/** Questions about a tenant's costs. All amounts are whole pico-USD. */
export const GROUPINGS = ["call", "turn", "agent", "service", "provider", "model", "day"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface CostSum {
  /**
   * `call/turn` for a turn, `provider/model` for a model, and `2026-11-21` for a day in UTC; null
   * for what belongs to none, as an adjustment by hand or what a call used outside its turns.
   */
  readonly key: string | null;
  readonly amountPico: bigint;
  readonly lines: number;
  /** More was used than the amount says: a part has no price. */
  readonly hasUnrated: boolean;
}

/** A cost in the shape that other programs know. */
export interface CostRow {
  readonly tenantId: string;
  readonly service: string;
  /** Exact decimal text in USD. */
  readonly costUsd: string;
  /** Unix ms. */
  readonly timestamp: number;
  /** Line, call, turn, agent, room, provider, model, meter, quantity, priceId, kind. */
  readonly metadata: Readonly<Record<string, string | null>>;
}

/** In the order of their keys, what has none first. */
export function costSums(readSide: ReadSide, tenant: string, by: Grouping): Promise<CostSum[]> {
  return readSide.asTenant(tenant, async (tx) => {
    const rows = await (by === "turn" ? turnSums(tx, tenant) : rollupSums(tx, tenant, by));
    const sums = rows.map((row) => toSum(row.key || null, row));
    return sums.toSorted((a, b) => ((a.key ?? "") < (b.key ?? "") ? -1 : 1));
  });
}

/** All that a tenant's usage cost. */
export function costTotal(readSide: ReadSide, tenant: string): Promise<Omit<CostSum, "key">> {
  return readSide.asTenant(tenant, async (tx) => {
    const row = await tx
      .selectFrom("costRollups")
      .select([sql<string>`coalesce(sum(amount_pico), 0)::text`.as("amount"), ...COUNTS])
      .where("tenant_id", "=", tenant)
      .executeTakeFirstOrThrow();
    const { key: _, ...sum } = toSum(null, row);
    return sum;
  });
}

/** What was used from `from` until before `to`, Unix ms, in that order. */
export function costRows(
  readSide: ReadSide,
  tenant: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<CostRow[]> {
  return readSide.asTenant(tenant, async (tx) => {
    const rows = await tx
      .selectFrom("costRows")
      .selectAll()
      .where("tenant_id", "=", tenant)
      .where("timestamp", ">=", new Date(from))
      .where("timestamp", "<", new Date(to))
      .orderBy("timestamp")
      .execute();
    return rows.map(({ tenant_id, service, cost_usd, timestamp, metadata }) => ({
      tenantId: tenant_id,
      service,
      costUsd: cost_usd,
      timestamp: timestamp.getTime(),
      metadata: metadata as CostRow["metadata"],
    }));
  });
}

interface Row {
  readonly key: string | null;
  readonly amount: string;
  readonly lines: string;
  readonly unrated: string;
}

function toSum(key: string | null, { amount, lines, unrated }: Omit<Row, "key">): CostSum {
  return {
    key,
    amountPico: BigInt(amount),
    lines: Number(lines),
    hasUnrated: unrated !== "0",
  };
}

const COUNTS = [
  sql<string>`coalesce(sum(lines), 0)::text`.as("lines"),
  sql<string>`coalesce(sum(unrated), 0)::text`.as("unrated"),
] as const;

const KEYS = {
  call: sql<string>`call_id`,
  agent: sql<string>`agent`,
  service: sql<string>`service`,
  provider: sql<string>`provider`,
  model: sql<string>`case when model = '' then '' else provider || '/' || model end`,
  day: sql<string>`day::text`,
} as const;

function rollupSums(tx: Tx<Tables>, tenant: string, by: keyof typeof KEYS): Promise<Row[]> {
  return tx
    .selectFrom("costRollups")
    .select([KEYS[by].as("key"), sql<string>`sum(amount_pico)::text`.as("amount"), ...COUNTS])
    .where("tenant_id", "=", tenant)
    .groupBy("key")
    .execute();
}

/** Turns are too many to be summed beforehand. */
function turnSums(tx: Tx<Tables>, tenant: string): Promise<Row[]> {
  return tx
    .selectFrom("costEvents")
    .select([
      sql<string | null>`call_id || '/' || turn_id`.as("key"),
      sql<string>`sum(amount_pico)::text`.as("amount"),
      sql<string>`count(*)::text`.as("lines"),
      sql<string>`coalesce(sum(quantity_measured) filter (
        where meter is not null and price_id is null), 0)::text`.as("unrated"),
    ])
    .where("tenant_id", "=", tenant)
    .groupBy("key")
    .execute();
}
