/**
 * The tables of the read side, as `migrations.ts` makes them. Money and quantities are the digits
 * of whole numbers, since a JS number would lose some; every table has its rows by tenant.
 */
export interface CostEventsTable {
  readonly tenant_id: string;
  readonly line_id: string;
  readonly txn_id: string;
  /** Place of the entry in its transaction, from 1. */
  readonly line_no: number;
  readonly call_id: string | null;
  readonly turn_id: string | null;
  readonly agent: string | null;
  readonly room: string | null;
  readonly request_id: string | null;
  readonly service: string;
  readonly provider: string | null;
  readonly model: string | null;
  readonly meter: string | null;
  readonly quantity_measured: string;
  readonly quantity_billed: string;
  /** Null with a meter: no price is known, and the amount says nothing. */
  readonly price_id: string | null;
  readonly book_version: string;
  readonly amount_pico: string;
  readonly kind: string;
  /** The line that this one takes back, in whole or in part. */
  readonly reverses_line_id: string | null;
  readonly quality: string | null;
  readonly discarded: boolean;
  /** The month that it counts in, as `2026-11`. */
  readonly period: string;
  readonly occurred_at: Date;
  readonly posted_at: Date;
  /** Digits or a number, as the driver likes it. */
  readonly ledger_seq: string | number;
}

/** Sums of `costEvents` by the day it was used (UTC) and by all but turn and meter. */
interface CostRollupsTable {
  readonly tenant_id: string;
  readonly day: string;
  /** Empty texts stand for what a hand-made adjustment has not. */
  readonly call_id: string;
  readonly agent: string;
  readonly service: string;
  readonly provider: string;
  readonly model: string;
  readonly amount_pico: string;
  readonly lines: string | number;
  /** Units without a price, of whatever meter: not zero where the amount is not the whole cost. */
  readonly unrated: string;
}

/** How far a projection has come in a tenant's stream. */
interface CursorsTable {
  readonly tenant_id: string;
  readonly projection: string;
  /** Place in the stream of the last transaction that was taken. */
  readonly seq: string | number;
  /** Its own number, and its hash. */
  readonly ledger_seq: string | number;
  readonly tail: string;
}

/** `costEvents` as rows of the usual shape. */
interface CostRowsView {
  readonly tenant_id: string;
  readonly service: string;
  /** Exact decimal text. */
  readonly cost_usd: string;
  readonly timestamp: Date;
  readonly metadata: unknown;
}

export interface Tables {
  readonly costEvents: CostEventsTable;
  readonly costRollups: CostRollupsTable;
  readonly cursors: CursorsTable;
  readonly costRows: CostRowsView;
}

/** The role that every query runs under, and the setting that says whose rows it sees. */
export const TENANT_ROLE = "turnfold_tenant";
export const TENANT_SETTING = "turnfold.tenant";
