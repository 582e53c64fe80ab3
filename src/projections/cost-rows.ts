import type { Entry, Transaction } from "../events/ledger.events.ts";
import { requestIdOf } from "../events/usage.events.ts";
import { aboutOf } from "../ledger/lines.ts";
import type { CostEventsTable } from "./tables.ts";

/** From a transaction of the cost stream to its rows of `costEvents`, purely. */
const COST = "cost:";
const UNRATED = "suspense:unrated";

/**
 * One row for each entry that is cost, or would be if it had a price. An adjustment by hand has no
 * call and no meter, but counts as the account does; what an allowance gives back is a call's.
 */
export function costRowsOf(transaction: Transaction): readonly CostEventsTable[] {
  const about = attributionOf(transaction);
  const { tenant, txn, kind, book, period, occurredAt, postedAt, seq } = transaction;
  return transaction.entries.flatMap((entry, index) => {
    const service = serviceOf(entry, about?.service);
    if (service === undefined) return [];
    const { rated, given, amountPico } = entry;
    const row: CostEventsTable = {
      tenant_id: tenant,
      line_id: rated?.line ?? given?.line ?? `${txn}.${index + 1}`,
      txn_id: txn,
      line_no: index + 1,
      call_id: about?.call ?? given?.call ?? null,
      turn_id: about?.turn ?? null,
      agent: about?.agent ?? null,
      room: about?.room ?? null,
      request_id: about?.request ?? null,
      service,
      provider: about?.provider ?? null,
      model: about?.model ?? null,
      meter: rated?.meter ?? null,
      quantity_measured: rated?.measured ?? "0",
      quantity_billed: rated?.billed ?? "0",
      price_id: rated?.priceId ?? given?.pool ?? null,
      book_version: book,
      amount_pico: amountPico,
      kind,
      reverses_line_id: null,
      quality: about?.quality ?? null,
      discarded: about?.discarded ?? false,
      period,
      occurred_at: new Date(occurredAt),
      posted_at: new Date(postedAt),
      ledger_seq: seq,
    };
    return [row];
  });
}

function attributionOf({ event, request }: Transaction) {
  if (event) return { ...aboutOf(event), request: requestIdOf(event), room: event.room };
  return request && { ...request, request: request.id, room: undefined };
}

function serviceOf({ account, rated }: Entry, service: string | undefined): string | undefined {
  if (account.startsWith(COST)) return account.slice(COST.length);
  return account === UNRATED && rated ? service : undefined;
}

/** What a later line of the same request needs to know of an earlier one. */
export type EarlierLine = Pick<
  CostEventsTable,
  "request_id" | "meter" | "price_id" | "line_id" | "model" | "room"
>;

export function takesBack(row: CostEventsTable): boolean {
  return row.quantity_measured.startsWith("-");
}

/**
 * Rows in the order of the stream, each that takes something back with the line it takes it from
 * and under that line's model; corrections, which name no room, with the room of their request.
 * `earlier`: of rows that are stored already, the last that used something by request, meter and
 * price.
 */
export function linked(
  rows: readonly CostEventsTable[],
  earlier: readonly EarlierLine[],
): readonly CostEventsTable[] {
  const last = new Map(earlier.map((line) => [keyOf(line), line]));
  const rooms = new Map(earlier.map(({ request_id, room }) => [request_id, room]));
  return rows.map((row) => {
    if (row.request_id === null) return row;
    const room = row.room ?? rooms.get(row.request_id) ?? null;
    rooms.set(row.request_id, room);
    const taken = takesBack(row) ? last.get(keyOf(row)) : undefined;
    const full = taken
      ? { ...row, room, model: taken.model, reverses_line_id: taken.line_id }
      : { ...row, room };
    if (!takesBack(row)) last.set(keyOf(full), full);
    return full;
  });
}

function keyOf({ request_id, meter, price_id }: EarlierLine): string {
  return JSON.stringify([request_id, meter, price_id]);
}
