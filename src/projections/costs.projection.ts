import { type ExpressionBuilder, sql, type Transaction as Tx } from "kysely";
import { AppError } from "../base/errors.ts";
import type { Transaction } from "../events/ledger.events.ts";
import { batches } from "./batches.ts";
import { costRowsOf, type EarlierLine, linked, takesBack } from "./cost-rows.ts";
import type { ReadSide } from "./read-side.ts";
import type { CostEventsTable, Tables } from "./tables.ts";

/** A transaction and its place in the tenant's cost stream. */
export interface Posted {
  readonly seq: number;
  readonly transaction: Transaction;
}

/** Reads a tenant's cost stream from a place on, itself included; 0 is the beginning. */
export type ReadPosted = (from: number) => AsyncIterable<Posted>;

interface Cursor {
  readonly seq: number;
  readonly ledgerSeq: number;
  readonly tail: string;
}

const NAME = "costEvents";
const START: Cursor = { seq: 0, ledgerSeq: 0, tail: "" };
/** Transactions in one of the database's. */
const BATCH_MAX = 200;
/** A statement has at most 65,535 parameters. */
const INSERT_MAX = 1_000;

/**
 * Folds a tenant's cost stream into `costEvents` and its rollups. P1: rows, rollups and cursor
 * change in one database transaction, whose first step moves the cursor from where it was read; so
 * each transaction of the stream counts once, whoever else projects and whatever breaks when. P2: a
 * stream that does not go on where the cursor stands is refused.
 */
export class CostProjector {
  readonly #readSide: ReadSide;
  readonly #tenant: string;
  readonly #batchMax: number;

  constructor(readSide: ReadSide, tenant: string, batchMax = BATCH_MAX) {
    this.#readSide = readSide;
    this.#tenant = tenant;
    this.#batchMax = batchMax;
  }

  /**
   * Until the stream ends. Errors: `ledger.damaged`, `database.failed`, and what the stream throws;
   * it may be run again after any.
   */
  async run(read: ReadPosted): Promise<void> {
    while (!(await this.#runUntilLost(read)));
  }

  /** The number of the last transaction that was taken. */
  async ledgerSeq(): Promise<number> {
    return (await this.#cursor()).ledgerSeq;
  }

  /** Forgets all that was projected; the next run begins with the stream. */
  async reset(): Promise<void> {
    await this.#readSide.asTenant(this.#tenant, async (tx) => {
      // The cursor first: who projects just now then waits, and loses.
      for (const table of ["cursors", "costEvents", "costRollups"] as const)
        await tx.deleteFrom(table).where("tenant_id", "=", this.#tenant).execute();
    });
  }

  /** False where another projector was quicker: what it did is read again. */
  async #runUntilLost(read: ReadPosted): Promise<boolean> {
    let cursor = await this.#cursor();
    for await (const batch of batches(read(cursor.seq), this.#batchMax)) {
      const { ledgerSeq } = cursor;
      const fresh = batch.filter(({ transaction }) => transaction.seq > ledgerSeq);
      if (fresh.length === 0) continue;
      const next = this.#follow(cursor, fresh);
      if (!(await this.#store(cursor, next, fresh))) return false;
      cursor = next;
    }
    return true;
  }

  #cursor(): Promise<Cursor> {
    return this.#readSide.asTenant(this.#tenant, async (tx) => {
      const row = await tx
        .selectFrom("cursors")
        .select(["seq", "ledger_seq", "tail"])
        .where("tenant_id", "=", this.#tenant)
        .where("projection", "=", NAME)
        .executeTakeFirst();
      if (!row) return START;
      return { seq: Number(row.seq), ledgerSeq: Number(row.ledger_seq), tail: row.tail };
    });
  }

  /** Where the cursor stands after a batch (P2). */
  #follow(cursor: Cursor, batch: readonly Posted[]): Cursor {
    return batch.reduce((at, { seq, transaction }) => {
      const { tenant, prev, hash } = transaction;
      const fits = tenant === this.#tenant && prev === at.tail;
      if (!fits || transaction.seq !== at.ledgerSeq + 1)
        throw new AppError(
          "ledger.damaged",
          `transaction ${transaction.seq} of ${tenant} does not follow ${at.ledgerSeq}`,
        );
      return { seq, ledgerSeq: transaction.seq, tail: hash };
    }, cursor);
  }

  #store(from: Cursor, to: Cursor, batch: readonly Posted[]): Promise<boolean> {
    const rows = batch.flatMap(({ transaction }) => costRowsOf(transaction));
    return this.#readSide.asTenant(this.#tenant, async (tx) => {
      if (!(await this.#moveCursor(tx, from, to))) return false;
      const full = linked(rows, await this.#earlier(tx, rows));
      for (let at = 0; at < full.length; at += INSERT_MAX)
        await tx
          .insertInto("costEvents")
          .values(full.slice(at, at + INSERT_MAX))
          .execute();
      await this.#rollUp(tx, from.ledgerSeq);
      return true;
    });
  }

  async #moveCursor(tx: Tx<Tables>, from: Cursor, to: Cursor): Promise<boolean> {
    const key = { tenant_id: this.#tenant, projection: NAME };
    if (from.ledgerSeq === 0)
      await tx
        .insertInto("cursors")
        .values({ ...key, seq: 0, ledger_seq: 0, tail: "" })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    const { numUpdatedRows } = await tx
      .updateTable("cursors")
      .set({ seq: to.seq, ledger_seq: to.ledgerSeq, tail: to.tail })
      .where("tenant_id", "=", this.#tenant)
      .where("projection", "=", NAME)
      .where("ledger_seq", "=", from.ledgerSeq)
      .executeTakeFirstOrThrow();
    return numUpdatedRows === 1n;
  }

  /** What is stored of the requests that rows take something back from, or correct. */
  async #earlier(
    tx: Tx<Tables>,
    rows: readonly CostEventsTable[],
  ): Promise<readonly EarlierLine[]> {
    const asking = rows.filter((row) => takesBack(row) || row.kind !== "rate");
    const requests = new Set(asking.flatMap(({ request_id }) => request_id ?? []));
    if (requests.size === 0) return [];
    return tx
      .selectFrom("costEvents")
      .distinctOn(["request_id", "meter", "price_id"])
      .select(["request_id", "meter", "price_id", "line_id", "model", "room"])
      .where("tenant_id", "=", this.#tenant)
      .where("request_id", "in", [...requests])
      .where("quantity_measured", ">", "0")
      .orderBy("request_id")
      .orderBy("meter")
      .orderBy("price_id")
      .orderBy("ledger_seq", "desc")
      .orderBy("line_no", "desc")
      .execute();
  }

  /** Adds the rows after a place to their sums. */
  async #rollUp(tx: Tx<Tables>, after: number): Promise<void> {
    const key = ["tenant_id", "day", "call_id", "agent", "service", "provider", "model"] as const;
    await tx
      .insertInto("costRollups")
      .columns([...key, "amount_pico", "lines", "unrated"])
      .expression(
        tx
          .selectFrom("costEvents")
          .select((eb) => [...keyColumns(eb), ...sums])
          .where("tenant_id", "=", this.#tenant)
          .where("ledger_seq", ">", after)
          .groupBy(sql`1, 2, 3, 4, 5, 6, 7`),
      )
      .onConflict((conflict) =>
        conflict.columns(key).doUpdateSet((eb) => ({
          amount_pico: eb("costRollups.amount_pico", "+", eb.ref("excluded.amount_pico")),
          lines: eb("costRollups.lines", "+", eb.ref("excluded.lines")),
          unrated: eb("costRollups.unrated", "+", eb.ref("excluded.unrated")),
        })),
      )
      .execute();
  }
}

/** A rollup's key, in its order. */
function keyColumns(eb: ExpressionBuilder<Tables, "costEvents">) {
  const orEmpty = <Name extends "call_id" | "agent" | "provider" | "model">(name: Name) =>
    eb.fn.coalesce(name, sql.lit("")).as(name);
  return [
    "tenant_id" as const,
    sql<string>`(occurred_at at time zone 'UTC')::date`.as("day"),
    orEmpty("call_id"),
    orEmpty("agent"),
    "service" as const,
    orEmpty("provider"),
    orEmpty("model"),
  ] as const;
}

const sums = [
  sql<string>`sum(amount_pico)`.as("amount_pico"),
  sql<string>`count(*)`.as("lines"),
  sql<string>`coalesce(sum(quantity_measured) filter (
    where meter is not null and price_id is null), 0)`.as("unrated"),
] as const;
